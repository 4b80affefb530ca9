"""One page over several runs."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import run_all
from mer import params
from mer.evaluation.comparison.comparison import MEAN
from mer.report.pages import several_runs
from tests import page_checks
from tests.report.report_rows import result, table

SPEAKERS, CLIPS = 8, 12


def predictions(right, corpora=("cremad", "emodb"), system="gated"):
    """Of each speaker, the share `right` of the clips is predicted rightly."""
    rows = []
    for corpus in corpora:
        for speaker in range(SPEAKERS):
            for clip in range(CLIPS):
                truth = ("neutral", "anger")[clip % 2]
                wrong = ("anger", "neutral")[clip % 2]
                said = truth if clip // 2 < right * CLIPS / 2 + speaker % 2 else wrong
                rows.append({"utterance_id": f"{corpus}/{speaker}-{clip}", "test_corpus": corpus, "family": corpus,
                             "speaker_id": f"{corpus}_{speaker}", "dialogue_id": None, "emotion": truth,
                             "system": system, "protocol": "loco", "train_corpora": "x", "seed": 0, "free": said,
                             "restricted": said, "deterministic": True})  # fmt: skip
    return pd.DataFrame(rows)


def run(name, right, folder, **more):
    rows = predictions(right, **more)
    usable = rows.drop_duplicates("utterance_id")[["utterance_id", "speaker_id", "emotion", "family"]]
    usable = usable.assign(corpus=usable["family"], samples_sha256=usable["utterance_id"])
    results = table([result(test=corpus, value=right) for corpus in rows["test_corpus"].unique()])
    study = params.load("params/demo.yaml", ["data.synthetic=null", "corpora=[cremad,emodb]"])
    return several_runs.FinishedRun(name, folder / name, study, usable, results, rows)


def test_the_same_recordings_are_paired_and_p_values_adjusted_over_all_rows(tmp_path):
    worse, better = run("worse", 0.4, tmp_path), run("better", 0.8, tmp_path)
    third = run("third", 0.8, tmp_path)
    differences, reasons = several_runs.compare([worse, better, third])
    assert reasons == []
    assert sorted(set(differences["test_corpus"])) == ["cremad", "emodb", MEAN]
    one = differences[(differences["run"] == "better") & (differences["test_corpus"] == "cremad")].iloc[0]
    uar = [
        np.mean((side.predictions["free"] == side.predictions["emotion"])[: SPEAKERS * CLIPS])
        for side in (better, worse)
    ]
    assert (one["value"], one["reference_value"]) == (pytest.approx(uar[0]), pytest.approx(uar[1]))
    assert one["difference"] == pytest.approx(uar[0] - uar[1])
    assert one["low"] > 0
    assert one["verdict"] == "better"
    alone, _ = several_runs.compare([worse, better])
    same = (alone["run"] == "better") & (alone["test_corpus"] == "cremad")
    assert one["p_holm"] == pytest.approx(2 * alone.loc[same, "p_holm"].iloc[0])


def test_other_recordings_speakers_or_classes_are_not_compared(tmp_path):
    first, second = run("a", 0.4, tmp_path), run("b", 0.8, tmp_path)
    other = second.usable.assign(samples_sha256=second.usable["samples_sha256"].replace("cremad/0-0", "another take"))
    differences, reasons = several_runs.compare([first, dataclasses.replace(second, usable=other)])
    assert set(differences["test_corpus"]) == {"emodb"}
    assert reasons == ["b, cremad: 95 of 96 and 96 tested utterances are the same in recording, speaker and class"]
    study = params.load("params/demo.yaml", ["labels.policy=primary4"])
    differences, reasons = several_runs.compare([first, dataclasses.replace(second, params=study)])
    assert differences.empty
    assert reasons[0].startswith("b: its classes are")


def test_means_are_over_the_corpora_that_all_runs_have(tmp_path):
    runs = [run("a", 0.4, tmp_path), run("b", 0.8, tmp_path, corpora=("emodb",))]
    means = several_runs._means_table(runs)
    assert means.index.name == "system (1 corpora)"
    assert means.loc["gated"].tolist() == [".200", ".733"]
    scores = several_runs._scores_table(runs)
    assert scores.loc[("cremad", "gated")].tolist()[1] == "–"


def test_the_page_has_scores_differences_and_links(tmp_path):
    runs = [run("a", 0.4, tmp_path), run("b", 0.8, tmp_path)]
    for each in runs:
        each.folder.mkdir()
        (each.folder / "index.html").write_text("")
    several_runs.write(tmp_path / "report.html", runs)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page_checks.Page(tmp_path / "report.html").faults == []
    assert 'href="a/index.html"' in page
    assert "b, gated, emodb" in page
    assert page.count(">better<") == 3
    if page_checks.chromium():
        assert page_checks.axe_violations([tmp_path / "report.html"]) == []


def test_what_is_no_finished_run_is_named(tmp_path, capsys):
    (tmp_path / "x").mkdir()
    assert run_all.main(["--report", str(tmp_path / "x"), "outputs/none"]) == 2
    assert "no params.yaml" in capsys.readouterr().err
    assert run_all.main(["--report", str(tmp_path / "x")]) == 2
    assert "name two or more" in capsys.readouterr().err
