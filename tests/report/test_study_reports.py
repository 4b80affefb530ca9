"""The reports that a study writes about itself."""

import numpy as np
import pandas as pd
import pytest

from mer import params
from mer.evaluation.comparison import slices
from mer.evaluation.scores import shortcut_comparison
from mer.evaluation.scores.confusions import Scoring
from mer.html_pages.banner import PageStudy
from mer.report.pages import front_page, study_reports
from tests import page_checks
from tests.report.report_rows import result, table
from tests.report.test_several_runs import predictions

CLASSES = ("neutral", "anger", "fear", "sadness")


@pytest.fixture
def evidence(tmp_path):
    study = params.load("params/demo.yaml", ["data.synthetic=null", "corpora=[cremad,emodb]"])
    rows = predictions(0.8).assign(transductive=False, flagged=False, accepted=False, capped=False)
    # everything angry in emodb is taken for neutral
    angry = (rows["test_corpus"] == "emodb") & (rows["emotion"] == "anger")
    rows.loc[angry, ["free", "restricted"]] = "neutral"
    results = table([result(test=corpus, outside=0.25) for corpus in ("cremad", "emodb")])
    cues = pd.DataFrame(columns=["corpus", "shortcut", "UAR", "low", "high", "chance", "flagged"])
    found = {"severity": "warning", "kind": "duration shortcut", "corpora": "emodb", "count": 1, "total": 2,
             "example": "", "finding": "Length <i>alone</i>.", "meaning": "m.", "advice": "Crop."}  # fmt: skip
    problems = pd.DataFrame(columns=["corpus", "path", "line", "reason", "emotion", "lost"])
    failures = pd.DataFrame(columns=["utterance_id", "input", "reason"])
    usable = rows.drop_duplicates("utterance_id")[["utterance_id", "speaker_id", "emotion", "family"]]
    manifest = usable.assign(corpus=usable["family"], duration=1.0, gender=None, exclude_reason=None, source_path="x")
    comparison = shortcut_comparison.compare_with_shortcuts(results, cues, 4)
    about = front_page.Study(study, manifest, results, comparison, pd.DataFrame([found]), problems, failures,
                             {"meld": "13 clips"})  # fmt: skip
    scoring = Scoring(CLASSES, {"cremad": "speaker_id", "emodb": "speaker_id"})
    specs = {"audio": {"modality": "audio", "extractor": "mfcc", "width": 160}}
    return study_reports.Evidence(about, rows, scoring, slices.recalls(rows, scoring), specs, None, pd.DataFrame())


def test_every_report_is_a_page_that_can_be_read(evidence, tmp_path):
    study_reports.write(tmp_path, PageStudy("x", day="2026-11-30"), evidence)
    (tmp_path / "index.html").write_text("")
    for name in study_reports.NAMES:
        page = page_checks.Page(tmp_path / f"{name}.html")
        assert [fault for fault in page.faults if "does not exist" not in fault] == [], name
        assert " · x · 2026-11-30</title>" in page.path.read_text(encoding="utf-8")
    diagnosis = (tmp_path / "diagnosis.html").read_text(encoding="utf-8")
    assert "Length &lt;i&gt;alone&lt;/i&gt;." in diagnosis
    assert "meld is not scored: 13 clips." in diagnosis
    assert "anger as neutral, emodb" in diagnosis


def test_only_recalls_whose_interval_is_below_guessing_are_named(evidence):
    texts = study_reports._missed_classes(evidence, "gated")
    assert texts[0].startswith("anger of emodb: .00 [")
    assert texts[-1].startswith("4 recalls were examined")
    assert len(texts) == 2
    without = pd.DataFrame(evidence.recalls).assign(high=np.nan)
    texts = study_reports._missed_classes(study_reports.Evidence(**vars(evidence) | {"recalls": without}), "gated")
    assert texts[0] == "None is shown to be."


def test_what_has_not_run_is_said(evidence):
    assert study_reports.improvements(evidence).sections[0].texts == ["Step 07 has not run."]
    assert "--steps 05" in study_reports.ablation(evidence).sections[0].texts[0]
    architecture = study_reports.architecture(evidence)
    assert [section.heading for section in architecture.sections] == ["Data flow", "Inputs", "Systems"]
    assert architecture.sections[1].table["rows"] == [["audio", "audio", "mfcc", "160"]]
