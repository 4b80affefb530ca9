"""Files are opened once per version."""

import os

import pytest

from mer.dataset.manifest import headers
from mer.media import audio
from tests.corpora.trees import put, speech


@pytest.fixture
def opened(monkeypatch):
    seen, header = [], audio.header
    monkeypatch.setattr(audio, "header", lambda path: seen.append(path.name) or header(path))
    return seen


def test_unchanged_files_are_not_read_again(tmp_path, opened):
    raw, cache = tmp_path / "raw", tmp_path / "cache"
    for name in ("a.wav", "b.wav", "c.wav"):
        speech(raw / name)
    first = headers.read_headers(raw, ["a.wav", "b.wav"], cache)
    assert first.loc["a.wav", ["seconds", "rate", "channels"]].tolist() == [0.5, 16_000, 1]
    speech(raw / "b.wav", seconds=0.75)
    opened.clear()
    second = headers.read_headers(raw, ["a.wav", "b.wav", "c.wav"], cache, jobs=2)
    assert sorted(opened) == ["b.wav", "c.wav"]
    assert second.loc["b.wav", "seconds"] == 0.75
    assert second.loc["a.wav", "sha256"] == first.loc["a.wav", "sha256"]
    assert second.loc["b.wav", "sha256"] != first.loc["b.wav", "sha256"]


def test_a_changed_time_is_another_version(tmp_path, opened):
    path = speech(tmp_path / "raw/a.wav")
    before = headers.read_headers(tmp_path / "raw", ["a.wav"], tmp_path).loc["a.wav", "sha256"]
    speech(path, seed=7)
    os.utime(path, ns=(1, 1))
    assert headers.read_headers(tmp_path / "raw", ["a.wav"], tmp_path).loc["a.wav", "sha256"] != before


def test_files_with_swapped_names_are_read_again(tmp_path, opened):
    first, second = (speech(tmp_path / f"raw/{name}.wav") for name in "ab")
    for path in (first, second):
        os.utime(path, ns=(1, 1))  # as an archive does that knows two seconds only
    before = headers.read_headers(tmp_path / "raw", ["a.wav", "b.wav"], tmp_path)["sha256"]
    first.rename(tmp_path / "raw/c.wav")
    second.rename(first)
    (tmp_path / "raw/c.wav").rename(second)
    after = headers.read_headers(tmp_path / "raw", ["a.wav", "b.wav"], tmp_path)["sha256"]
    assert (after["a.wav"], after["b.wav"]) == (before["b.wav"], before["a.wav"])


def test_a_damaged_cache_of_headers_is_deleted(tmp_path, opened):
    speech(tmp_path / "raw/a.wav")
    before = headers.read_headers(tmp_path / "raw", ["a.wav"], tmp_path)
    [cache] = tmp_path.glob("scan-*.parquet")
    for damage in (b"", b"PAR1" + bytes(40), cache.read_bytes()[:-9]):
        cache.write_bytes(damage)
        with pytest.warns(UserWarning, match=f"deleted: .*{cache.name}: damaged .*read again"):
            again = headers.read_headers(tmp_path / "raw", ["a.wav"], tmp_path)
        assert again.equals(before)
    assert opened == ["a.wav"] * 4


def test_unreadable_files_are_read_again(tmp_path, opened):
    put(tmp_path, "raw/a.wav", b"no sound")
    for _ in range(2):
        result = headers.read_headers(tmp_path / "raw", ["a.wav", "gone.wav"], tmp_path / "cache")
        assert "not readable" in result.loc["a.wav", "error"]
        assert "No such file" in result.loc["gone.wav", "error"]
        assert result["sha256"].isna().all()
    assert opened == ["a.wav", "gone.wav"] * 2


def test_headers_before_an_interruption_are_cached(tmp_path, monkeypatch, opened):
    for number in range(4):
        speech(tmp_path / f"raw/{number}.wav")
    names = [f"{number}.wav" for number in range(4)]
    monkeypatch.setattr(headers, "BATCH_FILES", 2)
    header = audio.header

    def interrupted(path):
        if path.name == "3.wav":
            raise KeyboardInterrupt
        return header(path)

    monkeypatch.setattr(audio, "header", interrupted)
    with pytest.raises(KeyboardInterrupt):
        headers.read_headers(tmp_path / "raw", names, tmp_path / "cache")
    monkeypatch.setattr(audio, "header", header)
    opened.clear()
    headers.read_headers(tmp_path / "raw", names, tmp_path / "cache")
    assert opened == ["2.wav", "3.wav"]
