"""Steps that run out of memory are run again with less at once; limits of single steps; the command after the end."""

import json
import os
import sys

import pytest

from mer.runner.execution import hook
from mer.runner.reporting.states import Outcome
from mer.runner.study import StepLimits

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")

COUNT = (
    "import os, signal\npath = folder / 'attempts'\n"
    "text = path.read_text() if path.exists() else ''\n"
    "text += os.environ['MER_JOBS'] + ' ' + os.environ['MER_ATTEMPT'] + '\\n'\n"
    "path.write_text(text)\n"
)
"""Code that appends the number of processes and of the attempt to a file."""
DIE = "os.kill(os.getpid(), signal.SIGKILL)"


@posix
def test_a_killed_step_is_run_again_with_fewer_processes(toys):
    toys.add("01_read", f"{COUNT}if text.count('\\n') < 3:\n    {DIE}")
    assert toys.run(jobs=4) == 0
    assert (toys.study.folder / "attempts").read_text() == "4 0\n2 1\n1 2\n"
    assert (
        "it is run again with 2 instead of 4 processes and batches of encoders of half the size (attempt 2 of 3)"
        in (toys.screen)
    )
    assert toys.screen.count("is run again") == 2
    assert "✓ 01 read" in toys.screen
    assert not toys.study.place("01_read", "failed").exists()


@posix
def test_a_step_that_is_killed_three_times_fails(toys):
    toys.add("01_read", COUNT + DIE)
    toys.add("02_go_on", "pass", reads=("attempts",))
    assert toys.run(jobs=1) == 1
    assert (toys.study.folder / "attempts").read_text() == "1 0\n1 1\n1 2\n"
    assert toys.screen.count("is run again") == 2
    assert "✗ 01_read died" in toys.screen
    assert toys.states()["01"] == "failed"


def test_other_errors_are_not_tried_again(toys):
    toys.add("01_read", COUNT + "raise ValueError('the memory of an elephant')")
    assert toys.run(jobs=2) == 1
    assert (toys.study.folder / "attempts").read_text() == "2 0\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("MemoryError: Unable to allocate 64.0 GiB", True),
        ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate", True),
        ("WorkerKilled: a process of the training was killed 3 times", False),
        ("OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", True),
        ("RuntimeError: [enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory", True),
        ("ValueError: MemoryError", False),
        ("RuntimeError: shapes differ", False),
        ("", False),
    ],
)
def test_messages_that_speak_of_memory(message, expected):
    assert Outcome("error", 0.0, message).lacks_memory is expected


@posix
def test_a_step_above_its_memory_is_ended_and_others_are_not(toys):
    hold = "import time\nblock = bytearray(600_000_000)\ntime.sleep(20)"
    toys.add("01_hold", COUNT + f"if text.count('\\n') < 2:\n    {'; '.join(hold.splitlines())}")
    toys.change(limits={"01": StepLimits(memory=500_000_000), "02": StepLimits(memory=1)})
    assert toys.run(jobs=2) == 0
    assert "more than its memory_gb allows; it is run again" in toys.screen
    assert (toys.study.folder / "attempts").read_text() == "2 0\n1 1\n"


@posix
def test_time_limit_and_processes_of_one_step(toys):
    toys.add("01_quick", COUNT)
    toys.add("02_slow", "import time\ntime.sleep(60)")
    toys.change(timeout=120.0, limits={"01": StepLimits(jobs=3), "02": StepLimits(timeout=2.0)})
    assert toys.run(jobs=8, keep_going=True) == 1
    assert (toys.study.folder / "attempts").read_text() == "3 0\n"
    assert "02_slow timed out" in toys.screen
    assert toys.states() == {"01": "done", "02": "failed"}


def test_the_device_of_a_step_is_part_of_what_it_depends_on(toys):
    toys.change(params=toys.study.params | {"compute": {"device": "auto"}})
    body = "import os\n(folder / 'device').write_text(os.environ.get('MER_DEVICE', 'none'))"
    toys.add("01_use", body, uses=("compute",))
    toys.add("02_other", "pass", uses=("training",))
    assert toys.run() == 0
    assert (toys.study.folder / "device").read_text() == "none"
    toys.change(limits={number: StepLimits(device="cpu", timeout=60.0) for number in ("01", "02")})
    assert toys.run() == 0
    assert (toys.study.folder / "device").read_text() == "cpu"
    assert "parameters compute.device changed" in toys.screen or "parameters compute changed" in toys.screen
    assert toys.states() == {"01": "done", "02": "unchanged"}


def command(tmp_path, code):
    """Return a command that writes what it was given, prints a line and ends with a code."""
    program = (
        "import json, os, sys\n"
        "got = [sys.argv[1:], os.environ['MER_FINISHED_RUN'], os.environ['MER_RESULT']]\n"
        f"json.dump(got, open({str(tmp_path / 'got')!r}, 'w'))\n"
        f"print('a line for the log')\nsys.exit({code})"
    )
    return (sys.executable, "-c", program, "two words", "$HOME; echo no shell")


@pytest.mark.parametrize(("body", "result"), [("pass", "done"), ("1 / 0", "failed")])
def test_the_command_after_the_end(toys, tmp_path, body, result):
    toys.add("01_work", body)
    toys.change(on_finish=command(tmp_path, 0))
    assert toys.run() == (result == "failed")
    folder = str(toys.study.folder)
    assert json.loads((tmp_path / "got").read_text()) == [["two words", "$HOME; echo no shell"], folder, result]
    assert (toys.study.folder / hook.LOG).read_text() == "a line for the log\n"
    assert "on_finish" not in toys.screen


@pytest.mark.parametrize("words", [("no-such-program-anywhere",), (os.sep,), None])
def test_a_command_that_fails_is_said_and_changes_nothing(toys, tmp_path, words):
    toys.add("01_work", "pass")
    toys.change(on_finish=words or command(tmp_path, 3))
    assert toys.run() == 0
    assert "on_finish: " in toys.screen
    assert "The results do not change." in toys.screen
    if words is None:
        assert "ended with code 3" in toys.screen
    assert toys.states() == {"01": "done"}


def test_a_command_that_hangs_is_ended(toys, monkeypatch):
    monkeypatch.setattr(hook, "MAX_SECONDS", 1.0)
    toys.add("01_work", "pass")
    toys.change(on_finish=(sys.executable, "-c", "import time; time.sleep(60)"))
    assert toys.run() == 0
    assert "was ended after 1 seconds" in toys.screen


@pytest.mark.parametrize("words", [[], ["--verify"]])
def test_the_command_of_a_run_folder_is_never_run(tmp_path, words):
    """A run folder may be a stranger's: its parameters start no command and name no address."""
    import run_all

    folder = tmp_path / "run"
    (folder / "stamps").mkdir(parents=True)
    text = "name: x\ncorpora: {emodb: }\non_finish: [touch, x]\nshared: s3://stranger/x\n"
    (folder / "params.yaml").write_text(text)
    own = tmp_path / "own.yaml"
    own.write_text(text)
    for path, expected in ((folder / "params.yaml", ((), None)), (own, (("touch", "x"), "s3://stranger/x"))):
        if words and path == own:
            continue
        arguments = run_all._parser().parse_args([*words, str(folder)] if words else [str(path)])
        arguments.params = str(path)
        study = run_all._study(arguments, run_all.params.load(arguments.params))
        assert (study.on_finish, study.shared) == expected
