"""`run_all.py`: what it refuses, what it imports, and how it ends."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from mer import files
from tests.runner.conftest import wait_for
from tests.studies import call_run_all

HEAVY = ("papermill", "torch", "pandas", "nbformat", "nbclient", "nbconvert", "jupyter_client", "IPython")


def python(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=files.ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_listing_imports_nothing_heavy():
    program = "import sys, run_all; code = run_all.main(['--list']); print(sorted(sys.modules)); sys.exit(code)"
    result = python("-c", program)
    assert result.returncode == 0, result.stderr
    assert [name for name in HEAVY if f"'{name}'" in result.stdout] == []


def test_an_unchanged_run_imports_nothing_heavy(toys):
    toys.add("01_make_data", writes=["a"])
    assert toys.run() == 0
    program = f"import sys\nfrom pathlib import Path, PosixPath, WindowsPath\nfrom mer.runner import Study\n\
from mer.runner.execution.loop import run\ncode = run({toys.study!r})\nprint(sorted(sys.modules)); sys.exit(code)"
    result = python("-c", program)
    assert result.returncode == 0, result.stderr
    assert "1 unchanged" in result.stdout
    assert [name for name in HEAVY if f"'{name}'" in result.stdout] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "training.epochs=0", "--set", "trainin.x=1"], ["training.epochs", "trainin: there is no such"]),
        (["--steps", "01,77", "--set", "data.synthetic=null", "--set", "data.raw=no/where"], ["step 77", "no/where"]),
        (["--steps", "5-3"], ["--steps 5-3"]),
        (["--from", "x"], ["'x' is no step"]),
        (["no/such.yaml"], ["no/such.yaml", "params/demo.yaml"]),
    ],
)
def test_a_wrong_study_ends_with_all_problems_and_code_2(arguments, message):
    result = call_run_all(*arguments, "--name", "pytest-command")
    assert result.returncode == 2
    assert all(part in result.stderr for part in message), result.stderr
    assert not (files.ROOT / "outputs" / "pytest-command").exists()


@pytest.fixture
def other_study():
    """The run folder of another study."""
    folder = files.ROOT / "outputs" / "pytest-theirs"
    files.write_text(folder / "params.yaml", "study: other\n")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("command", [[], ["--list"], ["--explain"], ["--html-only"]])
def test_the_folder_of_another_study_is_refused_by_every_command(other_study, command):
    """Otherwise its pages would be rendered as those of this study, without the notice of synthetic voices."""
    result = call_run_all("--name", other_study.name, *command)
    assert result.returncode == 2
    assert "holds a run of the study 'other', and this is 'demo'" in result.stderr
    assert [path.name for path in other_study.iterdir()] == ["params.yaml"]


def test_a_folder_instead_of_a_page_is_named(other_study):
    files.write_text(other_study / "params.yaml", "study: demo\n")
    (other_study / "index.html").mkdir()
    result = python("run_all.py", "--name", other_study.name, "--html-only")
    assert result.returncode == 2
    assert "index.html: Is a directory" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_ctrl_c_keeps_finished_steps_and_leaves_no_kernel(toys):
    toys.add("01_make_data", writes=["a"])
    toys.add(
        "02_sleep_long", "import os, time\n(folder / 'pid').write_text(str(os.getpid()))\ntime.sleep(60)", reads=["a"]
    )
    process = toys.start()
    pid = toys.study.folder / "pid"
    wait_for(lambda: pid.is_file() and pid.read_text())
    os.killpg(process.pid, signal.SIGINT)
    screen, _ = process.communicate(timeout=20)
    assert process.returncode == 130, screen
    message = screen.partition("✗ interrupted; what is finished is kept\n")[2]
    page = files.to_root(toys.study.folder / "index.html")
    assert message == f"  open      {page}\n  retry     python run_all.py params/toy.yaml\n", screen
    assert toys.study.place("01_make_data", "stamp").exists()
    left = {p.name for p in toys.study.folder.iterdir() if p.name.startswith("02")}
    assert left == set()
    assert toys.states() == {"01": "done", "02": "interrupted"}
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.fixture
def command(tmp_path):
    """`run_all.py` for the first step of the demo with another data folder, and its run folder."""
    name = f"pytest-command-{os.getpid()}"
    sets = [f"--set=data.raw={tmp_path / 'raw'}", f"--set=data.store={tmp_path / 'store'}"]
    yield ["run_all.py", "--steps", "01", "--name", name, *sets], files.ROOT / "outputs" / name
    shutil.rmtree(files.ROOT / "outputs" / name, ignore_errors=True)


def test_a_failed_step_ends_with_code_1_and_the_retry_command(command):
    arguments, folder = command
    result = python(*arguments, "--set", "timeout_minutes=0.005")
    assert result.returncode == 1, result.stderr
    assert "01_build_dataset timed out" in result.stdout
    assert f"--name {folder.name} --steps 01\n" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_interruption_and_termination_end_with_code_130(command, end):
    arguments, folder = command
    process = subprocess.Popen([sys.executable, *arguments], cwd=files.ROOT, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, preexec_fn=lambda: signal.signal(
                                   signal.SIGINT, signal.default_int_handler))  # fmt: skip
    wait_for((folder / "stamps/01_build_dataset.json").is_file)
    process.send_signal(end)
    screen, _ = process.communicate(timeout=30)
    assert process.returncode == 130, screen
    assert "✗ interrupted; what is finished is kept\n" in screen
    assert f"--name {folder.name} --steps 01\n" in screen
    assert "Traceback" not in screen
    assert files.read_json(folder / "run.json")["state"] == "interrupted"
