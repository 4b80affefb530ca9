"""The packed digests of CREMA-D agree with the full list."""

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.corpora import CORPORA
from mer.corpora.download import cremad
from mer.corpora.reading.files import STUB_START

REAL = Path(os.environ.get("MER_REAL_CORPORA", "nowhere"))
FULL = REAL.parent / "reference" / "cremad_audiowav_lfs_sha256.csv"


def test_every_clip_has_a_size_and_a_digest():
    files = [file for file in cremad.recordings() if file.name.startswith("AudioWAV/")]
    codes = [Path(file.name).stem.split("_") for file in files]
    corpus = CORPORA["cremad"]
    assert len({file.name for file in files}) == sum(corpus.expected_counts.values())
    assert {
        label: sum(code[2] == label for code in codes) for label in corpus.expected_counts
    } == corpus.expected_counts
    assert len({code[0] for code in codes}) == corpus.speakers
    assert sum(file.bytes for file in files) == 605_899_936
    assert all(len(file.digest) == len("sha256:") + 2 * cremad.DIGITS for file in files)
    assert len({file.digest for file in files}) > 7_430  # a few clips are the same recording
    assert cremad.TABLE.stat().st_size < 200_000


@pytest.mark.skipif(not FULL.exists(), reason="the full list of digests is not at hand")
def test_packed_table_agrees_with_the_full_list():
    with FULL.open(encoding="utf-8", newline="") as file:
        full = {row["path"]: (int(row["size_bytes"]), row["sha256"]) for row in csv.DictReader(file)}
    compact = {file.name: file for file in cremad.recordings() if file.name.startswith("AudioWAV/")}
    assert set(compact) == set(full)
    for path, (size, sha256) in full.items():
        assert compact[path].bytes == size
        assert compact[path].digest == f"sha256:{sha256[: 2 * cremad.DIGITS]}"


@pytest.mark.skipif(not (REAL / "CREMA-D").is_dir(), reason="MER_REAL_CORPORA does not name a folder of recordings")
def test_lists_have_the_published_digests():
    files = [file for file in cremad.recordings() if file.name in cremad.LISTS]
    assert len(files) == len(cremad.LISTS)
    for file in files:
        assert file.fault(REAL / "CREMA-D" / file.name) is None


clips = st.dictionaries(
    st.from_regex(r"1[0-9]{3}_[A-Z]{3}_[A-Z]{3}_[A-Z]{2}", fullmatch=True),
    st.tuples(st.integers(1, 2**24 - 1), st.binary(min_size=32, max_size=32)),
    max_size=12,
)


@given(result=clips)
def test_packing_shortens_digests_only(result):
    message = [(name, size, digest.hex()) for name, (size, digest) in result.items()]
    assert list(cremad.clips(cremad.pack(message))) == sorted((name, size, sha[:24]) for name, size, sha in message)


def test_pointers_of_a_clone_are_read(tmp_path):
    pointer = STUB_START + b"\noid sha256:" + b"ab" * 32 + b"\nsize 72862\n"
    (tmp_path / "1001_DFA_ANG_XX.wav").write_bytes(pointer)
    assert list(cremad.pointers(tmp_path)) == [("1001_DFA_ANG_XX", 72862, "ab" * 32)]
    (tmp_path / "1001_DFA_DIS_XX.wav").write_bytes(b"RIFF" * 500)
    with pytest.raises(ValueError, match=r"1001_DFA_DIS_XX\.wav: not a Git-LFS pointer"):
        list(cremad.pointers(tmp_path))
