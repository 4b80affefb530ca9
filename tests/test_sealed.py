"""Sealed files: every change of content or name is detected."""

import contextlib
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mer import sealed

NAME = "folder/name"


def array(path, rows=10, first=0):
    with sealed.replacing(path, NAME) as partial:
        np.save(partial, np.arange(first, first + 5 * rows, dtype=np.float32).reshape(rows, 5))


def table(path, rows=10):
    sealed.write_table(path, NAME, pd.DataFrame({"key": [f"{number:08}" for number in range(rows)], "row": 0.5}))


def tensors(path, rows=10):
    with sealed.replacing(path, NAME) as partial:
        outcome = {"runs": f'{{"seal": "{sealed.BLANK}", "more": "{"x" * rows}"}}'}
        save_file({"0": np.full((rows, 7), 0.5, np.float32)}, partial, metadata=outcome)


KINDS = {"npy": array, "parquet": table, "safetensors": tensors}


@pytest.fixture(scope="module", params=[(kind, rows) for kind in KINDS for rows in (10, 30_000)], ids=str)
def written(request, tmp_path_factory):
    """A small file, and one that is longer than the bytes that are searched for a digest."""
    kind, rows = request.param
    path = tmp_path_factory.mktemp("sealed") / f"a.{kind}"
    KINDS[kind](path, rows)
    content = path.read_bytes()
    assert (len(content) > 2 * sealed.TAIL_BYTES) == (rows > 10)
    return path, content


def test_sealed_file_passes_the_check_and_keeps_its_format(written):
    path, content = written
    path.write_bytes(content)
    sealed.check(path, NAME)
    assert len(sealed.stored_digest(path)) == sealed.DIGITS
    if path.suffix == ".npy":
        assert (np.load(path).ravel() == np.arange(np.load(path).size)).all()
        np.testing.assert_array_equal(sealed.mapped(path, NAME), np.load(path))
    elif path.suffix == ".parquet":
        pd.testing.assert_frame_equal(sealed.read_table(path, NAME), pd.read_parquet(path))


@given(st.data())
def test_change_of_any_byte_is_detected(written, data):
    path, content = written
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    with pytest.raises(sealed.DamagedFile):
        sealed.check(path, NAME)


@given(st.data())
def test_truncation_and_extension_are_detected(written, data):
    path, content = written
    kept = content[: data.draw(st.integers(0, len(content) - 1))]
    for changed in (kept, content + data.draw(st.binary(min_size=1, max_size=100)), content + content, kept + content):
        path.write_bytes(changed)
        if changed != content:
            with pytest.raises(sealed.DamagedFile):
                sealed.check(path, NAME)


def test_file_under_another_name_is_detected(written):
    path, content = written
    path.write_bytes(content)
    with pytest.raises(sealed.DamagedFile, match="not what was written"):
        sealed.check(path, "folder/another name")
    with pytest.raises(FileNotFoundError):
        sealed.check(path.with_name("gone"), NAME)


def test_file_is_checked_again_after_it_was_written(tmp_path, monkeypatch):
    path, checked, check = tmp_path / "a.npy", [], sealed.check
    monkeypatch.setattr(sealed, "check", lambda *outcome: checked.append(outcome) or check(*outcome))
    array(path)
    for _ in range(3):
        sealed.mapped(path, NAME)
    assert len(checked) == 1
    array(path, first=7)
    assert sealed.mapped(path, NAME)[0, 0] == 7
    assert len(checked) == 2
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    os.utime(path, (1, 1))
    with pytest.raises(sealed.DamagedFile):
        sealed.mapped(path, NAME)


@pytest.mark.parametrize("text", [sealed.BLANK, sealed.SEAL_PREFIX.decode(), sealed.SEAL_PREFIX.decode() + "1" * 64])
def test_text_that_resembles_a_seal_is_accepted(tmp_path, text):
    path = tmp_path / "a.parquet"
    sealed.write_table(path, NAME, pd.DataFrame({"key": [text, "b"], "error": [text, text]}))
    assert sealed.read_table(path, NAME)["key"].tolist() == [text, "b"]
    content = path.read_bytes()
    for at in range(0, len(content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(sealed.DamagedFile):
            sealed.check(path, NAME)


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.npy"
    array(path)
    before = path.read_bytes()
    with contextlib.suppress(KeyboardInterrupt), sealed.replacing(path, NAME) as partial:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt
    with pytest.raises(sealed.DamagedFile), sealed.replacing(tmp_path / "b.parquet", NAME) as partial:
        partial.write_bytes(b"a writer that puts no seal into it")
    assert path.read_bytes() == before
    assert [result.name for result in tmp_path.iterdir()] == ["a.npy"]
