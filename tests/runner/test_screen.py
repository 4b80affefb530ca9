"""What a terminal shows, and what a log does."""

import io
import os
import sys

import pytest

from mer.runner.screen import MOST, Screen


def test_a_terminal_shows_one_live_line_per_step_below_what_is_finished(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    out = io.StringIO()
    screen = Screen(out, live=True)
    screen.begin(["01_make_data", "02_use_data"])
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
    assert f"and {500 - MOST + 1} more" in out.getvalue()


def test_long_lines_and_markup_do_no_harm(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = io.StringIO()
    screen = Screen(out, live=True)
    screen.show([("running", "01_make_data", "[bold]x[/] " * 50)])
    screen.say("[red]no colour[/red] " * 10)
    screen.end()
    assert "[red]no colour[/red] [red]no colour[/red] [red]no colour[/red]" in out.getvalue()  # not wrapped
    assert all(len(line) < 200 for line in out.getvalue().splitlines()[:1])


def test_plain_lines_elsewhere():
    out = io.StringIO()
    screen = Screen(out)
    screen.begin(["01_make_data"])
    screen.step("01_make_data", "running", "never run")
    screen.show([("running", "01_make_data", "1:12")])
    screen.step("01_make_data", "done", "1:12", "310 MB")
    screen.end()
    assert out.getvalue() == ("  ▸ 01 make_data  started      never run\n  ✓ 01 make_data  done         1:12  310 MB\n")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
@pytest.mark.parametrize(("variables", "live"), [({}, True), ({"CI": "true"}, False), ({"TERM": "dumb"}, False)])
def test_only_a_terminal_that_can_is_redrawn(monkeypatch, variables, live):
    for name in ("CI", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    main, other = os.openpty()
    with open(other, "w") as terminal:  # noqa: PTH123
        assert Screen(terminal).live is live
    os.close(main)
