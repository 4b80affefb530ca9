import pytest

from mer import files


def test_failed_write_keeps_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), files.replacing(path) as partial:  # noqa: PT012
        partial.write_text("half")
        raise RuntimeError
    assert files.read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_nan_cannot_be_written_as_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", float("nan"))
    assert list(tmp_path.iterdir()) == []


def test_damaged_json_names_the_file(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json"):
        files.read_json(tmp_path / "a.json")


def test_git_takes_no_lock_and_one_that_hangs_is_no_clean_repository(monkeypatch):
    asked = []
    monkeypatch.setattr(
        files, "program_output", lambda *words: asked.append(words) or {"rev-parse": "abc"}.get(words[1], "")
    )
    assert files.git_state() is None
    assert all("--no-optional-locks" in words for words in asked if "status" in words)
    monkeypatch.setattr(files, "program_output", lambda *words: "abc" if "rev-parse" in words else "## main\n M a.py")
    assert files.git_state() == {"commit": "abc", "dirty": True}
