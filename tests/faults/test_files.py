"""Damage to any file of a run folder, full disks, and clocks that jump: the next run ends as an undisturbed one."""

import errno
import io
import os
import shutil
import time

import pytest

from mer.runner import StudyError
from tests.faults import graphs

pytestmark = pytest.mark.faults
SEED = 1


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flip_first(path):
    path.write_bytes(bytes([path.read_bytes()[0] ^ 0x80]) + path.read_bytes()[1:])


DAMAGE = {
    "flipped": flip,
    "flipped first": flip_first,
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "removed": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.fixture
def finished(toys):
    expected = graphs.add(toys, SEED)
    assert toys.run(jobs=2) == 0, toys.screen
    shutil.copytree(toys.study.folder, toys.study.folder.with_name("whole"), symlinks=True)
    return toys, expected


def restored(toys):
    """Give the run folder its undisturbed files again."""
    shutil.rmtree(toys.study.folder)
    shutil.copytree(toys.study.folder.with_name("whole"), toys.study.folder, symlinks=True)
    assert toys.run() == 0


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_any_file_of_a_run_folder(finished, damage):
    toys, expected = finished
    folder = toys.study.folder
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    hit = 0
    for name in names:
        if name.parts[0] in ("count", "logs", ".lock") or name.suffix == ".html":
            continue  # nobody reads them again
        hit += 1
        DAMAGE[damage](folder / name)
        try:
            code = toys.run(jobs=2)
            message = toys.screen
        except StudyError as error:
            code, message = 2, str(error)
        if code == 0:
            assert graphs.outputs(folder) == expected, (name, message)
        else:  # one message that says what to do
            assert name.name in message, (name, message)
        restored(toys)
    assert hit > 8


class FullDisk:
    """Let the n-th write of this process and all later ones fail, as if the disk were full."""

    def __init__(self, monkeypatch, number):
        self.left, self.happened = number, False
        write, replace = io.open, os.replace

        def opened(file, mode="r", *arguments, **options):
            if set(mode) & set("wax+") and self.count():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
            return write(file, mode, *arguments, **options)

        def replaced(source, target):
            if self.count():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source), None, str(target))
            return replace(source, target)

        monkeypatch.setattr(io, "open", opened)
        monkeypatch.setattr(os, "replace", replaced)

    def count(self):
        self.left -= 1
        self.happened |= self.left < 0
        return self.left < 0


@pytest.mark.parametrize("number", range(0, 40, 2))
def test_a_full_disk_at_any_write_of_the_runner(toys, number):
    expected = graphs.add(toys, SEED)
    with pytest.MonkeyPatch.context() as patch:
        disk = FullDisk(patch, number)
        try:
            code = toys.run(jobs=2)
            message = toys.screen
        except (StudyError, OSError) as error:
            code, message = 2, str(error)
    assert code in (0, 1, 2)
    assert code == 0 or "No space left on device" in message, message
    assert disk.happened or code == 0
    assert toys.run(jobs=2) == 0, toys.screen
    assert graphs.outputs(toys.study.folder) == expected


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_files_whose_times_are_of_another_year(finished, days):
    toys, expected = finished
    before = graphs.starts(toys.study.folder)
    for path in (*toys.study.folder.rglob("*"), *toys.study.notebooks.iterdir()):
        state = path.lstat()
        os.utime(path, (state.st_atime, state.st_mtime + days * 86_400), follow_symlinks=False)
    assert toys.run(jobs=2) == 0, toys.screen
    assert graphs.outputs(toys.study.folder) == expected
    assert graphs.starts(toys.study.folder) == before, "the content is the same"


@pytest.mark.parametrize("seconds", [-1e6, 1e6])
def test_a_clock_that_jumps_during_a_run(toys, monkeypatch, seconds):
    expected, clock, begun = graphs.add(toys, SEED), time.time, time.monotonic()
    monkeypatch.setattr(time, "time", lambda: clock() + (seconds if time.monotonic() > begun + 2 else 0))
    assert toys.run(jobs=2) == 0, toys.screen
    assert graphs.outputs(toys.study.folder) == expected
    monkeypatch.setattr(time, "time", clock)
    assert toys.run(jobs=2) == 0
    assert graphs.outputs(toys.study.folder) == expected


def test_a_step_that_uses_all_memory_says_so(toys):
    toys.add("01_grow", "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))\n"
                        "x = bytearray(10**10)", writes=["a"])  # fmt: skip
    assert toys.run() == 1
    assert "MemoryError" in toys.screen
