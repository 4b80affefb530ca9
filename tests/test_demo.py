"""The demo as a user runs it: its known effects appear in the results."""

import re

import numpy as np
import pandas as pd
import pytest

from mer import corpora, features, files, stats
from mer.corpora.synthetic import trees
from mer.dataset.audit.shortcuts.severities import severities
from mer.dataset.manifest import build, labels, schema
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs as study
from mer.evaluation.scores import scores
from mer.evaluation.scores.confusions import Scoring
from mer.html_pages import frame
from mer.params.features import read_inputs
from mer.params.schema import Data, Params, Synthetic, System, Training
from mer.training import grid
from tests import page_checks
from tests.studies import run_all

TABLES_SCRIPT = frame.FOLDER / "tables.js"
ACTED = ["cremad", "emodb", "esd", "ravdess"]


def synthetic_name(corpus):
    return f"{corpus}{corpora.SYNTHETIC}"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    place = tmp_path_factory.mktemp("demo")
    arguments = {"name": "pytest-demo", "data__raw": place / "raw", "data__store": place / "store"}
    finished = run_all("params/demo.yaml", **arguments)
    yield finished, lambda *more: run_all("params/demo.yaml", *more, **arguments)
    finished.remove()


def test_the_run_folder_is_complete(demo):
    finished, _ = demo
    assert finished.code == 0, finished.screen
    names = ["params.yaml", "run.json", "index.html", "data/manifest.parquet", "tables/results.parquet"]
    names += ["tables/results.csv", "tables/predictions.parquet", "checkpoints/gated-seed0/model.safetensors"]
    for step in Params.model_fields["steps"].default:
        [notebook] = (files.ROOT / "notebooks").glob(f"{step}_*.ipynb")
        names += [f"{notebook.stem}.ipynb", f"{notebook.stem}.html"]
    assert [name for name in names if not (finished.folder / name).is_file()] == []


def test_pages_are_self_contained(demo):
    finished, _ = demo
    for page in finished.folder.glob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", html), page.name
        scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
        assert html.lower().count("<script") == len(scripts), page.name
        assert {script.strip() for script in scripts} <= {TABLES_SCRIPT.read_text(encoding="utf-8").strip()}, page.name


def test_pages_can_be_read_by_screen_readers_and_their_links_lead_somewhere(demo):
    finished, _ = demo
    faults = [f"{path.name}: {fault}" for path in sorted(finished.folder.glob("*.html"))
              for fault in page_checks.Page(path).faults]  # fmt: skip
    assert faults == []


@pytest.mark.skipif(page_checks.chromium() is None, reason="no Chromium on this machine")
def test_axe_finds_nothing_in_the_pages_and_nothing_is_cut_off(demo):
    finished, _ = demo
    assert page_checks.axe_violations(sorted(finished.folder.glob("*.html"))) == []


def test_every_page_states_that_voices_are_synthetic_and_cites_no_corpus(demo):
    finished, _ = demo
    for page in finished.folder.glob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert "Synthetic: the voices are generated" in html, page.name
        assert "(synthetic)" in re.search(r"<title>(.*)</title>", html)[1], page.name
    report = (finished.folder / "09_report.html").read_text(encoding="utf-8")
    assert "none: the voices are synthetic" in report
    assert not re.search(r"doi\.org|et al\.|\(20\d\d\)", report)
    for name in ("results", "predictions"):
        assert finished.table(f"tables/{name}.parquet")["test_corpus"].str.fullmatch(r"\w+ \(synthetic\)|TestA").all()


def test_held_out_acted_corpora_score_between_chance_and_perfection(demo):
    finished, _ = demo
    uar = finished.uar("loco", "gated")
    classes = {"cremad": 6, "emodb": 6, "esd": 5, "ravdess": 7}
    for corpus in ACTED:
        assert 1 / classes[corpus] + 0.10 < uar[synthetic_name(corpus)] < 0.85, (corpus, uar[synthetic_name(corpus)])


def test_uninformative_modality_scores_at_chance(demo):
    finished, _ = demo
    chance = 1 / 7
    scores = [finished.uar("in_corpus", system) for system in ("logistic", "logistic_text")]
    of_audio, of_text = (by_corpus[synthetic_name("meld")] for by_corpus in scores)
    assert abs(of_audio - chance) < 0.12
    assert of_text > chance + 0.2


def test_only_the_known_shortcut_is_flagged(demo):
    finished, _ = demo
    shortcuts = finished.table("tables/shortcuts.csv").set_index(["corpus", "shortcut"])
    flagged = shortcuts.index[severities(shortcuts) == "warning"]
    assert set(flagged.get_level_values("corpus")) == {synthetic_name("esd")}
    # room noise fills its files up to the length of the emotion; how loud they speak, the made-up voices do act
    assert {name for _, name in flagged} - {"silence", "loudness"} == {"duration"}
    # how loud and with what ends they speak is noted; so is that their clips are cut so close that pauses hold voice
    noted = set(shortcuts.index[severities(shortcuts) == "note"].get_level_values("shortcut"))
    assert noted <= {"loudness", "silence", "fades", "hum", "non-speech"}
    assert shortcuts.loc[(synthetic_name("esd"), "duration"), "UAR"] > 0.9
    findings = finished.table("tables/leaks.csv")
    assert list(findings["severity"]) == sorted(findings["severity"], key=["breach", "warning", "note"].index)
    assert set(findings.loc[findings["severity"] != "note", "corpora"]) == {synthetic_name("esd")}
    page = (finished.folder / "09_report.html").read_text(encoding="utf-8")
    assert page.index("duration shortcut") < page.index("sentences across parts")


def test_results_are_tidy_and_have_intervals(demo):
    finished, _ = demo
    results = finished.table("tables/results.parquet")
    assert list(results.columns) == scores.RESULT_COLUMNS
    keys = ["system", "protocol", "answers", "train_corpora", "test_corpus", "seed", "metric"]
    assert not results.duplicated(keys).any()
    loco = results[(results["protocol"] == "loco") & (results["metric"] == "UAR") & results["seed"].isna()]
    assert (loco["low"] < loco["value"]).all()
    assert (loco["value"] < loco["high"]).all()
    pd.testing.assert_frame_equal(
        results, scores.typed(pd.read_csv(finished.folder / "tables/results.csv").to_dict("records"))
    )


def test_changed_parameter_runs_only_the_steps_that_read_it(demo):
    finished, again = demo
    before = {page.name: page.stat().st_mtime_ns for page in finished.folder.glob("*.ipynb")}
    second = again()
    assert second.code == 0, second.screen
    assert {page.name: page.stat().st_mtime_ns for page in finished.folder.glob("*.ipynb")} == before
    listed = again("--list", "--set", "training.epochs=1")
    states = {line.split()[0]: line for line in listed.screen.splitlines()[1:]}
    assert [number for number, line in states.items() if "parameters training changed" in line] == [
        "03",
        "04",
        "07",
        "09",
    ]


def hold_out(shift, folder):
    """Mean chance-corrected LOCO UAR of the acted corpora, logistic regression on audio."""
    trees.write(folder / "raw", Synthetic(speakers=4, clips=3, shift=shift))
    options = {"policy": "paper7", "overrides": {}, "seed": 0, "validation": 0.1, "test": 0.1, "folds": 4}
    dataset = build.build(
        folder / "raw",
        corpora.selected([*ACTED, "meld"]),
        build.BuildOptions(**options, min_seconds=0.1, max_seconds=30),
    )
    usable, classes = schema.usable(dataset.manifest), labels.classes("paper7")
    inputs, data = read_inputs({"audio": {"n_mfcc": 40}, "text": {}}), Data()
    features.extract(dataset.manifest, folder / "raw", folder, inputs, data, features.Resources(jobs=2))
    seen = features.load(features.keys(dataset.manifest, inputs), folder, features.specs(inputs, data))
    task = study.build_task(usable, seen, classes)
    cells = protocols.plan(usable, ("loco",), [*ACTED, "meld"])
    jobs, _ = study.plan_jobs(cells, {"s": System(model="logistic", inputs=("audio",))}, Training(), (0,), task)
    done = grid.run_jobs(task, jobs, grid.Engine())
    scoring = Scoring(classes, corpora.clusters(corpora.selected(set(usable["corpus"]))))
    results = scores.score(scores.predictions(done, usable, classes, seen.present), scoring, study="t")
    rows = results[(results["metric"] == "UAR") & (results["answers"] == "restricted") & results["seed"].isna()]
    rows = rows[rows["test_corpus"].isin(ACTED)]
    return np.mean([stats.chance_corrected(v, k) for v, k in zip(rows["value"], rows["classes"], strict=True)])


def test_loco_scores_fall_with_the_shift_between_corpora(tmp_path):
    near, middle, far = (hold_out(shift, tmp_path / str(shift)) for shift in (0.0, 1.5, 3.0))
    assert near > middle + 0.05
    assert middle > far + 0.05
