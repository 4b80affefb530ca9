"""A fine-tuned model is a folder like any other: saved, loaded, started from, and read by transformers."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from mer.evaluation.purity import dependencies
from mer.features import Features, registry
from mer.features.extractor import Resources
from mer.features.network_origins import NetworkOrigin
from mer.features.pretrained import locations
from mer.params.schema import Data
from mer.training.checkpoints import checkpoint, encoder_folders
from mer.training.checkpoints.card import CheckpointError
from mer.training.checkpoints.inputs import extraction
from mer.training.finetune import loop
from tests.training.finetune import toy_encoders
from tests.training.finetune.conftest import COUNT


def manifest(count):
    """Rows as a checkpoint's lineage reads them."""
    rows = np.arange(count)
    speakers = [f"c_{n % 6}" for n in rows]
    return pd.DataFrame({
        "utterance_id": [f"u{n}" for n in rows], "corpus": "c", "family": "c", "speaker_id": speakers,
        "audio_sha256": [f"{n:064x}" for n in rows], "samples_sha256": [f"{n:064x}" for n in rows],
        "dialogue_id": None, "turn_index": pd.NA, "transcription": None, "lexical_control": "free", "split": None,
        "fold": 0,
    })  # fmt: skip


def record(task):
    sections = {name: items.section for name, items in task.features.items.items()}
    specs = {name: {"modality": one.modality, "extractor": "encoder", "version": registry.of_input(one).version,
                    **registry.of_input(one).describe(one)} for name, one in sections.items()}  # fmt: skip
    for name in ("audio",):
        specs[name] |= {"rate_hz": 16_000, "min_seconds": 0.2, "max_seconds": 30.0, "recordings": 1}
    return checkpoint.StudyRecord(specs, ("a", "b", "c", "d"), manifest(COUNT), [], sections, Data(min_seconds=0.2))


@pytest.fixture(scope="module")
def saved(task, tmp_path_factory):
    """A fine-tuned model, its job and its folder."""
    one, folder = toy_encoders.job(COUNT), tmp_path_factory.mktemp("saved") / "tuned-seed0"
    model = loop.fit(task, one)
    checkpoint.save(folder, model, one, task, record(task))
    return model, one, folder


def test_loaded_model_predicts_the_same(saved, task):
    model, one, folder = saved
    loaded, stored = checkpoint.load(folder, fields=None)
    assert (checkpoint.predict(loaded, stored, task, one.test) == model.predict(task.features, one.test)).all()
    untrained = loop.Finetuning(task, one, "cpu").model.predict(task.features, one.test)
    assert np.abs(untrained - model.predict(task.features, one.test)).max() > 1e-3


def test_vectors_of_the_cards_extractors_give_the_same_predictions(saved, task):
    model, one, folder = saved
    loaded, stored = checkpoint.load(folder)
    sections, data = extraction.extraction_parameters(stored, {})
    assert sections["audio"].model == str((folder / "encoders" / "audio").absolute())
    compute = extraction.open_extractors(stored, tuple(sections), sections, data, Resources())
    arrays, present = {}, {}
    for name, items in task.features.items.items():
        there = task.features.present[name] & np.isin(np.arange(COUNT), one.test)
        vectors = np.stack(compute[name](items.select(np.flatnonzero(there))))
        arrays[name] = np.zeros((COUNT, vectors.shape[1]), np.float32)
        arrays[name][there], present[name] = vectors, there
    features = Features(arrays, present, dict.fromkeys(arrays, "encoder"))
    assert (loaded.predict(features, one.test) == model.predict(task.features, one.test)).all()


def test_transformers_reads_the_encoders(saved):
    model, _, folder = saved
    for name, encoder in model.encoders.items():
        read = transformers.AutoModel.from_pretrained(folder / "encoders" / name)
        own = encoder.body.state_dict()
        names = {key.replace("unpadded_stack.", ""): value for key, value in own.items()}
        assert set(read.state_dict()) >= set(names)
        assert all(torch.equal(read.state_dict()[key], value) for key, value in names.items())
        assert getattr(read.config, "apply_spec_augment", True)  # as it was published


def test_card_is_bound_to_the_encoders(saved, tmp_path):
    _, _, folder = saved
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    config = copy / "encoders" / "audio" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "hidden_act": "relu"}))
    with pytest.raises(CheckpointError, match=r"encoders/audio: is not the encoder that model.json describes"):
        encoder_folders.folders(copy)
    stored = checkpoint.open_checkpoint(copy)
    sections, data = extraction.extraction_parameters(stored, {})
    with pytest.raises(CheckpointError, match="audio was extracted with model"):
        extraction.specs(stored, sections, data)
    shutil.copyfile(folder / "encoders" / "audio" / "config.json", config)
    shutil.rmtree(copy / "encoders" / "text")
    with pytest.raises(CheckpointError, match=r"encoders/text: the trained encoder of text is missing"):
        encoder_folders.folders(copy)


def test_training_starts_from_a_checkpoint_with_its_encoders(saved, task, monkeypatch):
    model, one, folder = saved
    again = replace(one, training=one.training.model_copy(update={"start_from": str(folder)}))
    training = loop.Finetuning(task, again, "cpu")
    np.testing.assert_allclose(training.model.head.batch_logits(training.model.head.batches(
        training.model.encoded(task.features, one.test), np.arange(len(one.test)))),
        model.logits(task.features, one.test))  # fmt: skip
    card = checkpoint.card(again, task, record(task))
    assert [ancestor.name for ancestor in card.ancestors] == ["tuned-seed0"]


def test_value_ranges_are_those_of_the_trained_encoders(inputs, tmp_path):
    """A model folder describes the vectors that it will be given, not those before training."""
    waveforms = toy_encoders.clips(80)
    task = toy_encoders.task(tmp_path / "store", {"audio": inputs["audio"]}, waveforms)
    one = toy_encoders.job(80, inputs=("audio",), epochs=1)
    rec = replace(record(task), manifest=manifest(80))
    model = loop.fit(task, one)
    checkpoint.save(tmp_path / "model", model, one, task, rec)
    card = checkpoint.open_checkpoint(tmp_path / "model").card
    from mer.training.checkpoints.inputs.input_statistics import outside_share

    ranges = card.value_ranges["audio"]
    own = model.encoded(task.features, one.train).arrays["audio"]
    before = task.features.arrays["audio"][one.train]
    assert outside_share(ranges, own).mean() < 0.1 < outside_share(ranges, before).mean()


def origin_of(folder, name):
    place = folder / "encoders" / name
    return NetworkOrigin("audio", f"features.{name}.model", str(place), "folder", locations.digest(place), input=name)


def test_encoder_of_a_checkpoint_has_the_lineage_of_its_card(saved, tmp_path):
    """Used as a frozen encoder of another study, too; a copy that was changed is unknown."""
    _, _, folder = saved
    spec = {"modality": "audio", "extractor": "encoder"}
    [own] = dependencies.of_features("audio", spec, [origin_of(folder, "audio")], {})[:1]
    assert (own.corpora, own.status) == (("c",), dependencies.DOCUMENTED)
    assert own.name.startswith("features.audio.model ")
    assert own.exposure.counts()["recordings"] == COUNT
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    config = copy / "encoders" / "audio" / "config.json"
    config.write_text(config.read_text().replace("gelu", "relu"))
    [changed] = dependencies.of_features("audio", spec, [origin_of(copy, "audio")], {})
    assert changed.status == dependencies.UNKNOWN
