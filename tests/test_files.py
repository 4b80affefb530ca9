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


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    for name in ("a.csv", "b/c.md", "b/.hidden", "b/.d.partial.txt", ".other.1-00000000.partial.csv"):
        files.write_text(tmp_path / name, "kept")
    writers = [files.replacing(tmp_path / name) for name in ("a.csv", "b/c.md", "b/deep/no suffix")]
    for writer in writers:
        writer.__enter__().write_text("half")  # and never leaves the block, as a process that was killed
    assert len([*tmp_path.rglob(".*.partial*")]) == 5
    for name in ("a.csv", "b", "absent"):
        files.remove_partial(tmp_path / name)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"a.csv", "b/c.md", "b/.hidden", "b/.d.partial.txt", ".other.1-00000000.partial.csv"}
