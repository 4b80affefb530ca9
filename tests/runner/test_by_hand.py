"""Outputs that are not what a step wrote: they are not used, neither by other steps nor by the step itself."""

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
    """A step that keeps results in a folder among its outputs, and one that reads its score."""
    toys.add("01_train", CACHED, writes=["cache", "score"], uses=["training"])
    toys.add("02_report", reads=["score"], writes=["page"])
    assert toys.run() == 0
    return toys


def text(toys, name):
    return (toys.study.folder / name).read_text()


@pytest.mark.parametrize("options", [{}, {"force": True}, {"steps": {"01"}}])
def test_a_step_does_not_trust_its_own_results_that_a_hand_changed(cached, options):
    (cached.study.folder / "cache/one").write_text("0.9")
    assert cached.run(**options) == 0
    assert (text(cached, "score"), text(cached, "cache/one")) == ("0.5", "0.5")
    assert text(cached, f"{edited_outputs.AWAY}/cache/one") == "0.9"
    where = files.to_root(cached.study.folder / edited_outputs.AWAY / "cache")
    assert f"cache was changed by hand: it now lies in {where}, and nothing of it is used" in cached.screen
    assert cached.run() == 0
    assert "2 unchanged" in cached.screen


def test_nor_where_it_runs_for_another_reason(cached):
    (cached.study.folder / "cache/one").write_text("0.9")
    cached.change(params={"training": {"epochs": 4}})
    assert cached.run() == 0
    assert text(cached, "score") == "0.5"


def test_what_is_as_it_was_sealed_is_trusted(cached):
    inode = (cached.study.folder / "cache/one").stat().st_ino
    (cached.study.folder / "score").write_text("0.9")
    assert cached.run() == 0
    assert "cache was changed by hand" not in cached.screen
    assert (cached.study.folder / "cache/one").stat().st_ino == inode
    assert text(cached, "page") == "0.5+page"


def test_what_was_put_away_before_makes_room(cached):
    for number in (1, 2):
        (cached.study.folder / "cache/one").write_text(f"{number}")
        (cached.study.folder / "score").write_text(f"{number}")
        assert cached.run() == 0
        assert (
            text(cached, f"{edited_outputs.AWAY}/cache/one")
            == text(cached, f"{edited_outputs.AWAY}/score")
            == f"{number}"
        )


def test_a_step_is_not_given_what_a_hand_changed(cached):
    (cached.study.folder / "score").write_text("0.9")
    with pytest.raises(StudyError, match="score was changed by hand after step 01 wrote it; run step 01, too"):
        cached.run(steps={"02"})
    assert text(cached, "page") == "0.5+page"
    (cached.study.folder / "score").write_text("0.5")
    assert cached.run(steps={"02"}) == 0


def test_other_results_of_that_step_do_not_matter(cached):
    (cached.study.folder / "cache/one").write_text("0.9")
    assert cached.run(steps={"02"}) == 0
    assert "note: 01 is used as it stands" in cached.screen


def test_damage_that_was_made_good_is_told_on_the_screen(toys):
    toys.add("01_extract", "import warnings\nwarnings.warn('deleted: a/b.npy: damaged (empty); it is made anew')\n"
             "(folder / 'out').write_text('1')", writes=["out"])  # fmt: skip
    assert toys.run() == 0
    assert "  01_extract: deleted: a/b.npy: damaged (empty); it is made anew\n" in toys.screen
