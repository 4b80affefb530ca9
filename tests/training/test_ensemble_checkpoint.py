"""The checkpoint of an ensemble predicts as its result, and is bound to the checkpoints of its members."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mer import files
from mer.params.schema import System, Training
from mer.training import ensemble as ensembles
from mer.training import grid
from mer.training.checkpoints import checkpoint, ensemble, lineage
from mer.training.checkpoints.binding import sealed
from mer.training.checkpoints.checkpoint import StudyRecord
from mer.training.checkpoints.training_data import KINDS, PARTS, Exposure
from mer.training.job import Job, JobResult

ROWS = np.arange(240)
TRAIN, VALIDATION, TEST = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]
SYSTEMS = {
    "net": System(model="concat", inputs=("audio", "text")),
    "linear": System(model="logistic", inputs=("text",)),
    "late": System(model="ensemble", members=("linear", "net"), weights="validation"),
}
QUICK = Training(epochs=2, hidden=4)


@pytest.fixture
def record(task):
    names = [str(n) for n in ROWS]
    manifest = pd.DataFrame({"corpus": task.corpora, "family": task.corpora, "fold": 0, "audio_sha256": names,
                             "utterance_id": names, "speaker_id": names})  # fmt: skip
    return StudyRecord({"audio": {"extractor": "mfcc"}, "text": {"extractor": "hashing"}}, tuple("abcdefg"), manifest)


@pytest.fixture
def saved(task, record, tmp_path):
    """An ensemble's result and its folder. Its linear member predicts rows with text only."""
    has, results, folders = task.features.present["text"], [], {}
    for name in ("net", "linear"):
        parts = [part[has[part]] if name == "linear" else part for part in (TRAIN, VALIDATION, TEST)]
        job = Job(name, "cell", SYSTEMS[name], QUICK, 0, *parts)
        model = grid.fit_job(task, job, "cpu")
        folders[name] = tmp_path / "checkpoints" / checkpoint.name(job)
        checkpoint.save(folders[name], model, job, task, record)
        results.append(JobResult(job, *(model.predict(task.features, rows) for rows in (job.test, job.validation))))
    [result] = ensembles.results(task, results, SYSTEMS)
    folder = tmp_path / "checkpoints/late-seed0"
    ensemble.save(folder, result, [folders["linear"], folders["net"]], task, record)
    return result, folder


def test_ensemble_predicts_as_its_result_wherever_its_folder_is(task, saved, tmp_path):
    result, folder = saved
    moved = shutil.move(folder, tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "checkpoints")
    model, stored = checkpoint.load(moved, fields=None)
    assert (model.predict(task.features, result.job.test) == result.probabilities).all()
    weights = {member.folder: member.weight for member in stored.card.members}
    assert weights == {"linear-seed0": result.history[0]["linear"], "net-seed0": result.history[0]["net"]}
    assert stored.card.inputs == ["text", "audio"]
    assert stored.select_inputs(["audio"]) == ("audio",)
    assert stored.member_notes(["audio"])[0].endswith("predict nothing: linear-seed0")
    assert stored.member_notes(["text"]) == ()


def test_prediction_uses_the_inputs_of_members_that_predict_with_weight(saved):
    """A member that lacks an input, or has no weight beside another one, affects nothing."""
    _, folder = saved
    stored = checkpoint.open_checkpoint(folder)
    linear, net = stored.members
    whole = net.card.model_copy(update={"training": Training(missing="none")})
    for weights, members, expected in (
        ((0.5, 0.5), (linear, net), {"text": [True, False], "audio": [True, True]}),
        ((1.0, 0.0), (linear, net), {"text": [True, False], "audio": [False, True]}),
        ((0.5, 0.5), (linear, replace(net, card=whole)), {"text": [True, False], "audio": [True, False]}),
    ):
        entries = [one.model_copy(update={"weight": weight})
                   for one, weight in zip(stored.card.members, weights, strict=True)]  # fmt: skip
        card = stored.card.model_copy(update={"members": entries})
        used = replace(stored, card=card, members=members).used_inputs(
            {"text": np.array([True, False]), "audio": np.array([True, True])}
        )
        assert {name: rows.tolist() for name, rows in used.items()} == expected


def test_exposure_and_rows_are_those_of_all_members(saved, record):
    _, folder = saved
    stored = checkpoint.open_checkpoint(folder)
    assert lineage.status(stored) == lineage.COMPLETE
    rows = np.concatenate([TRAIN, VALIDATION])
    assert stored.card.rows_sha256 == lineage.rows_digest(record.manifest.iloc[rows])
    assert lineage.full_exposure(stored).counts()["recordings"] == len(rows)


def edited(path, change):
    card = json.loads(path.read_text(encoding="utf-8"))
    change(card)
    files.write_json(path, sealed(card))


def test_edited_weight_is_refused(saved):
    _, folder = saved

    def swap(card):
        first, second = card["members"]
        first["weight"], second["weight"] = second["weight"], first["weight"]

    edited(folder / "model.json", swap)
    with pytest.raises(checkpoint.CheckpointError, match=r"model\.json: members is not what was written"):
        checkpoint.load(folder)
    assert lineage.status(checkpoint.open_checkpoint(folder)) == lineage.ALTERED


def test_replaced_member_is_refused(task, saved, record):
    """The other member is whole by itself: only the ensemble's card shows that it is another model."""
    _, folder = saved
    job = Job("net", "cell", SYSTEMS["net"], QUICK, 1, TRAIN, VALIDATION, TEST)
    checkpoint.save(folder / "members/net-seed0", grid.fit_job(task, job, "cpu"), job, task, record)
    with pytest.raises(checkpoint.CheckpointError, match=r"not the member that model\.json of the ensemble describes"):
        checkpoint.load(folder)
    assert lineage.status(checkpoint.open_checkpoint(folder)) == lineage.ALTERED
    assert lineage.full_exposure(checkpoint.open_checkpoint(folder)) is None


def test_edited_or_absent_member_is_refused(saved):
    _, folder = saved
    member = folder / "members/linear-seed0"
    edited(member / "model.json", lambda card: card.update(families=["other"]))
    with pytest.raises(checkpoint.CheckpointError, match="families is not what was written with the tensors"):
        checkpoint.load(folder)
    shutil.rmtree(member)
    with pytest.raises(checkpoint.CheckpointError, match=r"linear-seed0: there is no model\.json"):
        checkpoint.load(folder)


def test_member_outside_of_the_folder_and_nested_ensemble_are_refused(saved):
    _, folder = saved
    text = (folder / "model.json").read_text(encoding="utf-8")
    edited(folder / "model.json", lambda card: card["members"][0].update(folder="../../net-seed0"))
    with pytest.raises(checkpoint.CheckpointError, match=r"model\.json: members\.0\.folder"):
        checkpoint.open_checkpoint(folder)
    (folder / "model.json").write_text(text, encoding="utf-8")
    shutil.rmtree(folder / "members/net-seed0")
    (folder / "members/net-seed0").symlink_to(folder)
    with pytest.raises(checkpoint.CheckpointError, match="an ensemble cannot be a member of an ensemble"):
        checkpoint.open_checkpoint(folder)


def test_ensemble_of_a_member_with_unknown_training_data_has_unknown_training_data(task, saved, record):
    result, folder = saved
    for name in ("linear-seed0", "net-seed0"):
        source = folder.parent / name
        stored = checkpoint.open_checkpoint(source)
        tensors = checkpoint.tensors_of(checkpoint.load(source)[0])
        if name == "net-seed0":
            fields = stored.card.model_fields_set - {"exposure"}
            card = stored.card.model_construct(_fields_set=fields, **{f: getattr(stored.card, f) for f in fields})
            checkpoint.write(source, tensors, card, None)
    members = [folder.parent / name for name in ("linear-seed0", "net-seed0")]
    ensemble.save(folder, result, members, task, record)
    stored = checkpoint.open_checkpoint(folder)
    assert lineage.status(stored) == lineage.MISSING
    assert lineage.full_exposure(stored) is None


def test_training_cannot_start_from_an_ensemble(task, saved):
    _, folder = saved
    training = Training(epochs=1, hidden=4, start_from=str(folder))
    job = Job("net", None, SYSTEMS["net"], training, 0, TRAIN, VALIDATION, TEST)
    with pytest.raises(checkpoint.CheckpointError, match="is an ensemble: take one of its members"):
        grid.fit_job(task, job, "cpu")


def test_understated_training_data_of_an_ensemble_is_refused(saved):
    """With all digests computed again: the members' cards say more."""
    _, folder = saved
    stored = checkpoint.open_checkpoint(folder)
    fewer = stored.card.model_copy(update={"corpora": ["one"], "families": ["one"]})
    checkpoint.write(folder, {}, fewer, lineage.stored_exposure(folder))
    with pytest.raises(checkpoint.CheckpointError, match=r"model\.json: corpora: they are not those of its members"):
        checkpoint.load(folder)
    nothing = Exposure({part: {kind: np.zeros(0, np.uint64) for kind in KINDS} for part in PARTS})
    checkpoint.write(folder, {}, stored.card, nothing)
    assert lineage.status(checkpoint.open_checkpoint(folder)) == lineage.ALTERED
    assert lineage.full_exposure(checkpoint.open_checkpoint(folder)) is None


def test_members_of_an_earlier_ensemble_are_removed(task, saved, record, tmp_path):
    _, folder = saved
    job = Job("late", "cell", SYSTEMS["net"], QUICK, 0, TRAIN, VALIDATION, TEST)
    fitted = grid.fit_job(task, job, "cpu")
    checkpoint.save(folder, fitted, job, task, record)
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]
    (tmp_path / "other").mkdir()
    (folder / "members").symlink_to(tmp_path / "other")
    checkpoint.save(folder, fitted, job, task, record)
    assert (tmp_path / "other").is_dir()
    assert not (folder / "members").exists()
