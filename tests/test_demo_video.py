"""Synthetic corpora with videos, from files to scores: the drawn emotions appear in the results."""

import numpy as np
import pytest

from mer import corpora, features
from mer.corpora.synthetic import trees
from mer.dataset.manifest import build, labels, schema
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs as study
from mer.evaluation.scores import scores
from mer.evaluation.scores.confusions import Scoring
from mer.params.features import read_inputs
from mer.params.schema import Data, Synthetic, System, Training
from mer.training import grid
from tests.studies import run_all

SEEN = ["cremad", "ravdess"]
CLASSES = {"cremad": 6, "ravdess": 7}


@pytest.fixture(scope="module")
def usable(tmp_path_factory):
    """The manifest of a small set, and the folder in which it lies."""
    folder = tmp_path_factory.mktemp("films")
    trees.write(folder / "raw", Synthetic(speakers=4, clips=1, video=True))
    options = {"policy": "paper7", "overrides": {}, "seed": 0, "validation": 0.1, "test": 0.1, "folds": 4}
    result = build.build(
        folder / "raw", corpora.selected(SEEN), build.BuildOptions(**options, min_seconds=0.1, max_seconds=30)
    )
    assert len(result.problems) == 0
    return schema.usable(result.manifest), folder


def extracted(usable, folder, **options):
    inputs, data = read_inputs({"audio": {"n_mfcc": 40}, **options}), Data()
    features.extract(usable, folder / "raw", folder / "store", inputs, data, features.Resources(jobs=2))
    return features.load(features.keys(usable, inputs), folder / "store", features.specs(inputs, data))


def test_every_video_has_a_face_and_held_out_corpora_are_recognised(usable):
    rows, folder = usable
    assert rows["video_path"].str.endswith((".mp4", ".flv")).all()
    seen, heard = extracted(rows, folder, video={}), extracted(rows, folder)
    assert seen.present["video"].all()
    assert np.isfinite(seen.arrays["video"]).all()
    np.testing.assert_array_equal(seen.arrays["audio"], heard.arrays["audio"])
    classes = labels.classes("paper7")
    task, cells = study.build_task(rows, seen, classes), protocols.plan(rows, ("loco",), SEEN)
    systems = {m: System(model="logistic", inputs=(m,)) for m in ("audio", "video")}
    jobs, skipped = study.plan_jobs(cells, systems, Training(), (0,), task)
    assert not skipped
    done = grid.run_jobs(task, jobs, grid.Engine())
    scoring = Scoring(classes, corpora.clusters(corpora.selected(SEEN)))
    results = scores.score(scores.predictions(done, rows, classes, seen.present), scoring, study="t")
    kept = results[(results["metric"] == "UAR") & (results["answers"] == "restricted") & results["seed"].isna()]
    uar = kept.set_index(["system", "test_corpus"])["value"]
    above = {corpus: (uar["video", corpus] - 1 / count) / (1 - 1 / count) for corpus, count in CLASSES.items()}
    assert min(above.values()) > 0.1, uar
    assert np.mean(list(above.values())) > 0.2, uar  # learnt from 24 or 32 clips, one per speaker and emotion


@pytest.mark.slow
def test_demo_with_videos_ends_in_a_report(tmp_path):
    places = {"data__raw": tmp_path / "raw", "data__store": tmp_path / "store"}
    finished = run_all("params/demo_video.yaml", name="pytest-films", **places)
    try:
        assert finished.code == 0, finished.screen
        manifest = finished.table("data/manifest.parquet")
        assert manifest["video_sha256"].notna().all()
        for protocol in ("in_corpus", "loco"):
            video, audio, both = (finished.uar(protocol, s) for s in ("logistic_video", "logistic", "gated"))
            for corpus, count in CLASSES.items():
                name = f"{corpus}{corpora.SYNTHETIC}"
                assert video[name] > 1 / count + 0.2, (protocol, name, video)
                assert audio[name] > 1 / count + 0.05, (protocol, name, audio)
            assert both.mean() > audio.mean()
    finally:
        finished.remove()
