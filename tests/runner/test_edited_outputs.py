"""Outputs that were changed after their step wrote them: neither other steps nor the step itself use them."""

import pytest

from mer import files
from mer.runner import StudyError
from mer.runner.staleness import edited_outputs

CACHED = """(folder / 'cache').mkdir(exist_ok=True)
if not (folder / 'cache/one').exists():
    (folder / 'cache/one').write_text('0.5')
(folder / 'score').write_text((folder / 'cache/one').read_text())"""


@pytest.fixture
def cached(toys):
    """A step that stores results in a folder among its outputs, and a step that reads its score."""
    toys.add("01_train", CACHED, writes=["cache", "score"], uses=["training"])
    toys.add("02_report", reads=["score"], writes=["page"])
    assert toys.run() == 0
    return toys


def text(toys, name):
    return (toys.study.folder / name).read_text()


@pytest.mark.parametrize("options", [{}, {"force": True}, {"steps": {"01"}}])
def test_a_step_does_not_use_its_own_edited_results(cached, options):
    (cached.study.folder / "cache/one").write_text("0.9")
    assert cached.run(**options) == 0
    assert (text(cached, "score"), text(cached, "cache/one")) == ("0.5", "0.5")
    assert text(cached, f"{edited_outputs.MOVED_FOLDER}/cache/one") == "0.9"
    where = files.to_root(cached.study.folder / edited_outputs.MOVED_FOLDER / "cache")
    assert f"cache was changed by hand: it was moved to {where}, and nothing of it is used" in cached.screen
    assert cached.run() == 0
    assert "2 unchanged" in cached.screen


def test_a_step_that_runs_for_another_reason_does_not_use_edited_results(cached):
    (cached.study.folder / "cache/one").write_text("0.9")
    cached.change(params={"training": {"epochs": 4}})
    assert cached.run() == 0
    assert text(cached, "score") == "0.5"


def test_unedited_results_are_reused(cached):
    inode = (cached.study.folder / "cache/one").stat().st_ino
    (cached.study.folder / "score").write_text("0.9")
    assert cached.run() == 0
    assert "cache was changed by hand" not in cached.screen
    assert (cached.study.folder / "cache/one").stat().st_ino == inode
    assert text(cached, "page") == "0.5+page"


def test_results_that_were_moved_aside_before_are_replaced(cached):
    for number in (1, 2):
        (cached.study.folder / "cache/one").write_text(f"{number}")
        (cached.study.folder / "score").write_text(f"{number}")
        assert cached.run() == 0
        assert (
            text(cached, f"{edited_outputs.MOVED_FOLDER}/cache/one")
            == text(cached, f"{edited_outputs.MOVED_FOLDER}/score")
            == f"{number}"
        )


def test_a_step_that_would_read_edited_results_is_refused(cached):
    (cached.study.folder / "score").write_text("0.9")
    with pytest.raises(StudyError, match="score was changed by hand after step 01 wrote it; run step 01, too"):
        cached.run(steps={"02"})
    assert text(cached, "page") == "0.5+page"
    (cached.study.folder / "score").write_text("0.5")
    assert cached.run(steps={"02"}) == 0


def test_a_step_that_would_do_without_removed_results_is_refused(cached):
    (cached.study.folder / "score").unlink()
    with pytest.raises(StudyError, match="score was removed after step 01 wrote it; run step 01, too"):
        cached.run(steps={"02"})
    assert cached.run() == 0
    assert text(cached, "page") == "0.5+page"


def test_edited_results_that_no_selected_step_reads_are_allowed(cached):
    (cached.study.folder / "cache/one").write_text("0.9")
    assert cached.run(steps={"02"}) == 0
    assert "note: 01 is used as it is" in cached.screen


def test_a_deleted_damaged_file_is_named_on_the_screen(toys):
    toys.add("01_extract", "import warnings\nwarnings.warn('deleted: a/b.npy: damaged (empty); it is computed again')\n"
             "(folder / 'out').write_text('1')", writes=["out"])  # fmt: skip
    assert toys.run() == 0
    assert "  01_extract: deleted: a/b.npy: damaged (empty); it is computed again\n" in toys.screen
