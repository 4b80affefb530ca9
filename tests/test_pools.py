"""Worker processes end with the process that they work for."""

import os
import subprocess
import sys
import time
from multiprocessing import get_all_start_methods

import psutil
import pytest

from mer import files

SECONDS = 60
PROGRAM = """
import multiprocessing, os, pathlib, sys, time
from mer import pools

folder = pathlib.Path(sys.argv[1])

def wait(number):
    partial = folder / f".{number}"
    partial.write_text(str(os.getpid()))
    partial.rename(folder / f"{number}.pid")
    time.sleep(1000 if number else 0)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    list(pools.completed(pools.Work("waiting", wait), range(3), 3, context))
"""
"""Three units in processes: one is finished at once, so that its process waits for more; two do not end."""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("method", get_all_start_methods())
@pytest.mark.parametrize("signal", ["kill", "terminate"])
def test_workers_end_with_the_process_that_started_them(tmp_path, method, signal):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path), method]
    environment = {**os.environ, "PYTHONPATH": str(files.ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as started:
        until = time.monotonic() + SECONDS
        while len(paths := list(tmp_path.glob("*.pid"))) < 3:
            assert started.poll() is None, started.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.05)
        others = psutil.Process(started.pid).children(recursive=True)
        assert {int(path.read_text()) for path in paths} <= {one.pid for one in others}
        getattr(started, signal)()
    _, alive = psutil.wait_procs(others, timeout=10)
    for one in alive:
        one.kill()
    assert not alive
