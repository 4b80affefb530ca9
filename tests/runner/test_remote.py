"""Steps that dask workers execute: the same files and lines as here, and another worker takes over if one is killed."""

import dataclasses
import os
import signal
import sys
import threading
import time

import pytest

pytest.importorskip("distributed", reason="needs the extra dask")

from mer.runner.execution import remote
from mer.runner.study import StepLimits
from tests.clusters import running
from tests.runner.conftest import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("dask"), 2) as one:
        yield one


def content(folder, names):
    return [(folder / name).read_bytes() for name in names]


WHERE = "import os\n(folder / 'where.txt').write_text(os.environ['MER_DASK'] + ' ' + os.environ['MER_JOBS'])"
PROGRESS = "from tqdm import tqdm\nimport time\nfor _ in tqdm(range(6), desc='train'):\n    time.sleep(0.3)"


def test_steps_run_on_workers_with_the_same_files_and_lines(toys, cluster):
    names = ["a", "b/x", "c"]
    for name, reads, writes in (
        ("01_one", (), names[:1]),
        ("02_two", ("a",), names[1:2]),
        ("03_three", ("a", "b"), names[2:]),
    ):
        toys.add(name, reads=reads, writes=writes)
    assert toys.run(jobs=2) == 0, toys.screen
    here, lines = content(toys.study.folder, names), toys.screen.count("✓")
    toys.change(folder=toys.study.folder.with_name("remote"), dask=cluster.address)
    assert toys.run(jobs=2) == 0, toys.screen
    assert content(toys.study.folder, names) == here
    assert toys.screen.count("✓") == lines
    assert not [*(toys.study.folder / "logs").glob(".*")]  # events are removed
    toys.add("04_where", WHERE)
    assert toys.run(jobs=3) == 0, toys.screen
    address, jobs = (toys.study.folder / "where.txt").read_text().split()
    assert (address, jobs) == (cluster.address, "3")
    assert toys.states() == {"01": "unchanged", "02": "unchanged", "03": "unchanged", "04": "done"}


def test_failures_progress_and_time_limits_are_those_of_a_local_step(toys, cluster):
    toys.change(dask=cluster.address, limits={"02": StepLimits(timeout=4.0)})
    toys.add("01_fail", PROGRESS, "1 / 0")
    toys.add("02_wait", "import time\ntime.sleep(60)")
    assert toys.run(jobs=2, keep_going=True) == 1
    assert "✗ 01_fail failed in “Work”, code cell 4" in toys.screen
    assert "ZeroDivisionError: division by zero" in toys.screen
    assert "02_wait timed out" in toys.screen
    assert "train" in toys.study.place("01_fail", "log").read_text()


def test_another_worker_takes_over_a_step_whose_worker_is_killed(toys, cluster):
    body = (
        "import os, time\npath = folder / 'starts'\nstarts = path.read_text() if path.exists() else ''\n"
        "starts += f'{os.getpid()} '\npath.write_text(starts)\nif len(starts.split()) == 1:\n    time.sleep(100)"
    )
    toys.change(dask=cluster.address)
    toys.add("01_wait", body, writes=["starts"])
    runner, path = toys.start(), toys.study.folder / "starts"
    try:
        wait_for(path.is_file)
        [place] = [one for one in cluster.client.processing().items() if one[1]]
        os.kill(cluster.client.run(os.getpid)[place[0]], signal.SIGKILL)
        screen, _ = runner.communicate(timeout=400)
    finally:
        runner.kill()
    assert runner.returncode == 0, screen
    first, second = map(int, path.read_text().split())
    wait_for(lambda: not os.path.exists(f"/proc/{first}") or sys.platform != "linux")  # noqa: PTH110
    assert first != second
    assert "✓ 01 wait" in screen
    cluster.wait_for(2)


def test_a_process_of_a_step_ends_when_another_worker_runs_the_step(tmp_path):
    """A dask worker that is stopped for minutes counts as dead, and its step's process goes on."""
    events, stop = tmp_path / "x.events", tmp_path / "x.stop"
    events.touch()
    remote._owner_file(events).write_text("first")
    pipe = remote.FilePipe(events, stop, "first")
    waiting = threading.Thread(target=pipe.recv_bytes, daemon=True)
    waiting.start()
    waiting.join(2 * remote.POLL_SECONDS)
    assert waiting.is_alive()
    remote._owner_file(events).write_text("second")
    waiting.join(60)
    assert not waiting.is_alive()


def test_an_interrupted_run_ends_its_remote_steps(toys, cluster):
    toys.change(dask=cluster.address)
    toys.add("01_wait", "import os, time\n(folder / 'pid').write_text(str(os.getpid()))\ntime.sleep(100)")
    runner = toys.start()
    wait_for((toys.study.folder / "pid").is_file)
    time.sleep(0.5)
    runner.send_signal(signal.SIGINT)
    screen, _ = runner.communicate(timeout=400)
    assert runner.returncode == 130, screen
    pid = (toys.study.folder / "pid").read_text()
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or sys.platform != "linux")  # noqa: PTH110
    assert dataclasses.replace(toys.study).dask == cluster.address
