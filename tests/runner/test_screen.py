"""The output on a terminal and without one."""

import io
import os
import re
import sys

import pytest

from mer import files
from mer.runner.execution.loop import RunOptions, run
from mer.runner.reporting import screen as screen_module
from mer.runner.reporting.screen import MAX_LIVE_LINES, Screen


def test_a_terminal_shows_one_live_line_per_step_below_what_is_finished(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    out = io.StringIO()
    screen = Screen(out, live=True)
    screen.set_columns(["01_make_data", "02_use_data"])
    screen.step("01_make_data", "running", "never run")
    assert out.getvalue() == ""
    screen.show(
        [("running", "01_make_data", "1:12  Train  3/9  about 5.0 s left"), ("waiting", "02_use_data", "waits for 01")]
    )
    drawn = out.getvalue()
    assert "▸ 01 make_data  1:12  Train  3/9  about 5.0 s left" in drawn
    assert "· 02 use_data   waits for 01" in drawn
    screen.step("01_make_data", "done", "1:12")
    screen.end()
    assert "✓ 01 make_data  done         1:12" in out.getvalue()[len(drawn) :]


def test_many_live_lines_are_cut():
    out = io.StringIO()
    screen = Screen(out, live=True)
    screen.show([("running", f"01_make_{at}", "") for at in range(500)])
    screen.end()
    assert f"and {500 - MAX_LIVE_LINES + 1} more" in out.getvalue()


def test_long_lines_and_markup_are_printed_as_they_are(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = io.StringIO()
    screen = Screen(out, live=True)
    screen.show([("running", "01_make_data", "[bold]x[/] " * 50)])
    screen.print_line("[red]no colour[/red] " * 10)
    screen.end()
    assert "[red]no colour[/red] [red]no colour[/red] [red]no colour[/red]" in out.getvalue()  # not wrapped
    assert all(len(line) < 200 for line in out.getvalue().splitlines()[:1])


def test_without_a_terminal_lines_are_plain():
    out = io.StringIO()
    screen = Screen(out)
    screen.set_columns(["01_make_data"])
    screen.step("01_make_data", "running", "never run")
    screen.show([("running", "01_make_data", "1:12")])
    screen.step("01_make_data", "done", "1:12", "310 MB")
    screen.end()
    assert out.getvalue() == ("  ▸ 01 make_data  started      never run\n  ✓ 01 make_data  done         1:12  310 MB\n")


def test_a_log_has_a_line_of_progress_once_in_a_while(monkeypatch):
    out, seconds = io.StringIO(), [0.0]
    monkeypatch.setattr(screen_module.time, "monotonic", lambda: seconds[0])
    screen = Screen(out, live=False)
    screen.set_columns(["03_train", "04_test"])
    rows = [("running", "03_train", "1:12  Train  train 3/9, ready in 00:20"), ("waiting", "04_test", "waits for 03")]
    for second in range(0, 150, 10):
        seconds[0] = float(second)
        screen.show(rows)
    assert out.getvalue().count("03 train  1:12  Train  train 3/9, ready in 00:20") == 2
    assert "waits" not in out.getvalue()


def test_a_quiet_screen_prints_failures_notices_and_the_end(toys):
    notice = 'Path(os.environ["MER_NOTICES"]).write_text(\'["UAR of .5"]\')'
    toys.add("01_make_data", notice, writes=[])
    out = io.StringIO()
    assert run(toys.study, RunOptions(), Screen(out, quiet=True)) == 0
    lines = out.getvalue().splitlines()
    assert lines[0] == "01 UAR of .5"
    assert re.fullmatch(r"1 done in [\d.]+ s; open \S+/index\.html", lines[1])
    toys.add("02_go_wrong", "1 / 0", writes=[])
    out = io.StringIO()
    assert run(toys.study, RunOptions(), Screen(out, quiet=True)) == 1
    assert "✗ 02 go_wrong" in out.getvalue()
    assert "unchanged " not in out.getvalue().partition("✗")[0]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
@pytest.mark.parametrize(("variables", "live"), [({}, True), ({"CI": "true"}, False), ({"TERM": "dumb"}, False)])
def test_only_a_capable_terminal_is_redrawn(monkeypatch, variables, live):
    for name in ("CI", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    main, other = os.openpty()
    with open(other, "w") as terminal:  # noqa: PTH123
        assert Screen(terminal).live is live
    os.close(main)


def test_the_live_line_shows_time_heading_progress_and_time_left(toys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    toys.add("01_count_up", "from tqdm import tqdm\nimport time\nfor _ in tqdm(range(40), mininterval=0):\n"
                            "    time.sleep(0.05)", heading="Count things", writes=[])  # fmt: skip
    toys.add("02_wait_for_it", reads=["nothing"])
    for last in (False, True):
        out = io.StringIO()
        assert run(toys.study, RunOptions(force=True), Screen(out, live=True)) == 0
        left = r"about [\d.]+ s left" if last else r"(?!.*left)"
        assert re.search(
            rf"▸ 01 count_up +[\d.]+ s  Count things  \d+/40(, ready in [\d:]+)? *{left}", out.getvalue()
        ), out.getvalue()
        assert "· 02 wait_for_it" in out.getvalue()


@pytest.mark.parametrize(
    ("body", "timeout", "headline", "advice"),
    [
        ("1 / 0", None, r"failed in “Work”, code cell 3, after [\d.]+ s\n  ZeroDivisionError: division by zero", ""),
        ("import os\nos.kill(os.getpid(), 9)", None,
         r"died in “Work”, code cell 3, after [\d.]+ s\n  the kernel died, .* used up to [\d.]+ GB", "--jobs 1"),
        ("import time\ntime.sleep(60)", 3.0,
         r"timed out in “Work”, code cell 3, after [\d.]+ s\n  .*not finished after 3 seconds", "timeout_minutes"),
    ],
)  # fmt: skip
def test_each_failure_has_its_message_with_files_to_open_and_a_command(toys, body, timeout, headline, advice):
    toys.add("01_go_wrong", body)
    toys.change(timeout=timeout)
    assert toys.run() == 1
    assert re.search(rf"✗ 01_go_wrong {headline}", toys.screen), toys.screen
    after = toys.screen.partition("✗ 01_go_wrong ")[2]
    opened = re.search(r"\n  open      (\S+\.failed\.ipynb)\n", after)
    assert files.from_root(opened[1]).is_file()
    assert files.from_root(re.search(r"\n  log       (\S+\.log)\n", after)[1]).is_file()
    assert re.search(r"\n  notebook  \S+/01_go_wrong\.ipynb\n", after)
    assert "\n  retry     python run_all.py params/toy.yaml\n" in after
    assert (advice in after) if advice else ("\n  try " not in after)
