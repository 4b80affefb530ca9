"""A study of real recordings. MER_REAL_CORPORA names their folder."""

import os
from pathlib import Path

import pytest

from tests.studies import run_all

REAL = os.environ.get("MER_REAL_CORPORA")
pytestmark = pytest.mark.skipif(not REAL, reason="MER_REAL_CORPORA does not name a folder of real corpora")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    systems = "{logistic: {model: logistic, inputs: [audio]}, gated: {model: gated, inputs: [audio]}}"
    done = run_all("params/open.yaml", "--steps", "01,02,04,09", name="pytest-real", data__raw=Path(REAL).resolve(),
                   data__store=store, systems=systems, training__epochs=4, evaluation__seeds="[0]",
                   evaluation__protocols="[in_corpus, loco]")  # fmt: skip
    yield done
    done.remove()


def test_every_corpus_of_the_study_is_scored_listed_or_absent(finished):
    assert finished.code == 0, finished.screen
    counts = finished.table("data/manifest.parquet")["corpus"].value_counts()
    assert counts["ravdess"] == 1199
    assert counts["nemo"] == 857
    assert counts["emospeechin"] == 759
    assert counts["cremad"] == 13  # listed, not scored
    page = (finished.folder / "09_report.html").read_text(encoding="utf-8")
    assert "absent" in page
    assert "fewer than 100" in page


def test_the_recordings_of_six_corpora_are_clean(finished):
    manifest, leaks = finished.table("data/manifest.parquet"), finished.table("tables/leaks.csv")
    assert set(manifest["corpus"]) == {"cremad", "emodb", "emospeechin", "nemo", "ravdess", "turevdb"}
    assert manifest["audio_error"].isna().all()
    # takes of the same sentences and the same single words by the same speakers are among them
    assert finished.table("tables/duplicates.csv").empty
    assert set(leaks["severity"]) == {"note"}
    assert set(leaks.loc[leaks["kind"] == "sentences across parts", "corpora"]) == {"emodb", "nemo", "ravdess"}
    of_recordings = leaks["kind"].str.endswith(" shortcut") | leaks["kind"].isin(["abrupt end", "label outlier"])
    assert set(leaks.loc[~of_recordings, "kind"]) == {"sentences across parts"}


def test_held_out_real_corpora_score_as_mfcc_systems(finished):
    uar = finished.uar("loco", "logistic")
    assert set(uar.index) == {"emodb", "emospeechin", "nemo", "ravdess", "turevdb"}
    assert 0.38 < uar["emodb"] < 0.70  # four classes; the published eGeMAPS baseline of this pack has .55
    assert 0.17 < uar["nemo"] < 0.45
    inside = finished.uar("in_corpus", "logistic")
    assert inside["emodb"] > uar["emodb"] + 0.1
