"""Values of files that are stored for other processes."""

import os
import shutil
import time

import pytest

from mer import file_cache
from mer.file_cache import FileCache


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file with an old time of modification; files count as settled at once."""
    monkeypatch.setattr(file_cache, "SETTLED_SECONDS", -1)
    path = tmp_path / "file"
    path.write_text("1")
    os.utime(path, (10**9, 10**9))
    return path


def stored(tmp_path, version="1"):
    return FileCache(tmp_path / "cache.json", version)


def read(path):
    return path.read_text()


def refuse_computation(path):
    raise AssertionError(f"{path} is computed again")


def test_a_value_is_computed_once_for_all_processes(tmp_path, file):
    first = stored(tmp_path)
    assert first.value(file, read) == "1"
    first.save()
    assert first.value(file, refuse_computation) == stored(tmp_path).value(file, refuse_computation) == "1"


def test_an_edit_that_keeps_size_and_time_of_modification_is_noticed(tmp_path, file):
    first = stored(tmp_path)
    first.value(file, read)
    first.save()
    before = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == before:  # the clock of the file system has to tick once
        file.write_text("2")
        os.utime(file, (10**9, 10**9))
    assert first.value(file, read) == stored(tmp_path).value(file, read) == "2"


def test_a_replaced_file_is_noticed(tmp_path, file):
    first = stored(tmp_path)
    first.value(file, read)
    other = tmp_path / "other"
    other.write_text("2")
    shutil.copystat(file, other)
    other.replace(file)
    assert first.value(file, read) == "2"


def test_the_value_of_a_file_that_has_just_changed_is_not_stored(tmp_path, file, monkeypatch):
    """It may change again within one tick of its clock."""
    monkeypatch.setattr(file_cache, "SETTLED_SECONDS", 2.5)
    cache = stored(tmp_path)
    cache.value(file, read)  # its time of status change is now
    cache.save()
    assert not cache.path.exists()
    now = time.time()
    monkeypatch.setattr(file_cache.time, "time", lambda: now + 3)
    cache.value(file, read)
    cache.save()
    assert stored(tmp_path).value(file, refuse_computation) == "1"


def test_age_is_measured_before_the_file_is_read(tmp_path, file, monkeypatch):
    monkeypatch.setattr(file_cache, "SETTLED_SECONDS", 2.5)
    now = time.time()

    def read_slowly(path):
        monkeypatch.setattr(file_cache.time, "time", lambda: now + 60)
        return read(path)

    cache = stored(tmp_path)
    cache.value(file, read_slowly)
    assert cache.value(file, lambda _: "computed again") == "computed again"


def test_values_of_another_version_are_not_used(tmp_path, file):
    first = stored(tmp_path)
    first.value(file, read)
    first.save()
    other = stored(tmp_path, "2")
    assert other.value(file, lambda _: "new") == "new"
    other.save()
    assert stored(tmp_path, "2").value(file, refuse_computation) == "new"
    assert stored(tmp_path).value(file, read) == "1"


def damage(text):
    """The text of a cache, damaged in several ways."""
    yield from ("", "[]", "{}", "null", "\x00", text[:-1], text[: len(text) // 2], "[" * 100_000)
    yield text.replace('"1"', '"2"')
    yield text.replace('"digest":"', '"digest":"0')
    yield '{"digest": "", "version": "1", "entries": 3}'


def test_a_damaged_cache_is_ignored_and_replaced(tmp_path, file):
    first = stored(tmp_path)
    first.value(file, read)
    first.save()
    whole = first.path.read_text()
    for text in damage(whole):
        assert text != whole
        first.path.write_text(text)
        again = stored(tmp_path)
        assert again.value(file, lambda _: "new") == "new", text[:80]
        again.save()
        assert stored(tmp_path).value(file, refuse_computation) == "new"


def test_cache_that_is_not_text_is_ignored(tmp_path, file):
    (tmp_path / "cache.json").write_bytes(b"\xff\xfe\x00")
    assert stored(tmp_path).value(file, read) == "1"


def test_missing_files_are_removed_from_the_cache(tmp_path, file):
    cache = stored(tmp_path)
    cache.value(file, read)
    file.rename(tmp_path / "moved")
    cache.value(tmp_path / "moved", read)
    cache.save()
    text = cache.path.read_text()
    assert str(tmp_path / "moved") in text
    assert f'"{file}"' not in text


def test_file_name_that_is_not_utf8_is_stored(tmp_path, file):
    odd = tmp_path / os.fsdecode(b"\xff")
    try:
        file.rename(odd)
    except OSError:
        pytest.skip("this file system takes no such names")
    cache = stored(tmp_path)
    cache.value(odd, read)
    cache.save()
    assert stored(tmp_path).value(odd, refuse_computation) == "1"


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, file):
    (tmp_path / "cache").write_text("a file, not a folder")
    cache = FileCache(tmp_path / "cache/cache.json", "1")
    assert cache.value(file, read) == "1"
    cache.save()


def test_a_missing_file_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        stored(tmp_path).value(tmp_path / "absent", read)
