"""A notebook that runs once per value."""

import io
import json

import pytest

from mer import params
from mer.params import fan_out
from mer.runner import StudyError, run
from mer.runner.reporting.screen import Screen
from mer.runner.steps import notebook, schedule

SEEDS = {"seed": "evaluation.seeds"}


@pytest.fixture
def fanned(toys):
    toys.change(params={"training": {"epochs": 3}, "evaluation": {"seeds": [0, 1], "confidence": 0.95}})
    toys.add("01_train_all", uses=["evaluation"], writes=["parts/{seed}.txt"], fan_out=SEEDS)
    code = "(folder / 'all').write_text('+'.join(sorted(p.name for p in (folder / 'parts').iterdir())))"
    toys.add("02_gather", code, reads=["parts"], writes=["all"])
    return toys


def seeds(toys, *values):
    toys.change(params=toys.study.params | {"evaluation": {"seeds": list(values), "confidence": 0.95}})


def test_each_value_is_run_and_stamped_by_itself(fanned):
    assert fanned.run(jobs=2) == 0, fanned.screen
    assert fanned.units("01") == {"seed=0": "done", "seed=1": "done"}
    assert (fanned.study.folder / "all").read_text() == "0.txt+1.txt"
    page = fanned.study.place("01_train_all/seed=1", "html").read_text()
    assert 'href="../index.html"' in page
    assert "seed 1" in page
    front = (fanned.study.folder / "index.html").read_text()
    assert 'href="01_train_all/seed=1.html"' in front
    assert "2 of 2 done" in front

    assert fanned.run(jobs=2) == 0
    assert "2 unchanged" in fanned.screen

    seeds(fanned, 0, 1, 2)  # a further value runs, those that are there stay
    assert fanned.run(jobs=2) == 0
    assert fanned.units("01") == {"seed=0": "unchanged", "seed=1": "unchanged", "seed=2": "done"}
    assert (fanned.study.folder / "all").read_text() == "0.txt+1.txt+2.txt"


def test_a_value_that_is_no_longer_listed_is_put_away_and_taken_back(fanned):
    assert fanned.run(jobs=2) == 0
    seeds(fanned, 1)
    assert fanned.run(jobs=2) == 0
    assert (fanned.study.folder / "all").read_text() == "1.txt"
    assert not fanned.study.place("01_train_all/seed=0", "html").exists()
    assert (fanned.study.folder / "retired/parts/0.txt").exists()
    seeds(fanned, 0, 1)
    assert fanned.run(jobs=2) == 0
    assert fanned.units("01") == {"seed=0": "unchanged", "seed=1": "unchanged"}
    assert (fanned.study.folder / "all").read_text() == "0.txt+1.txt"


def test_one_value_that_fails_is_named_and_the_others_are_kept(fanned):
    fanned.edit("01_train_all", lambda cells: cells[4].update(source=cells[4]["source"] + "\nassert seed != 0, 'no'"))
    assert fanned.run(jobs=1, keep_going=True) == 1
    assert fanned.units("01") == {"seed=0": "failed", "seed=1": "done"}
    assert "✗ 01_train_all/seed=0 failed" in fanned.screen
    assert "01_train_all/seed=0.failed.ipynb" in fanned.screen
    assert fanned.states() == {"01": "failed", "02": "skipped"}
    fanned.edit("01_train_all", lambda cells: cells[4].update(source=cells[4]["source"].replace("!= 0", "!= 7")))
    assert fanned.run(jobs=1) == 0
    assert fanned.states() == {"01": "done", "02": "done"}


def test_values_of_an_earlier_step_and_a_product_of_two(toys):
    toys.change(params={"evaluation": {"seeds": [0, 1]}})
    toys.add("01_list_them", "import json\n(folder / 'corpora.json').write_text(json.dumps(['a', 'b']))",
             writes=["corpora.json"])  # fmt: skip
    toys.add("02_hold_out", writes=["parts/{corpus}_{seed}"], fan_out={"corpus": "corpora.json", **SEEDS})
    assert toys.run(jobs=2) == 0, toys.screen
    assert set(toys.units("02")) == {f"corpus={c},seed={s}" for c in "ab" for s in (0, 1)}
    assert (toys.study.folder / "parts/b_1").exists()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "an empty one"),
        (3, "no list"),
        (["a/b"], "cannot name a file"),
        ([1, "1"], "twice"),
        ([None], "cannot name"),
    ],
)
def test_values_that_cannot_be_run_are_refused(fanned, values, why):
    fanned.change(params={"evaluation": {"seeds": values}})
    assert fanned.run() == 1
    assert why in fanned.screen
    assert fanned.states() == {"01": "failed", "02": "skipped"}


def test_an_output_must_tell_its_value_and_the_parameter_must_be_there(toys):
    toys.add("01_train_all", writes=["same"], fan_out=SEEDS)
    with pytest.raises(StudyError, match=r"writes='same' is the same file for each seed; put \{seed\}"):
        notebook.read(toys.path("01_train_all"))
    toys.add("01_train_all", writes=["a{seed}"], fan_out=SEEDS)
    toys.edit("01_train_all", lambda cells: cells[1].update(source='params_file = "x"'))
    with pytest.raises(StudyError, match="fan_out names 'seed'"):
        notebook.read(toys.path("01_train_all"))


def test_two_steps_must_not_write_the_same_file(toys):
    toys.add("01_train_all", writes=["parts/{seed}.txt"], fan_out=SEEDS)
    toys.add("02_train_too", writes=["parts/0.txt"])
    with pytest.raises(StudyError, match="steps 01 and 02 both write"):
        schedule.choose(toys.study)


def test_500_values(toys):
    toys.change(params={"evaluation": {"seeds": list(range(500))}})
    toys.add("01_train_all", uses=["evaluation"], writes=["parts/{seed}.txt"], fan_out=SEEDS)
    folder, step = toys.study.folder, notebook.read(toys.path("01_train_all"))
    from mer.runner.staleness import dependencies, stamps
    from mer.runner.steps import units

    common = dependencies.shared(toys.study, step)
    (folder / "parts").mkdir(parents=True)
    for unit in units.expand(toys.study, step)[:-1]:  # as if 499 had run
        (folder / unit.writes[0]).write_text("1")
        for kind in ("ipynb", "html"):
            toys.study.place(unit.name, kind).parent.mkdir(exist_ok=True)
            toys.study.place(unit.name, kind).write_text("{}")
        stamps.seal(toys.study, unit, dependencies.parts(toys.study, unit, common), {"seconds": 1.0, "peak_mb": 1})
    assert toys.run(jobs=2) == 0, toys.screen
    assert "499 of 500" in toys.screen
    assert len(toys.screen.splitlines()) < 10
    assert list(toys.units("01").values()).count("unchanged") == 499
    [row] = schedule.survey(toys.study)
    assert row.state == "unchanged"


def test_a_gpu_is_given_to_one_at_a_time_unless_told_otherwise(toys):
    code = """import os, time
mine, other = folder / f"on{seed}", folder / f"on{1 - seed}"
mine.touch()
until = time.monotonic() + (2 if os.environ["CUDA_VISIBLE_DEVICES"] == "alone" else 20)
while not (met := other.exists()) and time.monotonic() < until:
    time.sleep(0.02)
time.sleep(0.5)  # so that the other can see us, too
mine.unlink()
(folder / f"{seed}.txt").write_text(f"{os.environ['CUDA_VISIBLE_DEVICES']} {met}")"""
    toys.change(params={"evaluation": {"seeds": [0, 1]}})
    toys.add("01_train_all", code, writes=["{seed}.txt"], fan_out=SEEDS, gpu=True)
    for gpus, met in ((("alone",), False), (("3", "3"), True), (("0", "1"), True)):
        toys.change(gpus=gpus)
        assert toys.run(jobs=2, force=True) == 0, toys.screen
        told = [(toys.study.folder / f"{seed}.txt").read_text().split() for seed in (0, 1)]
        assert sorted(device for device, _ in told) == sorted([*gpus, *gpus][:2])
        assert [saw for _, saw in told] == [str(met)] * 2


def test_a_notebook_sees_its_value_only(tmp_path, monkeypatch):
    text = "name: x\ncorpora: [emodb]\nevaluation: {seeds: [4, 5]}\n"
    (tmp_path / "x.yaml").write_text(text)
    declared = {"uses": ("evaluation",), "writes": ("parts/{seed}",), "fan_out": SEEDS}
    one = params.open_run(str(tmp_path / "x.yaml"), **declared, seed=5)
    assert (one.item, one.params.evaluation.seeds) == ({"seed": 5}, (5,))
    monkeypatch.setattr(one, "folder", tmp_path)
    assert one.write("parts/5") == tmp_path / "parts/5"
    with pytest.raises(params.run.Undeclared):
        one.write("parts/4")
    assert params.open_run(str(tmp_path / "x.yaml"), **declared, seed=None).item == {"seed": 4}  # by hand: the first
    with pytest.raises(fan_out.NoValues, match="seed = 7 is not among"):
        params.open_run(str(tmp_path / "x.yaml"), **declared, seed=7)
    with pytest.raises(TypeError, match="sed is not in fan_out"):
        params.open_run(str(tmp_path / "x.yaml"), **declared, sed=5)


def test_the_screen_names_each_value(fanned):
    out = io.StringIO()
    assert run(fanned.study, screen=Screen(out, live=False)) == 0
    assert "01 train_all/seed=1" in out.getvalue()
    stamp = json.loads(fanned.study.place("01_train_all/seed=1", "stamp").read_text())
    assert stamp["parts"]["item"] == {"seed": 1}
    assert stamp["parts"]["parameters"]["evaluation"]["seeds"] == [1]
