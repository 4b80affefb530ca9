"""Copies are found by samples, by file and by the table of near-duplicates; other recordings are no copies."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.dataset.identity import duplicates
from tests.dataset.audit.manifests import clean

PAIRS = ["first", "second", "shift", "seconds", "errors"]


def near(*pairs):
    return pd.DataFrame([(*pair, 0.1, 2.0, 0.02) for pair in pairs], columns=PAIRS).astype({"first": "int64"})


def result(manifest, rows, among, pairs=duplicates.NO_DUPLICATES):
    known = duplicates.recordings(manifest, pairs)
    table = duplicates.copies(known, np.array(rows, int), np.array(among, int))
    return list(table.itertuples(index=False, name=None))


def rows_of(manifest, corpus):
    return np.flatnonzero(manifest["corpus"] == corpus)


@pytest.fixture
def manifest():
    return clean(speakers=3, clips=8)  # 24 rows of east, then 24 of west


def test_nothing_is_a_copy_of_another_recording(manifest):
    manifest.loc[[0, 30], "samples_sha256"] = None  # silence, or words without a recording
    assert result(manifest, range(24), range(24, 48)) == []
    assert duplicates.across_families(manifest, ["east", "west"]) == {}


def test_the_same_samples_in_another_file(manifest):
    manifest.loc[[40, 41], "samples_sha256"] = manifest.loc[3, "samples_sha256"]
    assert result(manifest, range(24), range(24, 48)) == [(3, 40)]
    assert result(manifest, range(24, 48), range(24)) == [(40, 3), (41, 3)]
    assert result(manifest, [3], [4, 5]) == []
    assert duplicates.across_families(manifest, ["east", "west"]) == {"east": 1, "west": 2}
    assert duplicates.across_families(manifest, ["east"]) == {}


@pytest.mark.parametrize("column", ["audio_sha256", "video_sha256"])
def test_a_file_of_two_families_is_a_copy_for_any_segment(manifest, column):
    manifest.loc[[3, 4, 40], column] = "long file"
    manifest.loc[[3, 4, 40], "start"] = [0.0, 5.0, 10.0]
    assert result(manifest, range(24), range(24, 48)) == [(3, 40), (4, 40)]
    assert result(manifest, [3], [4]) == []  # one family may cut a file
    assert result(manifest.assign(family="one"), range(24), range(24, 48)) == []


def test_near_duplicates_and_exact_copies_of_them(manifest):
    pairs = near((3, 40), (5, 6))
    assert result(manifest, range(24), range(24, 48), pairs) == [(3, 40)]
    assert result(manifest, range(24, 48), range(24), pairs) == [(40, 3)]
    manifest.loc[[20, 40], "samples_sha256"] = "same"
    assert result(manifest, [3], [20], pairs) == [(3, 20)]
    assert duplicates.across_families(manifest, ["east", "west"], pairs) == {"east": 2, "west": 1}


def test_missing_columns_show_no_copies(manifest):
    bare = manifest[["utterance_id", "corpus", "family"]]
    assert result(bare, range(24), range(24, 48)) == []
    assert result(bare, range(24), range(24, 48), near((3, 40))) == [(3, 40)]


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda p: p[0] < p[1]), max_size=6),
       st.lists(st.integers(0, 4), min_size=12, max_size=12), st.lists(st.integers(0, 2), min_size=12, max_size=12),
       st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11)))  # fmt: skip
def test_copies_equal_an_exhaustive_comparison(pairs, samples, family, rows, among):
    manifest = pd.DataFrame({
        "corpus": "c", "family": [f"f{n}" for n in family],
        "samples_sha256": [f"s{n}" if n else None for n in samples], "audio_sha256": [f"a{n % 3}" for n in samples],
    })  # fmt: skip

    def same(a, b):
        return a == b or (samples[a] > 0 and samples[a] == samples[b])

    def copied(a, b):
        close = any({True} == {same(a, x), same(b, y)} or {True} == {same(a, y), same(b, x)} for x, y in pairs)
        return same(a, b) or close or (samples[a] % 3 == samples[b] % 3 and family[a] != family[b])

    among -= rows
    table = result(manifest, sorted(rows), sorted(among), near(*pairs) if pairs else duplicates.NO_DUPLICATES)
    expected = {a for a in rows if any(copied(a, b) for b in among)}
    assert [row for row, _ in table] == sorted(expected)
    assert all(copy in among and copied(row, copy) for row, copy in table)


def test_the_table_of_duplicates_round_trips(manifest, tmp_path):
    manifest.loc[3, "utterance_id"] = 'east/NA, "a\n=b'
    table = duplicates.table(manifest, near((1, 2), (3, 40)))
    assert list(table.columns) == duplicates.COLUMNS
    assert table["across_families"].tolist() == [True, False]
    assert table.loc[0, ["second", "second_corpus", "second_family"]].tolist() == ["west/02_000", "west", "west"]
    table.to_csv(tmp_path / "duplicates.csv", index=False)
    back = duplicates.load(tmp_path / "duplicates.csv", manifest)
    assert back.to_numpy().tolist() == [[3, 40], [1, 2]]
    duplicates.table(manifest, near()).to_csv(tmp_path / "none.csv", index=False)
    assert duplicates.load(tmp_path / "none.csv", manifest).empty
    with pytest.raises(
        duplicates.OutdatedDuplicates, match=r"'west/02_000' is no usable row of the manifest; run step 01 again"
    ):
        duplicates.load(tmp_path / "duplicates.csv", manifest.drop(40).reset_index(drop=True))
