"""The front page, during a run and after it."""

import io
import itertools
import json
import re
import zipfile

import pytest

from mer import files
from mer.html_pages import frame
from mer.runner import StudyError
from mer.runner.execution import worker
from mer.runner.reporting import archive, rendering
from mer.runner.reporting.index import TEMPLATES
from mer.runner.staleness import stamps
from tests import page_checks

WATCH = """import json, time
until = time.monotonic() + 20
while time.monotonic() < until:
    text = (folder / 'index.html').read_text() if (folder / 'index.html').exists() else ''
    if 'article class="running"' in text and 'article class="done"' in text:
        break
    time.sleep(0.05)
(folder / 'seen.html').write_text(text)
(folder / 'seen.json').write_text((folder / 'run.json').read_text())"""


def linked(toys):
    page = (toys.study.folder / "index.html").read_text(encoding="utf-8")
    return set(re.findall(r'href="([^"]+)"', page)) - {"params.yaml", "run.json"}


def test_the_front_page_is_live_during_a_run(toys):
    toys.add("01_make_data", writes=["a"])
    toys.add("02_watch", WATCH, reads=["a"], writes=["seen.html", "seen.json"])
    toys.add("03_use_data", reads=["seen.html"], writes=["b"])
    assert toys.run() == 0, toys.screen
    seen = (toys.study.folder / "seen.html").read_text(encoding="utf-8")
    assert re.findall(r'<article class="(\w+)">', seen) == ["done", "running", "waiting"]
    assert 'http-equiv="refresh"' in seen
    states = json.loads((toys.study.folder / "seen.json").read_text())
    assert (states["state"], [step["state"] for step in states["steps"]]) == ("running", ["done", "running", "waiting"])
    last = (toys.study.folder / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<article class="(\w+)">', last) == ["done"] * 3
    assert 'http-equiv="refresh"' not in last  # what is finished is not loaded again


def test_pages_of_an_earlier_run_are_not_shown_for_steps_that_this_one_did_not_reach(toys):
    toys.add("01_make_data", uses=["training"], writes=["a"])
    toys.add("02_use_data", reads=["a"], writes=["b"])
    toys.add("03_by_itself", writes=["c"])
    assert toys.run() == 0
    assert {"01_make_data.html", "02_use_data.html", "03_by_itself.html"} <= linked(toys)
    toys.edit("01_make_data", lambda cells: cells[4].update(source="1 / 0"))
    assert toys.run(keep_going=True) == 1
    assert toys.states() == {"01": "failed", "02": "skipped", "03": "unchanged"}
    pages = {"01_make_data.failed.ipynb", "03_by_itself.html", "03_by_itself.ipynb"}
    assert linked(toys) == pages | {"logs/01_make_data.log", "logs/03_by_itself.log"}
    skipped = next(step for step in toys.summary()["steps"] if step["number"] == "02")
    assert (skipped["digest"], skipped["seconds"], skipped["finished"]) == (None, None, None)
    assert stamps.finished(toys.study, "02_use_data")  # it is kept: mended, 02 may have nothing to do


def test_a_failed_step_is_red():
    page, style = (TEMPLATES / "index.html.j2").read_text(), (frame.FOLDER / "page.css").read_text()
    assert re.search(r"article\.failed[^{]*\{ border-left-color: var\(--bad\)", page)
    assert re.search(r"\.badge\.failed[^{]*\{ color: var\(--bad\)", page)
    colours = re.findall(r"--bad: #([0-9a-f]{6})", style)
    assert colours
    for colour in colours:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (0, 2, 4))
        assert red > 1.3 * max(green, blue)


def test_a_page_is_put_in_place_when_it_is_complete(toys, monkeypatch, tmp_path):
    """Notebook and page get their names when both are finished; those of the earlier run are deleted before."""
    toys.add("01_look", "names = sorted(p.name for p in folder.iterdir())\n"
                        "(folder / 'names').write_text(' '.join(names))", writes=["names"])  # fmt: skip
    for _ in range(2):
        assert toys.run(force=True) == 0
        names = (toys.study.folder / "names").read_text().split()
        assert "01_look.partial.ipynb" in names
        assert not {"01_look.ipynb", "01_look.html"} & set(names)

    spec = {kind: str(tmp_path / f"01_x.{kind}") for kind in ("partial", "partial_html", "ipynb", "html")}
    (tmp_path / "01_x.partial").write_text("{}")
    instance = worker.Worker.__new__(worker.Worker)
    instance.spec = spec | dict.fromkeys(("kernels", "title", "study", "banner", "date"), "")
    instance.spec["private"] = str(tmp_path / "private")
    instance.send = lambda *_, **__: None
    monkeypatch.setattr(instance, "_papermill", lambda: "book")

    def half(book, page, *_):
        page.write_text("<html>")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(worker.html, "render", half)
    assert instance.run() == 1
    assert (tmp_path / "01_x.partial_html").read_text() == "<html>"
    assert not (tmp_path / "01_x.ipynb").exists()
    assert not (tmp_path / "01_x.html").exists()


def test_a_killed_worker_leaves_no_partial_page(toys):
    half = toys.study.place("01_spoil", "partial_html")
    toys.add("01_spoil", f"open({str(half)!r}, 'w').write('<html>')",
             "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(9)")  # fmt: skip
    assert toys.run() == 1
    assert "✗ 01_spoil died" in toys.screen
    assert not half.exists()


def test_notices_are_shown_on_the_screen_and_the_front_page_also_by_later_runs(toys):
    notice = (
        "import json\nPath(os.environ['MER_NOTICES']).write_text(json.dumps(['80 of 188 rows lost <b>']))\n"
        "(folder / 'a').write_text('')"
    )
    toys.add("01_make_data", notice, writes=["a"])
    for _ in range(2):  # the second time the step is unchanged
        assert toys.run() == 0, toys.screen
        assert "80 of 188 rows lost <b>" in toys.screen
        assert "80 of 188 rows lost &lt;b&gt;" in (toys.study.folder / "index.html").read_text(encoding="utf-8")
    toys.edit("01_make_data", lambda cells: cells[4].update(source="(folder / 'a').write_text('')"))
    assert toys.run() == 0
    assert "80 of 188" not in toys.screen
    assert toys.summary()["steps"][0]["notices"] == []


def test_an_edited_notebook_is_not_rendered(toys):
    toys.add("01_make_data", writes=["a"])
    assert toys.run() == 0
    book, page = (toys.study.place("01_make_data", kind) for kind in ("ipynb", "html"))
    was = page.read_bytes()
    book.write_text(book.read_text(encoding="utf-8").replace("01", "99"), encoding="utf-8")
    assert rendering.render(toys.study) == 1
    assert page.read_bytes() == was
    page.unlink()
    assert toys.run() == 0
    assert toys.states() == {"01": "done"}
    assert "output 01_make_data.ipynb was changed by hand" in toys.screen
    assert page.is_file()


SUMMARY = {
    "facts": [["corpora", "emodb <b>"]],
    "findings": [{"title": "Found", "text": "more than chance <i>", "link": "01_sum_up.html", "link_text": "page"}],
    "table": {"caption": "UAR", "columns": ["system", "emodb"], "foot": [["chance", ".143"]],
              "rows": [["gated", {"text": ".45", "detail": "[.40, .50]", "sort": 0.45}]]},
    "figure": {"caption": "UAR", "alt": "a forest", "groups": [{"name": "emodb", "chance": 0.25, "rows": [
        {"name": "gated", "value": 0.45, "low": 0.4, "high": 0.5, "text": ".45"}]}]},
    "lost": ["3 utterances"],
    "pages": [{"link": "01_sum_up.html", "name": "report", "shows": "all"}],
}  # fmt: skip


def front(toys):
    return (toys.study.folder / "index.html").read_text(encoding="utf-8")


def test_the_front_page_shows_what_the_study_found_while_the_step_that_says_so_is_up_to_date(toys):
    code = f"(folder / 'front_page.json').write_text({json.dumps(SUMMARY)!r})"
    toys.add("01_sum_up", f"{code}\n(folder / 'a.csv').write_text('x')", writes=["front_page.json", "a.csv"])
    assert toys.run() == 0, toys.screen
    page = front(toys)
    assert "emodb &lt;b&gt;" in page
    assert "more than chance &lt;i&gt;" in page
    assert "3 utterances" in page
    assert 'style="left:40.0%;width:10.0%"' in page
    assert page.count("<script>") == 1
    assert {"a.csv", "01_sum_up.html"} <= linked(toys)
    assert "front_page.json" not in linked(toys)
    local = {link for link in linked(toys) if not link.startswith("#")}
    assert all((toys.study.folder / link).exists() for link in local)
    assert "python run_all.py" in page.split('id="reproduce"')[1]
    assert "params.yaml" in page.split('id="reproduce"')[1]
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))

    toys.edit("01_sum_up", lambda cells: cells[4].update(source="1 / 0"))
    assert toys.run() == 1
    assert "more than chance" not in front(toys)  # it is what an earlier run has found


WRONG_FIGURE = {"groups": [{"name": "x", "chance": "a", "rows": []}]}


@pytest.mark.parametrize(
    "change", [{"facts": 1}, {"facts": [1]}, {"findings": [{}]}, {"table": {"rows": 5}}, {"figure": WRONG_FIGURE}]
)
def test_a_damaged_summary_is_not_shown(toys, change):
    text = json.dumps(SUMMARY | change)
    toys.add("01_sum_up", f"(folder / 'front_page.json').write_text({text!r})", writes=["front_page.json"])
    assert toys.run() == 0, toys.screen
    assert 'id="steps"' in front(toys)
    assert "more than chance" not in front(toys)


def test_a_summary_that_was_changed_since_its_step_is_not_shown_by_a_run_of_other_steps(toys):
    toys.add("01_make_data", writes=["a"])
    toys.add(
        "02_sum_up", f"(folder / 'front_page.json').write_text({json.dumps(SUMMARY)!r})", writes=["front_page.json"]
    )
    assert toys.run() == 0, toys.screen
    assert "more than chance" in front(toys)
    path = toys.study.folder / "front_page.json"
    path.write_text(path.read_text().replace("more than chance", "more than choice"))
    assert toys.run(steps={"01"}, force=True) == 0, toys.screen
    assert "more than" not in front(toys)


def test_neighbouring_setup_cells_are_one_fold(toys):
    toys.add("01_make_data", writes=["a"])
    toys.edit("01_make_data", lambda cells: cells.insert(3, cells[2] | {"id": "more", "source": "import os as more"}))
    assert toys.run() == 0, toys.screen
    page = toys.study.place("01_make_data", "html").read_text(encoding="utf-8")
    assert page.count("<summary>setup</summary>") == 1
    assert "more" in page


def test_the_archive_holds_the_pages_and_everything_that_they_link(toys, monkeypatch, tmp_path):
    toys.add("01_make_data", writes=["tables/a b.csv", "trainings/x.csv", "page.html"])
    monkeypatch.setattr(files, "ROOT", tmp_path)
    with pytest.raises(StudyError, match="run the study first"):
        archive.write(toys.study, io.StringIO())
    assert toys.run() == 0, toys.screen
    (toys.study.folder / "page.html").write_text('<a href="logs/01_make_data.log">x</a> <a href="../secret.txt">y</a>')
    (tmp_path / "secret.txt").write_text("mine")
    (toys.study.folder / "unlinked.txt").write_text("mine")
    out = io.StringIO()
    assert archive.write(toys.study, out) == 0
    place = tmp_path / "outputs/exports/run.zip"
    with zipfile.ZipFile(place) as packed:
        names = set(packed.namelist())
        packed.extractall(tmp_path / "elsewhere")
    assert {"run/index.html", "run/01_make_data.html", "run/params.yaml", "run/run.json", "run/tables/a b.csv"} <= names
    assert not {"run/trainings/x.csv", "run/unlinked.txt", "secret.txt", "run/../secret.txt"} & names
    assert f"{len(names)} files" in out.getvalue()
    assert page_checks.Page(tmp_path / "elsewhere/run/index.html").faults == []
    first = place.read_bytes()
    archive.write(toys.study, io.StringIO())
    assert place.read_bytes() == first
