"""Protocols and the contamination check with several inputs of one modality, and with ensembles."""

import numpy as np
import pytest

from mer.evaluation.comparison import selection
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs as planning
from mer.evaluation.purity import dependencies, purity
from mer.evaluation.scores import scores
from mer.features import Features
from mer.params import schema
from mer.training import ensemble, grid
from tests.evaluation.test_protocols import CLASSES
from tests.evaluation.test_purity import HARTMANN, SHORT, rows_of_four

SYSTEMS = {
    "voice": {"model": "logistic", "inputs": ["audio", "pitch"]},
    "both": {"model": "gated", "inputs": ["audio", "pitch", "words"]},
    "late": {"model": "ensemble", "members": ["voice", "both"]},
}
WORDS = {"modality": "text", "extractor": "encoder", "model": HARTMANN}
MFCC = {"modality": "audio", "extractor": "mfcc"}
SPECS = {
    "audio": {"modality": "audio", "extractor": "mfcc"},
    "pitch": {"modality": "audio", "extractor": "mfcc"},
    "words": {"modality": "text", "extractor": "encoder", "model": "0" * 64},
}


def study_params(words=WORDS, systems=SYSTEMS, **features):
    return schema.Params.model_validate({
        "name": "t", "corpora": ["cremad", "emodb", "meld", "emorynlp"],
        "features": {"audio": MFCC, "pitch": MFCC, "words": words, **features},
        "systems": systems, "training": SHORT, "evaluation": {"seeds": [0, 1]},
    })  # fmt: skip


@pytest.fixture(scope="module")
def study():
    """Usable rows and a task with two inputs of audio and one of text."""
    usable, generator = rows_of_four(), np.random.default_rng(0)
    arrays = {name: generator.normal(size=(len(usable), 5)).astype(np.float32) for name in ("audio", "pitch", "words")}
    present = {name: np.ones(len(usable), bool) for name in arrays}
    present["words"][usable["corpus"] == "emodb"] = False
    modalities = {"audio": "audio", "pitch": "audio", "words": "text"}
    return usable, planning.build_task(usable, Features(arrays, present, modalities=modalities), CLASSES)


def loco_jobs(p, usable, task):
    cells = protocols.plan(usable, ("loco",), list(p.corpora))
    return planning.plan_jobs(cells, p.systems, p.training, p.evaluation.seeds, task)[0]


def test_ensemble_is_impure_if_a_member_is(study):
    usable, task = study
    p = study_params()
    jobs, items = loco_jobs(p, usable, task), dependencies.lineage_items(p, SPECS)
    network = next(item for item in items if HARTMANN in item.name)
    assert network.systems == ("both", "late")
    with pytest.raises(purity.ContaminationError, match=r"features.words.model .* was trained on meld"):
        purity.check(jobs, usable, items, strict=False)
    table = purity.table(jobs, usable, items, p.systems)
    contaminated = table[table["item"].str.contains(HARTMANN)]
    assert contaminated["trained on"].tolist() == ["meld"]
    assert contaminated["systems"].tolist() == ["both, late"]
    rows = table[table["item"].str.contains("training rows")]
    assert rows["systems"].str.contains("late").all()


def test_pure_members_make_a_pure_ensemble(study):
    usable, task = study
    p = study_params(words={"modality": "text", "extractor": "hashing"})
    specs = {**SPECS, "words": {"modality": "text", "extractor": "hashing"}}
    purity.check(loco_jobs(p, usable, task), usable, dependencies.lineage_items(p, specs), strict=True)


def test_inputs_of_one_extraction_are_one_item(study):
    """Two inputs with the same extractor are one network, and not two independent ones."""
    p = study_params(twin=WORDS, systems={**SYSTEMS, "twins": {"model": "gated", "inputs": ["words", "twin"]}})
    items = dependencies.lineage_items(p, {**SPECS, "twin": SPECS["words"]})
    [network] = [item for item in items if HARTMANN in item.name]
    assert "features.twin.model" in network.name
    assert "features.words.model" in network.name
    assert set(network.systems) == {"both", "late", "twins"}
    [hand_crafted] = [item for item in items if item.status == dependencies.UNTRAINED]
    assert "features of audio" in hand_crafted.name
    assert "features of pitch" in hand_crafted.name


def test_other_revisions_are_other_networks():
    other = {**WORDS, "revision": "main2"}
    p = study_params(twin=other, systems={**SYSTEMS, "twins": {"model": "gated", "inputs": ["words", "twin"]}})
    items = dependencies.lineage_items(p, {**SPECS, "twin": SPECS["words"]})
    assert len([item for item in items if HARTMANN in item.name]) == 2


def test_input_named_after_another_modality_is_refused():
    with pytest.raises(ValueError, match="text"):
        schema.Params.model_validate({
            "name": "t", "corpora": ["emodb"], "features": {"text": {"modality": "audio", "extractor": "mfcc"}},
        })  # fmt: skip


def test_ensemble_is_scored_and_selected_like_other_systems(study):
    usable, task = study
    p = study_params(words={"modality": "text", "extractor": "hashing"})
    jobs = loco_jobs(p, usable, task)
    assert {job.system for job in jobs} == {"voice", "both"}  # members are trained once, and the ensemble is not
    members = grid.run_jobs(task, jobs, grid.Engine())
    results = [*members, *ensemble.results(task, members, p.systems)]
    predictions = scores.predictions(results, usable, CLASSES, task.features.present)
    by_system = predictions.groupby("system")
    assert by_system["seed"].nunique().to_dict() == {"both": 2, "late": 2, "voice": 1}
    assert by_system["deterministic"].all().to_dict() == {"both": False, "late": False, "voice": True}
    emodb = predictions[predictions["test_corpus"] == "emodb"].groupby("system")["lacks"].first()
    assert emodb.to_dict() == {"both": "words", "late": "words", "voice": ""}
    inner = selection.inner_scores(results, usable, CLASSES)
    assert set(inner["system"]) == set(SYSTEMS)
    assert set(selection.best_systems(inner).values()) <= set(SYSTEMS)
