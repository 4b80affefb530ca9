"""Running toy notebooks in real kernels."""

import json
import re
import sys

import pytest

from mer.runner import StudyError

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def kinds(toys, name):
    return {kind for kind in ("ipynb", "html", "failed", "partial", "stamp") if toys.study.place(name, kind).exists()}


def test_a_step_runs_again_only_if_something_changed(toys):
    toys.add("01_make_data", writes=["data/a"], uses=["training"])
    toys.add("02_use_data", reads=["data/a"], writes=["data/b"])
    assert toys.run(jobs=2) == 0
    assert (toys.study.folder / "data/b").read_text() == "data/a+data/b"
    assert kinds(toys, "02_use_data") == {"ipynb", "html", "stamp"}
    assert (toys.study.folder / "params.yaml").read_text() == "name: toy\n"

    assert toys.run(jobs=2) == 0
    assert "2 unchanged" in toys.screen

    toys.change(params={"training": {"epochs": 9}})
    assert toys.run(jobs=2) == 0  # 01 writes the same as before, so 02 stays
    assert re.search(r"01 make_data +done", toys.screen)
    assert "parameters training changed" in toys.screen
    assert "1 done, 1 unchanged" in toys.screen


def test_a_failing_cell_is_reported_with_location_reason_and_advice(toys):
    toys.add(
        "01_make_data", "x = 1", "print('so far')\nraise ValueError('no such thing')", writes=["a"], heading="Train"
    )
    toys.add("02_use_data", reads=["a"], writes=["b"])
    toys.add("03_by_itself", writes=["c"])
    toys.change(source="params/toy.yaml --set training.epochs=1 --name x")
    assert toys.run(jobs=2, keep_going=True) == 1
    assert toys.states() == {"01": "failed", "02": "skipped", "03": "done"}
    assert kinds(toys, "01_make_data") == {"failed", "stamp"}
    for message in (
        "✗ 01_make_data failed in “Train”, code cell 4",
        "ValueError: no such thing",
        "01_make_data.failed.ipynb",
        "logs/01_make_data.log",
        "skipped   02, waiting for what 01 writes",
        "python run_all.py params/toy.yaml --set training.epochs=1 --name x --keep-going\n",
    ):
        assert message in toys.screen, toys.screen
    log = toys.study.place("01_make_data", "log").read_text()
    assert "so far" in log
    assert "Traceback" in log
    page = (toys.study.folder / "index.html").read_text()
    assert '<article class="failed">' in page
    assert "ValueError: no such thing" in page


def test_independent_steps_run_at_once_up_to_jobs(toys):
    meet = """import time
mine, other = folder / 'at{0}', folder / 'at{1}'
mine.touch()
until = time.monotonic() + {2}
while not (met := other.exists()) and time.monotonic() < until:
    time.sleep(0.02)
time.sleep(0.5)  # so that the other can see us, too
mine.unlink()
(folder / 'met{0}').write_text(str(met))"""
    for jobs, wait in ((2, 20), (1, 1)):
        for one, other in (("01", "02"), ("02", "01")):
            toys.add(f"{one}_meet", meet.format(one, other, wait), writes=[f"met{one}"])
        assert toys.run(jobs=jobs, force=True) == 0, toys.screen
        assert [(toys.study.folder / f"met{n}").read_text() for n in ("01", "02")] == [str(jobs == 2)] * 2


def test_without_keep_going_no_step_starts_after_a_failure(toys):
    toys.add("01_make_data", "1 / 0", writes=["a"])
    toys.add("02_by_itself", writes=["b"])
    toys.add("03_use_data", reads=["a"], writes=["c"])
    assert toys.run(jobs=1) == 1
    assert toys.states() == {"01": "failed", "02": "skipped", "03": "skipped"}
    assert "skipped   02; --keep-going runs what does not need 01" in toys.screen
    assert "skipped   03, waiting for what 01 writes" in toys.screen
    toys.edit("01_make_data", lambda cells: cells[4].update(source="(folder / 'a').write_text('1')"))
    assert toys.run(jobs=1) == 0
    assert "failed last time" not in toys.screen or "3 done" in toys.screen


def test_a_failed_step_keeps_no_old_page(toys):
    toys.study.folder.mkdir()
    (toys.study.folder / "params.yaml").write_text("name: toy\n")
    for kind in ("ipynb", "html"):
        toys.study.place("01_make_data", kind).write_text("old")
    toys.add("01_make_data", "1 / 0", writes=["a"])
    assert toys.run() == 1
    assert kinds(toys, "01_make_data") == {"failed", "stamp"}
    assert "ZeroDivisionError: division by zero" in toys.screen


@posix
def test_a_killed_kernel_is_reported_as_died(toys):
    toys.add("01_die_young", "import os\nos.kill(os.getpid(), 9)", "x = 1")
    assert toys.run() == 1
    assert "01_die_young died in “Work”, code cell 3" in toys.screen
    assert re.search(r"the kernel died, .*; it used up to 0\.\d+ GB", toys.screen), toys.screen
    assert "--jobs 1" in toys.screen  # what to type where memory is short
    assert "completed" in toys.study.place("01_die_young", "failed").read_text()  # papermill's word, not ours
    assert toys.run() == 1  # and so it is not believed
    assert kinds(toys, "01_die_young") == {"failed", "stamp"}


def test_a_notebook_that_exceeds_the_time_limit_is_ended(toys):
    toys.add("01_sleep_long", "import time", "time.sleep(60)")
    toys.change(timeout=4.0)
    assert toys.run() == 1
    assert re.search(r"01_sleep_long timed out.* after [4-9]\.\d s", toys.screen), toys.screen
    assert kinds(toys, "01_sleep_long") == {"failed", "stamp"}


def test_a_declared_output_that_is_not_written_and_an_early_exit_are_failures(toys):
    toys.add("01_write_nothing", "x = 1", writes=["data/a"])
    toys.add("02_leave_early", "import sys\nsys.exit(0)", "x = 1")
    assert toys.run(jobs=2, keep_going=True) == 1
    assert "declares data/a in writes=(…) and did not write it" in toys.screen
    assert "stopped itself before its last cell" in toys.screen
    assert kinds(toys, "01_write_nothing") == kinds(toys, "02_leave_early") == {"failed", "stamp"}


def test_a_kernel_has_the_environment_of_its_run_and_no_user_configuration(toys, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    threads = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"]
    names = ["MER_RUN_FOLDER", "MER_JOBS", "PYTHONHASHSEED", "MPLBACKEND", *threads]
    code = (
        f"import json, os, sys\nfacts = {{name: os.environ.get(name, '') for name in {names}}}\n"
        "facts |= {'params': params_file, 'cwd': os.getcwd(), 'python': sys.executable}\n"
        "(folder / 'facts.json').write_text(json.dumps(facts))"
    )
    toys.add("01_look_around", code, writes=["facts.json"])
    toys.change(threads=3)
    assert toys.run(jobs=4) == 0
    facts = json.loads((toys.study.folder / "facts.json").read_text())
    assert facts["MER_RUN_FOLDER"] == str(toys.study.folder)
    assert (facts["MER_JOBS"], facts["PYTHONHASHSEED"]) == ("4", "0")
    assert [facts[name] for name in threads] == ["3"] * 4  # whatever --jobs is
    assert facts["MPLBACKEND"] != "agg"
    assert facts["params"] == str(toys.study.folder / "params.yaml")
    assert facts["python"] == sys.executable


def test_a_page_loads_nothing_and_runs_no_foreign_script(toys):
    foreign = "<script>alert(1)</script>"
    toys.add(
        "01_show_things",
        f"import pandas as pd\npd.DataFrame({{'text': [{foreign!r}]}})",
        f"from IPython.display import HTML, Javascript, Markdown, display\n"
        f"display(Javascript('al' 'ert(2)'), HTML({foreign!r} + '<b>bold</b><scr<script></script>ipt>alert(3)'))\n"
        f"display(Markdown({foreign!r}))\nprint({foreign!r})",
    )
    assert toys.run() == 0, toys.screen
    html = toys.study.place("01_show_things", "html").read_text(encoding="utf-8")
    assert "<script" not in html.lower()
    assert "alert(2)" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<b>bold</b>" in html
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)
    assert "url(" not in html
    assert "default-src 'none'" in html
    assert re.search(r"<title>Title of 01 · toy · \d{4}-\d\d-\d\d</title>", html)
    assert 'href="index.html"' in html
    assert "injected" not in html


def test_wrong_steps_are_refused_before_anything_runs(toys):
    toys.add("01_make_data")
    with pytest.raises(StudyError, match="step 07"):
        toys.run(steps={"01", "07"})
    assert not toys.study.folder.exists()
