"""Processes: what killed ones leave, what they say, how much memory they are said to use, and what they listen to."""

import errno
import os
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer import files, pools, sealed, temporary
from mer.runner import processes
from mer.shards import Shards
from tests.runner.conftest import toys  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")


def die_until(unit):
    """Return a unit, or kill the process as often as a file says."""
    number, path, times = unit
    if len(path.read_bytes()) < times:
        with path.open("ab") as file:
            file.write(b".")
        die()
    return number


def die():
    os.kill(os.getpid(), 9)


@pytest.mark.parametrize("times", [1, 2])
def test_units_of_a_killed_process_are_computed_again_with_fewer_processes(tmp_path, times):
    path = tmp_path / "deaths"
    path.touch()
    units = [(number, path, times if number == 3 else 0) for number in range(8)]
    work = pools.Work("the training", die_until)
    with pytest.warns(UserWarning, match=r"again: a process of the training was killed.* with [12] at once"):
        results = list(pools.completed(work, units, 4, get_context("forkserver")))
    assert sorted(results) == [(number, number) for number in range(8)]


def test_a_unit_that_kills_its_process_each_time_says_what_to_do(tmp_path):
    path = tmp_path / "deaths"
    path.touch()
    work = pools.Work("the training", die_until)
    expected = r"a process of the training was killed 3 times, .* memory ran out: use fewer"
    with pytest.warns(UserWarning, match="again: "), pytest.raises(pools.WorkerKilled, match=expected):
        list(pools.completed(work, [(0, path, 9)], 4, get_context("forkserver")))
    assert len(path.read_bytes()) == 3


def test_a_folder_of_a_killed_process_is_removed_and_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "MIN_SECONDS", 0.0)
    program = "from mer.temporary import TemporaryFolder as F; f = F(); print(f.name, flush=True); input()"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, env=environment, cwd=files.ROOT) for _ in range(2)]  # fmt: skip
    abandoned, used = (Path(process.stdout.readline().strip()) for process in running)
    (abandoned / "vectors.npy").write_bytes(b"x" * 1000)
    (tmp_path / "mer-of-somebody").mkdir()
    running[0].kill()
    running[0].communicate()
    with temporary.TemporaryFolder() as name:
        assert sorted(tmp_path.iterdir()) == sorted([used, Path(name), tmp_path / "mer-of-somebody"])
    running[1].communicate("\n")
    assert [path.name for path in tmp_path.iterdir()] == ["mer-of-somebody"]


SHARES = """
import os, sys, time
import numpy as np
block = np.ones(40_000_000 // 8)
for _ in range(4):
    if not os.fork():
        time.sleep(60)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells shared memory apart")
def test_memory_that_processes_share_counts_once():
    process = subprocess.Popen([sys.executable, "-c", SHARES], stdout=subprocess.PIPE, start_new_session=True)
    try:
        process.stdout.readline()
        shared = processes.memory(process.pid)
        assert 40e6 < shared < 120e6
        assert processes.memory(process.pid, above=10**12) > 2 * shared  # not exact, because it is not more
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


LISTENS = """import os, psutil
listening = [c for c in psutil.Process().net_connections("inet") if c.status == psutil.CONN_LISTEN]
(folder / "ports").write_text(str(len(listening)))
(folder / "temporary").write_text(os.environ["TMPDIR"])
if not os.fork():
    print("printed by a child", flush=True)
    os._exit(0)
os.wait()"""


def test_a_kernel_listens_to_no_port_and_still_shows_what_children_print(toys):  # noqa: F811
    toys.add("01_listen", LISTENS, writes=["ports"])
    assert toys.run() == 0, toys.screen
    assert (toys.study.folder / "ports").read_text() == "0"
    assert "printed by a child" in toys.study.place("01_listen", "ipynb").read_text()
    assert not Path((toys.study.folder / "temporary").read_text()).exists()


@pytest.mark.parametrize("kind", ["array", "table"])
def test_a_full_disk_is_named_with_the_file(tmp_path, monkeypatch, kind):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = Shards(tmp_path, "mfcc", {"extractor": "mfcc"}, {})
    listing = pd.DataFrame({"key": ["a"], "error": [None]})
    if kind == "table":
        monkeypatch.setattr(sealed, "write_table", lambda path, name, frame: _write(path, full))
    write = full if kind == "array" else lambda path: np.save(path, np.zeros(3))
    with pytest.raises(OSError, match="No space left on device") as caught:
        store.append(listing, write)
    assert str(tmp_path) in str(caught.value)
    assert not list(store.folder.glob(".*partial*"))


def _write(path, full):
    with files.replacing(path):
        full()


def test_a_limit_of_file_sizes_is_named_with_the_file(tmp_path):
    """As a full disk, but without root."""
    program = f"""
import resource, signal, numpy as np
from mer import files
from mer.training.cache.arrays import write_arrays
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for write in (lambda path: write_arrays(path, "runs", {{"x": np.zeros(9999)}}, {{}}),
              lambda path: files.write_text(path, "x" * 9999)):
    try:
        write(Path({str(tmp_path)!r}) / "a.safetensors")
    except OSError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=files.ROOT, check=True)
    assert done.stdout.count("a.safetensors") == 2, done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
