"""Damage to any file of a run folder, full disks, and clocks that jump: the next run ends as an undisturbed one."""

import errno
import itertools
import os
import shutil
import subprocess
import sys
import time

import pytest

from mer import files
from tests.faults import graphs, here, writes
from tests.runner.test_limits import MOUNT, can_mount

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="copies of a process")]
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
    expected = graphs.add(toys, SEED, pauses=(0,))
    ended = here.run_copy(toys.study)
    assert ended.code == 0, ended.screen
    shutil.copytree(toys.study.folder, toys.study.folder.with_name("whole"), symlinks=True)
    return toys, expected


def restored(toys):
    """Give the run folder its undisturbed files again."""
    shutil.rmtree(toys.study.folder)
    shutil.copytree(toys.study.folder.with_name("whole"), toys.study.folder, symlinks=True)


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
        ended = here.run_copy(toys.study)
        if ended.code == 0:
            assert graphs.outputs(folder) == expected, (name, ended.screen)
        else:  # one message that says what to do
            assert name.name in ended.screen, (name, ended.screen)
        restored(toys)
    assert hit > 8


def full_from(home, number):
    """Return a function that lets the write with this number, and all later ones, fail in its own process."""
    count = itertools.count()

    def happens(kind):
        if next(count) >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(home / kind))

    return writes.Writes(home, happens).install


def test_a_full_disk_at_any_write(toys):
    expected, folder, number = graphs.add(toys, SEED, pauses=(0,)), toys.study.folder, 0
    while True:  # until a run makes fewer writes
        shutil.rmtree(folder, ignore_errors=True)
        ended = here.run_copy(toys.study, full_from(folder, number))
        if ended.code == 0:
            break
        assert ended.code in (1, 2), ended.screen
        assert "No space left on device" in ended.screen, (number, ended.screen)
        again = here.run_copy(toys.study)
        assert again.code == 0, (number, again.screen)
        assert graphs.outputs(folder) == expected
        number += 1
    assert number > 20
    assert graphs.outputs(folder) == expected


PROGRAM = """
import sys
from pathlib import Path, PosixPath
from mer.runner import Study, StudyError
from mer.runner.execution.loop import run
if __name__ == "__main__":
    try:
        sys.exit(run({study!r}))
    except StudyError as error:
        print(error)
        sys.exit(2)
"""


@pytest.mark.skipif(not can_mount(), reason="no right to mount a small disk")
@pytest.mark.parametrize("size", ["64k", "300k", "700k"])
def test_a_real_disk_that_is_full_and_then_grows(toys, size):
    """Kernels and their workers write to it, too."""
    expected = graphs.add(toys, SEED, pauses=(0,))
    toys.add("09_large", "(folder / 'large').write_bytes(bytes(2**20))", writes=["large"])
    program = toys.study.folder.parent / "program.py"
    program.write_text(PROGRAM.format(study=toys.study))
    toys.study.folder.mkdir()
    script = (
        f'mount -t tmpfs -o size={size} none "$1" && "$2" "$3"; echo "first $?"; mount -o remount,size=64m "$1"'
        ' && "$2" "$3"; echo "second $?"; cp -r "$1" "$4"'
    )
    kept = toys.study.folder.with_name("kept")
    result = subprocess.run(
        [*MOUNT, "sh", "-c", script, "sh", str(toys.study.folder), sys.executable, str(program), str(kept)],
        capture_output=True, text=True, cwd=files.ROOT, env=os.environ | {"PYTHONPATH": str(files.ROOT)}, timeout=1200,
    )  # fmt: skip
    screen = result.stdout + result.stderr
    assert "first 1\n" in screen or "first 2\n" in screen, screen
    assert "No space left on device" in screen, screen
    assert "second 0\n" in screen, screen
    assert "Traceback" not in screen
    assert graphs.outputs(kept) == expected


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_files_whose_times_are_of_another_year(finished, days):
    toys, expected = finished
    before = graphs.starts(toys.study.folder)
    for path in (*toys.study.folder.rglob("*"), *toys.study.notebooks.iterdir()):
        state = path.lstat()
        os.utime(path, (state.st_atime, state.st_mtime + days * 86_400), follow_symlinks=False)
    ended = here.run_copy(toys.study)
    assert ended.code == 0, ended.screen
    assert graphs.outputs(toys.study.folder) == expected
    assert graphs.starts(toys.study.folder) == before, "the content is the same"


@pytest.mark.parametrize("seconds", [-1e6, 1e6])
def test_a_clock_that_jumps_during_a_run(toys, monkeypatch, seconds):
    expected, clock = graphs.add(toys, SEED), time.time
    begun = toys.study.folder / "count" / "01"
    monkeypatch.setattr(time, "time", lambda: clock() + (seconds if begun.exists() else 0))
    assert toys.run(jobs=2) == 0, toys.screen
    assert graphs.outputs(toys.study.folder) == expected
    monkeypatch.setattr(time, "time", clock)
    before = graphs.starts(toys.study.folder)
    assert toys.run(jobs=2) == 0
    assert graphs.outputs(toys.study.folder) == expected
    assert graphs.starts(toys.study.folder) == before


def test_a_step_that_uses_all_memory_says_so(toys):
    toys.add("01_grow", "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))\n"
                        "x = bytearray(10**10)", writes=["a"])  # fmt: skip
    assert toys.run() == 1
    assert "MemoryError" in toys.screen
