"""Notebooks and machines at their limits."""

import errno
import json
import os
import re
import subprocess
import sys
import time

import psutil
import pytest

from mer import files
from mer.runner import StudyError, processes
from mer.runner.execution import output
from mer.runner.execution.execute import Execution
from tests.runner.conftest import gone, wait_for

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")


def test_a_notebook_that_prints_100_megabytes(toys):
    toys.add("01_print_much", "line = 'x' * 99\nfor _ in range(1000):\n    print('\\n'.join([line] * 1000))",
             "'y' * 10_000_000")  # fmt: skip
    began = time.monotonic()
    assert toys.run() == 0, toys.screen
    assert time.monotonic() - began < 60
    kinds = {kind: toys.study.place("01_print_much", kind) for kind in ("ipynb", "html", "log")}
    assert kinds["ipynb"].stat().st_size < 3 * output.MAX_NOTEBOOK_CHARS
    assert kinds["html"].stat().st_size < 3 * output.MAX_NOTEBOOK_CHARS
    assert "the log has more" in kinds["ipynb"].read_text()
    assert "10,000,002 characters" in kinds["ipynb"].read_text()
    assert output.MAX_LOG_CHARS <= kinds["log"].stat().st_size < output.MAX_LOG_CHARS + 200
    assert "the log ends here" in kinds["log"].read_text()[-200:]


def test_an_error_with_a_message_of_ten_megabytes(toys):
    toys.add("01_shout", "raise ValueError('x' * 10_000_000)")
    assert toys.run() == 1
    assert "ValueError: xxx" in toys.screen
    assert "characters; see the log)" in toys.screen
    for kind in ("failed", "log"):
        assert toys.study.place("01_shout", kind).stat().st_size < output.MAX_NOTEBOOK_CHARS
    assert "… (10,0" in toys.study.place("01_shout", "log").read_text()


def test_printed_output_is_stored_up_to_a_limit_per_cell(toys, monkeypatch):
    toys.add("01_print_some", "print('a' * 400_000)", "print('b' * 400_000)")
    assert toys.run() == 0
    book = json.loads(toys.study.place("01_print_some", "ipynb").read_text())
    texts = ["".join(output["text"]) for cell in book["cells"] for output in cell.get("outputs", [])]
    assert [len(text) for text in texts] == [400_001, 400_001]


@posix
def test_a_notebook_that_never_ends_and_refuses_to_be_interrupted(toys):
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        pass"
    toys.add("01_go_on", "import os\n(folder / 'pid').write_text(str(os.getpid()))", stubborn)
    toys.change(timeout=4.0)
    began = time.monotonic()
    assert toys.run() == 1
    assert time.monotonic() - began < 30
    assert "01_go_on timed out" in toys.screen
    assert "timeout_minutes" in toys.screen
    assert gone((toys.study.folder / "pid").read_text())


@posix
@pytest.mark.parametrize("end", ["x = 1", "1 / 0", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"])
def test_processes_that_a_notebook_leaves_are_ended(toys, end):
    start = (
        "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True)\n(folder / 'pid').write_text(str(child.pid))"
    )
    toys.add("01_start_others", start, end)
    toys.run()
    assert gone((toys.study.folder / "pid").read_text())


def test_peak_memory_includes_processes_that_a_notebook_starts(toys):
    hold = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c',"
    hold += " 'import time; x = bytearray(300_000_000); time.sleep(2)'])\nchild.wait()"
    toys.add("01_hold_much", hold)
    assert toys.run() == 0
    [step] = toys.summary()["steps"]
    assert 300 < step["peak_mb"] < 800
    assert re.search(r"hold_much +done +[\d.]+ s  \d+ MB", toys.screen)


def test_a_disk_that_fills_up_ends_the_run_and_keeps_finished_steps(toys, monkeypatch):
    toys.add("01_make_data", writes=["a"])
    toys.add("02_use_data", reads=["a"], writes=["b"])
    write = files.write_json

    def full(path, value):
        if str(path).endswith("02_use_data.json"):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, value)

    monkeypatch.setattr(files, "write_json", full)
    assert toys.run() == 1
    assert "No space left on device" in toys.screen
    assert "python run_all.py params/toy.yaml" in toys.screen
    monkeypatch.setattr(files, "write_json", write)
    assert toys.run() == 0
    assert "1 done, 1 unchanged" in toys.screen


def test_a_front_page_that_cannot_be_replaced_is_deleted(toys, monkeypatch):
    toys.add("01_make_data", writes=["a"])
    assert toys.run() == 0
    page, write = toys.study.folder / "index.html", files.write_text

    def full(path, text):
        if path == page:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, text)

    monkeypatch.setattr(files, "write_text", full)
    assert toys.run(force=True) == 1
    assert f"✗ No space left on device: {page}; what is finished is kept\n" in toys.screen
    assert toys.screen.endswith("  retry     python run_all.py params/toy.yaml\n")
    assert not page.exists()


def test_a_notebook_that_cannot_be_renamed_hides_no_failure(toys, monkeypatch):
    """As on a disk that became read-only; the run waited for a step that had ended."""

    def fail(execution, outcome):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Execution, "_tidy", fail)
    toys.add("01_fail", "1 / 0")
    assert toys.run() == 1
    assert "✗ 01_fail failed" in toys.screen
    assert "ZeroDivisionError" in toys.screen


MOUNT = ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount():
    try:
        return subprocess.run([*MOUNT, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_mount(), reason="no right to mount a small disk")
@pytest.mark.parametrize(("options", "code", "message"), [
    ("size=300k", 1, "No space left on device"), ("size=9m,ro", 2, "Read-only file system")])  # fmt: skip
def test_a_real_disk_that_is_full_or_read_only(toys, options, code, message):
    toys.add("01_make_data", "(folder / 'a').write_bytes(bytes(10_000_000))", writes=["a"])
    toys.study.folder.mkdir()
    program = toys.study.folder.parent / "program.py"
    program.write_text(
        "import sys\nfrom pathlib import Path, PosixPath\nfrom mer.runner import Study, StudyError\n"
        "from mer.runner.execution.loop import run\n"
        f"if __name__ == '__main__':\n    try:\n        sys.exit(run({toys.study!r}))\n"
        "    except StudyError as error:\n        print(error)\n        sys.exit(2)\n"
    )
    inner = f'mount -t tmpfs -o {options} none "$1" && exec "$2" "$3"'
    result = subprocess.run(
        [*MOUNT, "sh", "-c", inner, "sh", str(toys.study.folder), sys.executable, str(program)],
        capture_output=True, text=True, cwd=files.ROOT, env=os.environ | {"PYTHONPATH": str(files.ROOT)}, timeout=60,
    )  # fmt: skip
    assert message in result.stdout, result.stdout + result.stderr
    assert result.returncode == code
    assert "Traceback" not in result.stdout + result.stderr


def test_a_folder_that_cannot_be_made_is_refused(toys):
    toys.add("01_make_data")
    toys.study.folder.write_text("a file where the folder should be")
    with pytest.raises(StudyError, match="is a file"):
        toys.run()


def test_a_folder_that_is_not_a_run_is_refused_and_left_alone(toys):
    toys.add("01_make_data")
    toys.study.folder.mkdir()
    (toys.study.folder / "thesis.docx").write_text("years of work")
    with pytest.raises(StudyError, match=r"holds files that no run wrote \(thesis.docx\)"):
        toys.run()
    assert [path.name for path in toys.study.folder.iterdir()] == ["thesis.docx"]


@posix
def test_only_marked_processes_are_ended(tmp_path):
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    marked = subprocess.Popen(sleep, env=os.environ | {"MER_TEST": str(tmp_path)})
    other = subprocess.Popen(sleep, env=os.environ | {"MER_TEST": "x"})
    try:
        wait_for(lambda: psutil.Process(marked.pid).environ().get("MER_TEST") == str(tmp_path))
        assert processes.end_all("MER_TEST", str(tmp_path)) == 1
        assert other.poll() is None
        assert gone(marked.pid)
    finally:
        for process in (marked, other):
            process.kill()
            process.wait()
