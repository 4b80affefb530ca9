"""One runner per run folder, and runs after a kill."""

import errno
import os
import random
import signal
import sys

import psutil
import pytest

from mer import files
from mer.runner import StudyError, lock
from mer.runner.compare.replay import verify
from tests.runner.conftest import gone, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

WAIT = "import os, time\n(folder / 'pid').write_text(str(os.getpid()))\ntime.sleep(60)"


def started(toys):
    """Whether the second notebook runs."""
    pid = toys.study.folder / "pid"
    return lambda: pid.is_file() and pid.read_text()


def test_a_second_runner_is_refused_and_the_first_is_named(toys):
    toys.add("01_wait", WAIT)
    first = toys.start()
    try:
        wait_for(started(toys))
        before = sorted(path.name for path in toys.study.folder.rglob("*"))
        with pytest.raises(StudyError, match=rf"in use by another runner \(process {first.pid} on "):
            toys.run()
        assert sorted(path.name for path in toys.study.folder.rglob("*")) == before
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=400)
    assert first.returncode == 130
    assert not (toys.study.folder / ".runner.json").exists()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stale_lock_is_taken_over_and_its_processes_are_ended(toys, end):
    toys.add("01_make_data", writes=["a"])
    toys.add("02_wait", WAIT, "(folder / 'b').write_text('1')", reads=["a"], writes=["b"])
    first = toys.start()
    wait_for(started(toys))
    kernel = int((toys.study.folder / "pid").read_text())
    first.send_signal(end)
    first.communicate(timeout=400)
    assert first.returncode == (-9 if end == signal.SIGKILL else 130)
    toys.edit("02_wait", lambda cells: cells[4].update(source="x = 1"))
    assert toys.run() == 0, toys.screen
    assert gone(kernel)
    assert ("the last runner here (process" in toys.screen) is (end == signal.SIGKILL)
    assert "01 make_data  unchanged" in toys.screen
    assert "1 done, 1 unchanged" in toys.screen


def test_a_second_interrupt_kills_at_once(toys):
    stubborn = WAIT.replace("time.sleep(60)", "") + (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    time.sleep(1)"
    )
    toys.add("01_wait", stubborn)
    first = toys.start()
    wait_for(started(toys))
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGINT)
    screen, _ = first.communicate(timeout=15)
    assert first.returncode == 130, screen
    assert "✗ interrupted; what is finished is kept\n" in screen
    assert gone((toys.study.folder / "pid").read_text())


@pytest.mark.parametrize("who", ["worker", "kernel", "both"])
def test_a_killed_worker_or_kernel_is_reported_and_its_step_runs_again(toys, who):
    toys.add("01_wait", WAIT, writes=["pid"])
    first, path = toys.start(), toys.study.folder / "pid"
    for _ in range(3):  # it is run again twice, with less at once
        wait_for(started(toys))
        kernel = psutil.Process(int(path.read_text()))
        worker = kernel.parent()
        path.unlink()
        for process in {"worker": [worker], "kernel": [kernel], "both": [worker, kernel]}[who]:
            process.kill()
    screen, _ = first.communicate(timeout=400)
    assert first.returncode == 1, screen
    assert screen.count("it is run again") == 2
    assert "✗ 01_wait died" in screen
    assert not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE  # nobody may be there to bury it
    toys.edit("01_wait", lambda cells: cells[4].update(source="(folder / 'pid').write_text('x')"))
    assert toys.run() == 0
    assert toys.states() == {"01": "done"}


def test_a_run_after_random_kills_has_the_same_files(toys):
    """A short form of benchmarks/interruptions.py."""
    toys.add("01_make_data", writes=["a"])
    toys.add("02_train", reads=["a"], writes=["parts/0"])
    toys.add("03_train", reads=["a"], writes=["parts/1"])
    toys.add("04_gather", reads=["parts"], writes=["all"])
    assert toys.run(jobs=2) == 0
    outputs = ["a", "parts/0", "parts/1", "all"]
    undisturbed = [(toys.study.folder / name).read_bytes() for name in outputs]
    toys.change(folder=toys.study.folder.with_name("killed"))
    chance = random.Random(0)  # noqa: S311
    for _ in range(4):
        runner = toys.start(jobs=2)
        try:
            runner.wait(timeout=chance.uniform(0.3, 4.0))
        except Exception:  # still at work: subprocess.TimeoutExpired
            os.kill(runner.pid, signal.SIGKILL)
        runner.communicate(timeout=20)
    assert toys.run(jobs=2) == 0, toys.screen
    assert [(toys.study.folder / name).read_bytes() for name in outputs] == undisturbed


def test_a_step_on_another_machine_that_a_killed_runner_left_is_told_to_end(toys):
    """Its process watches this file (runner/execution/remote.py), and would otherwise write beside the new one."""
    toys.add("01_make_data", writes=["a"])
    logs = toys.study.folder / "logs"
    logs.mkdir(parents=True)
    (logs / ".01_make_data.abc.events").touch()
    with lock.exclusive(toys.study.folder, print):
        assert not list(logs.glob(".*.events"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}'])
def test_a_damaged_note_of_the_last_runner_is_ignored(toys, text):
    toys.add("01_make_data", writes=["a"])
    assert toys.run() == 0
    (toys.study.folder / ".runner.json").write_text(text)
    assert toys.run() == 0
    assert "was killed" in toys.screen


def test_a_full_disk_is_refused_and_leaves_no_note_of_a_runner(toys, monkeypatch):
    toys.add("01_make_data", writes=["a"])
    write = files.write_json

    def full(path, value):
        if path.name == ".runner.json":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, value)

    monkeypatch.setattr(files, "write_json", full)
    with pytest.raises(StudyError, match="cannot be written: No space left on device"):
        toys.run()
    monkeypatch.setattr(files, "write_json", write)
    assert toys.run() == 0
    assert "was killed" not in toys.screen


def test_a_refusal_leaves_no_note_of_a_runner(toys):
    toys.study.folder.mkdir()
    (toys.study.folder / "params.yaml").write_text("name: toy\n")
    with pytest.raises(StudyError, match="no finished step"):
        verify(toys.study)
    assert not (toys.study.folder / ".runner.json").exists()


def test_edited_outputs_are_written_again(toys):
    toys.add("01_make_data", writes=["a"])
    toys.add("02_use_data", reads=["a"], writes=["b"])
    assert toys.run() == 0
    (toys.study.folder / "b").write_text("better numbers")
    assert toys.run() == 0
    assert "output b was changed by hand" in toys.screen
    assert (toys.study.folder / "b").read_text() == "a+b"
    toys.study.place("02_use_data", "html").unlink()
    assert toys.run() == 0
    assert "2 unchanged" in toys.screen  # a page is rendered again, nothing is run
    assert toys.study.place("02_use_data", "html").exists()


def test_a_run_folder_under_another_name_is_another_study(toys):
    toys.add("01_make_data", writes=["a"])
    assert toys.run() == 0
    toys.change(name="other")
    assert toys.run() == 0
    assert "the study was named toy" in toys.screen
    assert files.read_json(toys.study.place("01_make_data", "stamp"))["parts"]["study"] == "other"


def test_the_folder_of_another_study_is_refused_and_left_alone(toys):
    toys.add("01_make_data", writes=["a"])
    toys.change(source_name="mine", text="name: toy\nstudy: mine\n")
    assert toys.run() == 0
    before = {path: path.read_bytes() for path in toys.study.folder.rglob("*") if path.is_file()}
    toys.change(source_name="other", text="name: toy\nstudy: other\n")
    with pytest.raises(StudyError, match="holds a run of the study 'mine', and this is 'other'"):
        toys.run()
    assert before == {path: path.read_bytes() for path in toys.study.folder.rglob("*") if path.is_file()}
    toys.change(source_name="mine", text="name: toy\nstudy: mine\ntraining: {}\n")
    assert toys.run() == 0  # other parameters of the same study
