"""Folders that cannot be written, files that cannot grow, too little memory and clocks that jump, in a real study."""

import ctypes
import os
import resource
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts of Linux")]
RUN = "outputs/small"
NEW_USERS, NEW_MOUNTS = 0x10000000, 0x00020000


def without_writing(path):
    """Return a function that makes a folder read-only, for its own process."""

    def begin():
        own = NEW_MOUNTS if os.getuid() == 0 else NEW_MOUNTS | NEW_USERS
        assert ctypes.CDLL(None, use_errno=True).unshare(own) == 0, os.strerror(ctypes.get_errno())
        for words in (["--make-rprivate", "/"], ["--bind", path, path], ["-o", "remount,bind,ro", path]):
            subprocess.run(["mount", *words], check=True)  # noqa: S607

    return begin


def can_mount():
    script = "unshare --mount true" if os.getuid() == 0 else "unshare --user --map-root-user --mount true"
    return subprocess.run(script.split(), capture_output=True, check=False).returncode == 0


def limited(kind, value):
    """Return a function that limits a resource of its own process."""
    return lambda: resource.setrlimit(kind, (value, value))


def size():
    """Return the address space of this process, in bytes."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * resource.getpagesize()


def then_undisturbed(whole, *steps):
    again = whole.run(steps=set(steps))
    assert again.code == 0, again.screen
    assert [whole.differing(step) for step in steps] == [[]] * len(steps)


@pytest.mark.skipif(not can_mount(), reason="no right to mount")
@pytest.mark.parametrize(("step", "folder"), [
    ("01", "."), ("01", "outputs"), ("01", "store"), ("02", "store"), ("02", RUN), ("03", f"{RUN}/stamps"),
    ("03", f"{RUN}/tables"), ("04", "store"), ("04", f"{RUN}/logs"), ("09", RUN),
])  # fmt: skip
def test_read_only_folder(whole, step, folder):
    whole.restore(step)
    (whole.home / folder).mkdir(parents=True, exist_ok=True)
    ended = whole.run(without_writing(whole.home / folder), steps={step})
    if ended.code == 0:  # nothing had to be written there
        assert whole.differing(step) == []
    else:
        assert ended.code in (1, 2)
        assert "Read-only file system" in ended.screen, ended.screen
    then_undisturbed(whole, step)


@pytest.mark.parametrize("step", ["01", "02", "03", "09"])
@pytest.mark.parametrize("most", [0, 2**12, 2**16, 2**18])
def test_no_file_can_be_longer(whole, step, most):
    """As on a full disk, whatever library writes, also in C."""
    whole.restore(step)
    ended = whole.run(limited(resource.RLIMIT_FSIZE, most), steps={step})
    if ended.code == 0:
        assert whole.differing(step) == []
    else:
        assert ended.code in (1, 2)
        assert "File too large" in ended.screen or "System error" in ended.screen, ended.screen  # of libsndfile
    then_undisturbed(whole, step)


@pytest.mark.parametrize("step", ["01", "03", "04"])
@pytest.mark.parametrize("more", [2**22, 2**26, 2**28])
def test_little_memory(whole, step, more):
    whole.restore(step)
    ended = whole.run(limited(resource.RLIMIT_AS, size() + more), steps={step})
    if ended.code == 0:
        assert whole.differing(step) == []
    else:
        assert ended.code < 0 or "emory" in ended.screen, ended.screen
    then_undisturbed(whole, step)


@pytest.mark.parametrize("seconds", [-1e7, -1.0, 1e7])
@pytest.mark.parametrize("step", ["01", "02", "04"])
def test_clock_that_jumps(whole, step, seconds):
    whole.restore(step)
    clock = time.time

    def jump():
        begun = time.monotonic()
        time.time = lambda: clock() + (seconds if time.monotonic() > begun + 0.5 else 0.0)

    ended = whole.run(jump, steps={step})
    assert ended.code == 0, ended.screen
    assert whole.differing(step) == []
    assert "unchanged" in whole.run(steps={step}).screen
