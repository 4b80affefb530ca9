"""Kernels that are copies of a process which has imported the libraries: what they have, and how they end."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from mer.runner.execution import kernel_copies, kernel_source, worker
from mer.runner.execution.kernel_copies import Copy
from mer.runner.execution.kernel_source import KernelSource

pytestmark = pytest.mark.skipif(not kernel_source.are_possible(), reason="this system cannot make copies")
SECONDS = 60
WAIT = "import time; time.sleep(1000)"
OWN_SERVER = """
import psutil, time
def is_ready():
    servers = [p.info for p in psutil.process_iter(["cmdline", "environ"])
               if (p.info["cmdline"] or [""])[-1].endswith("/kernels")]
    own = [one for one in servers if (one["environ"] or {}).get("MER_RUN_FOLDER") == str(folder)]
    return any(os.path.exists(one["cmdline"][-1]) for one in own)
while not is_ready():
    time.sleep(0.1)
"""
"""The code of a cell that waits until the server of its run is ready."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    made = KernelSource(tmp_path_factory.mktemp("run"), 1)
    until = time.monotonic() + SECONDS
    while not Path(made.address).exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    yield made
    made.close()


@pytest.fixture
def own(tmp_path):
    """A server that a test may end."""
    made = KernelSource(tmp_path / "run", 1)
    while not Path(made.address).exists():
        time.sleep(0.05)
    yield made
    made.close()


def start(source, program, *words, folder="/", **environment):
    return Copy(source.address, ["python", "-c", program, *words], {**os.environ, **environment}, folder)


def wait_until_ended(*numbers):
    until = time.monotonic() + SECONDS
    while any(psutil.pid_exists(n) and psutil.Process(n).status() != psutil.STATUS_ZOMBIE for n in numbers):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_copy_is_as_a_new_process_with_its_words_variables_folder_and_code(source, tmp_path):
    program = f"""
import json, os, random, signal, sys, tempfile, threading
facts = {{
    "argv": sys.argv, "variable": os.environ["ONE"], "more": os.environ.get("MPLBACKEND"), "folder": os.getcwd(),
    "leader": os.getsid(0) == os.getpid(), "temporary": tempfile.gettempdir(), "name": __name__,
    "mer": sorted(n for n in sys.modules if n.split(".")[0] == "mer"), "torch": "torch" in sys.modules,
    "main": vars(sys.modules["__main__"]) is globals(), "random": [random.random(), sys.modules["numpy"].random.rand()],
    "files": len(os.listdir("/proc/self/fd")) - 1, "threads": threading.active_count(), "input": sys.stdin.read(),
    "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
}}
import mer
facts["file"] = mer.__file__
with open({str(tmp_path)!r} + "/" + sys.argv[1] + ".json", "w") as file:
    json.dump(facts, file)
sys.exit(3)
"""
    (tmp_path / "temporary").mkdir()
    facts = []
    for name in "ab":
        copy = start(source, program, name, "x y", folder=str(tmp_path), ONE="1", TMPDIR=str(tmp_path / "temporary"))
        assert copy.wait(SECONDS) == copy.poll() == 3
        facts.append(json.loads((tmp_path / f"{name}.json").read_text()))
    first, second = facts
    assert all(a != b for a, b in zip(first.pop("random"), second.pop("random"), strict=True))
    words = ["-c", "a", "x y", f"--IPKernelApp.parent_handle={source._process.pid}"]
    package = worker.files.__spec__.origin.replace("files.py", "__init__.py")
    assert first == {
        "argv": words, "variable": "1", "more": os.environ.get("MPLBACKEND"), "folder": str(tmp_path), "leader": True,
        "temporary": str(tmp_path / "temporary"), "name": "__main__", "mer": [], "torch": True, "main": True,
        "files": 3, "threads": 1, "input": "", "interrupt": True, "file": package,
    }  # fmt: skip


def test_a_copy_writes_to_the_outputs_of_the_one_who_asked_for_it(source, capfd):
    program = "import sys; print('out'); print('error', file=sys.stderr)"
    assert start(source, program).wait(SECONDS) == 0
    assert capfd.readouterr() == ("out\n", "error\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_copy_gets_signals_and_its_exit_code_is_known(source, number):
    copy = start(source, WAIT)
    assert copy.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        copy.wait(0.1)
    copy.terminate() if number == signal.SIGTERM else copy.kill()
    assert copy.wait(SECONDS) == -number
    copy.send_signal(number)  # it has ended: nothing happens


def test_what_a_copy_leaves_in_its_group_ends_with_it(source, tmp_path):
    program = f"""
import os, sys, time
if (child := os.fork()) == 0:
    time.sleep(1000)
with open({str(tmp_path / "child")!r}, "w") as file:
    file.write(str(child))
"""
    assert start(source, program).wait(SECONDS) == 0
    wait_until_ended(int((tmp_path / "child").read_text()))


def test_a_copy_ends_with_the_one_who_asked_for_it(source):
    copy = start(source, WAIT)
    copy._lines.close()
    copy._connection.close()
    wait_until_ended(copy.pid)


@pytest.mark.parametrize("how", ["close", "kill"])
def test_copies_end_with_the_server(own, how):
    copies = [start(own, WAIT) for _ in range(2)]
    own.close() if how == "close" else own._process.kill()
    assert [copy.wait(SECONDS) for copy in copies] == [-signal.SIGKILL] * 2
    wait_until_ended(*(copy.pid for copy in copies))
    with pytest.raises((OSError, ValueError)):
        start(own, WAIT)


def test_a_server_that_does_not_answer_is_not_waited_for_and_makes_no_kernel_later(own, monkeypatch):
    monkeypatch.setattr(kernel_copies, "SECONDS", 0.5)
    server = psutil.Process(own._process.pid)
    server.suspend()
    with pytest.raises(TimeoutError):
        start(own, WAIT)
    server.resume()
    monkeypatch.undo()
    assert start(own, "").wait(SECONDS) == 0
    until = time.monotonic() + SECONDS
    while server.children():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_server_ends_with_its_runner(tmp_path):
    program = f"""
import os, signal, time
from pathlib import Path
from mer.runner.execution.kernel_source import KernelSource
source = KernelSource(Path({str(tmp_path)!r}), 1)
print(source._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([os.sys.executable, "-c", program], capture_output=True, text=True, check=False)
    wait_until_ended(int(done.stdout))


def test_a_server_that_still_imports_is_ended_at_once(tmp_path):
    begin = time.monotonic()
    KernelSource(tmp_path, 1).close()
    assert time.monotonic() - begin < SECONDS


@pytest.mark.parametrize("sent", [b"", b"\x00", b"\x00\x00\x00\x05hello", b"\xff\xff\xff\xff{}",
                                  b"\x00\x00\x00\x02{}", b"\x00\x00\x00\x0d" + b'{"argv": "a"}'])  # fmt: skip
def test_a_request_that_is_none_does_no_harm(source, sent):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(source.address)
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert start(source, "").wait(SECONDS) == 0


def test_without_a_server_a_kernel_is_a_new_process():
    assert kernel_copies.declaration("") == {}
    with pytest.raises(OSError, match="No such file"):
        Copy("/nowhere/kernels", ["python", "-c", ""], {}, "/")


def test_steps_run_in_copies_once_the_server_is_ready(toys, monkeypatch):
    monkeypatch.setattr(kernel_source, "LARGEST", "tqdm")
    say = """
import os, matplotlib.pyplot as plt, psutil
parent = psutil.Process().parent()
lines = [" ".join(parent.cmdline()), os.environ["MER_RUN_FOLDER"], os.environ["OMP_NUM_THREADS"], plt.get_backend()]
plt.plot([0, 1])
"""
    save = "(folder / '{0}.txt').write_text('\\n'.join(lines))"
    toys.add("01_first", OWN_SERVER, say, save.format("01"), writes=["01.txt"])
    toys.add("02_second", "import tqdm", say, save.format("02"), reads=["01.txt"], writes=["02.txt"])
    assert toys.run() == 0, toys.screen
    first, second = ((toys.study.folder / f"{n}.txt").read_text().splitlines() for n in ("01", "02"))
    assert "kernel_server.py" in second[0]
    assert first[1:] == second[1:]
    assert "inline" in second[3]
    pages = [json.loads(p.read_text()) for p in sorted(toys.study.folder.glob("0?_*.ipynb"))]
    images = [{k for c in page["cells"] for o in c.get("outputs", []) for k in o.get("data", {})} for page in pages]
    assert images[0] == images[1] == {"text/plain", "image/png"}
    assert [path.read_text() for path in sorted((toys.study.folder / "logs").iterdir())] == ["", ""]


def test_a_step_whose_server_was_killed_is_run_again(toys, monkeypatch):
    monkeypatch.setattr(kernel_source, "LARGEST", "tqdm")
    toys.add("01_first", OWN_SERVER, "(folder / '01.txt').write_text('')", writes=["01.txt"])
    toys.add("02_second", "import tqdm, psutil\nparent = psutil.Process().parent()\n"
             "if 'kernel_server' in ' '.join(parent.cmdline()):\n    parent.kill(); __import__('time').sleep(100)",
             "(folder / '02.txt').write_text('done')", reads=["01.txt"], writes=["02.txt"])  # fmt: skip
    assert toys.run() == 0, toys.screen
    assert "the kernel died" in toys.screen
    assert (toys.study.folder / "02.txt").read_text() == "done"


def test_no_server_is_started_where_no_later_step_gains_by_it(toys):
    program = "import psutil\nnames = [' '.join(p.info['cmdline'] or []) for p in psutil.process_iter(['cmdline'])]\n"
    toys.add("01_first", program + "(folder / 'a.txt').write_text(str(any(str(folder) in n for n in names)))",
             writes=["a.txt"])  # fmt: skip
    toys.add("02_second", reads=["a.txt"], writes=["b.txt"])
    assert toys.run() == 0, toys.screen
    assert (toys.study.folder / "a.txt").read_text() == "False"


def refuse(*_):
    raise OSError("refused")


@pytest.mark.parametrize("place", [(os, "pidfd_open"), (kernel_source, "TemporaryFolder")])
def test_where_there_can_be_no_server_kernels_are_new_processes(toys, monkeypatch, place):
    monkeypatch.setattr(kernel_source, "LARGEST", "tqdm")
    monkeypatch.setattr(*place, refuse)
    toys.add("01_first", writes=["a.txt"])
    parent = "import tqdm, psutil\n(folder / 'b.txt').write_text(str(psutil.Process().parent().cmdline()))"
    toys.add("02_second", parent, reads=["a.txt"], writes=["b.txt"])
    assert toys.run() == 0, toys.screen
    assert "kernel_server" not in (toys.study.folder / "b.txt").read_text()
