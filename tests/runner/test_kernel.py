"""Kernels and workers: private sockets, working directories, start and end."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from mer.runner import StudyError
from mer.runner.execution import kernel, worker

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")


def test_notebooks_that_run_at_once_have_separate_working_directories(toys):
    code = (
        "import os, time\nstart = os.getcwd()\nos.makedirs(folder / '{0}', exist_ok=True)\nos.chdir(folder / '{0}')\n"
        "time.sleep(1)\nassert os.getcwd().endswith('{0}'), os.getcwd()\n(folder / '{0}.txt').write_text(start)"
    )
    for number in ("01", "02", "03"):
        toys.add(f"{number}_move_about", code.format(number), writes=[f"{number}.txt"])
    assert toys.run(jobs=3) == 0, toys.screen
    places = {(toys.study.folder / f"{number}.txt").read_text() for number in ("01", "02", "03")}
    assert len(places) == 1


@posix
def test_kernels_use_private_sockets_and_print_no_warning(toys):
    code = (
        "from ipykernel.kernelapp import IPKernelApp\napp = IPKernelApp.instance()\n"
        "(folder / f'{0}.txt').write_text(f'{{app.transport}} {{app.ip}}')"
    )
    for number in ("01", "02", "03", "04"):
        toys.add(f"{number}_say_where", code.format(number), writes=[f"{number}.txt"])
    assert toys.run(jobs=4) == 0, toys.screen
    message = [(toys.study.folder / f"{number}.txt").read_text() for number in ("01", "02", "03", "04")]
    assert all(text.startswith("ipc ") for text in message)
    assert len({Path(text.split()[1]).parent for text in message}) == 4
    assert [path.read_text() for path in sorted((toys.study.folder / "logs").iterdir())] == [""] * 4
    assert not Path(message[0].split()[1]).parent.exists()  # and nothing of them is left


@posix
def test_a_kernel_closes_its_sockets_when_no_other_thread_uses_them(toys):
    code = """
import atexit, threading
from ipykernel.kernelapp import IPKernelApp
def write():
    busy = [t.name for t in threading.enumerate() if t.name in ("Control", "Shell channel")]
    (folder / "busy.txt").write_text(repr(busy))
app = IPKernelApp.instance()
app.close = lambda close=app.close: (write(), close())
atexit.unregister(type(app).close.__get__(app))
atexit.register(lambda: app.close())
"""
    toys.add("01_end", code, writes=["busy.txt"])
    assert toys.run() == 0, toys.screen
    assert (toys.study.folder / "busy.txt").read_text() == "[]"


@posix
def test_a_kernel_starts_in_a_temporary_folder_with_a_long_name(toys, tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    toys.add("01_say_where", "from ipykernel.kernelapp import IPKernelApp\nprint(IPKernelApp.instance().transport)")
    assert toys.run() == 0, toys.screen
    assert "tcp" in toys.study.place("01_say_where", "ipynb").read_text()
    assert toys.study.place("01_say_where", "log").read_text() == "tcp\n"  # and no warning: it is encrypted


def test_a_kernel_that_does_not_start_is_started_again(monkeypatch, tmp_path):
    tries = []

    def execute(*_, **options):
        tries.append(options)
        if len(tries) < 3:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return "book"

    monkeypatch.setattr(worker.papermill, "execute_notebook", execute)
    instance = worker.Worker.__new__(worker.Worker)
    instance.spec = {"notebook": "a", "partial": "b", "parameters": {}, "timeout": None, "private": str(tmp_path)}
    instance.managers, instance._kernel_started = [], False
    assert instance._execute_notebook() == "book"
    assert len(tries) == 3
    instance._kernel_started = True  # once cells have run, nothing is run twice
    tries[:] = []
    with pytest.raises(RuntimeError):
        instance._execute_notebook()
    assert len(tries) == 1


@pytest.mark.parametrize("name", ["parameter_file", "params_fil"])
def test_a_mistyped_parameter_is_an_error_before_anything_runs(toys, name):
    toys.add("01_a_b", parameter=name)
    with pytest.raises(StudyError, match="no cell tagged `parameters` assigns params_file"):
        toys.run()
    assert not toys.study.folder.exists()


def test_progress_bars_leave_one_line_and_are_shown_on_the_screen(toys):
    toys.add("01_count_up", "from tqdm import tqdm\nimport time\nfor _ in tqdm(range(2000), mininterval=0):\n"
                            "    time.sleep(0.0005)\nprint('done')")  # fmt: skip
    assert toys.run() == 0
    book = json.loads(toys.study.place("01_count_up", "ipynb").read_text())
    outputs = [output for cell in book["cells"] for output in cell.get("outputs", [])]
    texts = ["".join(output["text"]) for output in outputs if output["name"] == "stderr"]
    assert len(texts) == 1
    assert texts[0].count("it/s") == 1
    assert "2000/2000" in texts[0]
    log = toys.study.place("01_count_up", "log").read_text()
    assert log.count("it/s") == 1
    assert "done" in log


def test_pages_are_written_completely_or_not_at_all(toys, monkeypatch):
    toys.add("01_make_data", writes=["a"])
    assert toys.run() == 0
    for kind in ("ipynb", "html", "stamp"):
        assert toys.study.place("01_make_data", kind).read_text()[-2:].strip()
    assert not [path for path in toys.study.folder.rglob("*") if "partial" in path.name]


def test_a_worker_does_not_import_again_what_is_preloaded(toys):
    code = "import sys\n(folder / 'names').write_text(' '.join(sorted(sys.modules)))"
    toys.add("01_look_around", code, writes=["names"])
    assert toys.run() == 0
    names = (toys.study.folder / "names").read_text().split()
    assert "papermill" not in names  # the kernel is a process of its own, not a copy of the worker


@posix
def test_transport_is_tcp_only_if_the_name_of_a_socket_is_too_long(tmp_path):
    made = []
    manager = kernel.private_kernel(Path("/tmp/k"), made.append)()  # noqa: S108
    assert (manager.transport, made) == ("ipc", [manager])
    assert kernel.private_kernel(Path("/tmp") / ("x" * 120), made.append)().transport == "tcp"  # noqa: S108


def test_a_page_loads_nothing(toys):
    toys.add("01_draw", "import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    assert toys.run() == 0
    page = toys.study.place("01_draw", "html").read_text()
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\(""", page)
    assert "data:image/png" in page
    assert os.path.getsize(toys.study.place("01_draw", "html")) < 200_000  # noqa: PTH202


def test_output_that_does_not_arrive_is_named_although_there_is_no_time_limit(tmp_path, monkeypatch):
    instance = worker.Worker.__new__(worker.Worker)
    instance.spec, instance.peak = {"timeout": None}, 0

    def late(self):
        raise worker.CellTimeoutError("Timeout waiting for IOPub output")

    monkeypatch.setattr(worker.Worker, "_execute_notebook", late)
    with pytest.raises(worker.Failure, match="output of a finished cell did not arrive in 600 s"):
        instance._papermill()
