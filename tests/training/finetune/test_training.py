"""Encoders learn, only what is to be trained changes, and a killed training ends with the same bits."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mer.media import audio
from mer.training import grid
from mer.training.engines.engine import Engine
from mer.training.finetune import loop, selection
from mer.training.finetune.course import Course
from mer.training.finetune.encoders import open_encoder
from tests.training.conftest import Killed
from tests.training.finetune import toy_encoders
from tests.training.finetune.conftest import COUNT

CORPORA = os.environ.get("MER_REAL_CORPORA")
FAST = {"epochs": 12, "patience": 12, "encoders": {"learning_rate": 3e-3}}


@pytest.fixture
def kill_at(monkeypatch):
    """Return a function that ends the process in a given training step; None does not end it."""
    left, original = [None], Course.update

    def update(self):
        if left[0] is not None:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
        original(self)

    monkeypatch.setattr(Course, "update", update)
    return lambda steps: left.__setitem__(0, steps)


def state(model):
    encoders = {f"{name}.{key}": value for name, encoder in model.encoders.items()
                for key, value in encoder.body.state_dict().items()}  # fmt: skip
    return {name: value.clone() for name, value in {**model.network.state_dict(), **encoders}.items()}


def test_encoders_learn_what_a_frozen_one_does_not_tell(task):
    model = loop.fit(task, toy_encoders.job(COUNT, **FAST))
    losses = [epoch["loss"] for epoch in model.history]
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.skipif(not CORPORA, reason="set MER_REAL_CORPORA")
@pytest.mark.parametrize("kind", ["wavlm", "wav2vec2", "whisper"])
def test_a_few_real_utterances_are_learnt_by_heart(kind, tmp_path):
    paths = sorted((Path(CORPORA) / "emodb" / "wav").glob("*.flac"))[:12]
    waveforms = [audio.read_mono(path, start=None, end=None, min_seconds=0.2, max_seconds=30.0, rate_hz=16_000)
                 for path in paths]  # fmt: skip
    inputs = {"audio": toy_encoders.networks(tmp_path, kind)["audio"]}
    task = toy_encoders.shuffled(toy_encoders.task(tmp_path / "store", inputs, waveforms))
    one = toy_encoders.job(12, inputs=("audio",), epochs=40, patience=40, batch_size=4, learning_rate=5e-3,
                           encoders={"learning_rate": 3e-3})  # fmt: skip
    rows = np.arange(12)
    model = loop.fit(task, replace(one, train=rows, validation=rows))
    assert (model.predict(task.features, rows).argmax(axis=1) == task.labels).all()


@pytest.mark.parametrize(("train", "changed"), [("all", {0, 1, 2}), ({"top": 1}, {2}), ("lora", {0, 1, 2})])
def test_only_the_named_layers_change(train, changed, inputs, tmp_path):
    if train == "lora":
        pytest.importorskip("peft")
    own = toy_encoders.with_train(inputs, train)
    task = toy_encoders.task(tmp_path / "store", own, toy_encoders.clips(COUNT))
    model = loop.fit(task, toy_encoders.job(COUNT))
    before = open_encoder(task.features.items["audio"].section, None, "cpu").body
    after = model.encoders["audio"].body
    assert set(before.state_dict()) == set(after.state_dict())
    differing = {
        name for name, value in before.state_dict().items() if not torch.equal(value, after.state_dict()[name])
    }
    blocks = {int(name.split("layers.")[1].split(".")[0]) for name in differing if "layers." in name}
    assert blocks == changed
    assert not any(name.startswith("feature_extractor") for name in differing)
    if train == "lora":
        assert {name.split(".")[-2] for name in differing} == {"intermediate_dense", "output_dense"}
    if train != "all":
        assert all("layers." in name for name in differing)


def test_rates_fall_with_depth_and_norms_do_not_decay(task):
    one = toy_encoders.job(COUNT, weight_decay=0.5, encoders={"learning_rate": 1e-3, "layer_decay": 0.5})
    training = loop.Finetuning(task, one, "cpu")
    encoder = training.model.encoders["audio"]
    parts = {id(p): (group.rate, group.decay) for group in training._groups for p in group.parameters}
    named = dict(encoder.body.named_parameters())
    rates = [parts[id(named[f"encoder.layers.{n}.attention.q_proj.weight"])][0] for n in range(3)]
    assert rates == pytest.approx([0.1 * 0.25, 0.1 * 0.5, 0.1])
    assert parts[id(named["encoder.layers.2.layer_norm.weight"])][1] == 0.0
    assert parts[id(named["encoder.layers.2.attention.q_proj.bias"])][1] == 0.0
    assert parts[id(named["encoder.layers.2.attention.q_proj.weight"])][1] == 0.5


SETTINGS = {
    "adamw": {"dropout": 0.3, "modality_dropout": 0.2},
    "ema": {"averaging": "ema", "schedule": "plateau", "encoders": {"learning_rate": 1e-2, "head_epochs": 2}},
    "sgd": {"optimiser": "sgd", "averaging": "epochs", "schedule": "cosine", "warmup": 0.2,
            "encoders": {"learning_rate": 1e-2, "accumulation": 3, "mask_time": 0.2, "noise": 0.5, "speed": 0.5}},
}  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_killed_training_resumes_within_an_epoch_to_the_same_bits(task, tmp_path, kill_at, settings, monkeypatch):
    monkeypatch.setattr("mer.training.cache.snapshot.MAX_TIME_SHARE", 1e9)
    one = toy_encoders.job(COUNT, epochs=3, patience=3, **settings)  # 3 steps in an epoch
    expected = state(loop.fit(task, one))
    history = loop.fit(task, one).history
    for steps in (1, 1, 3, 0):  # within an epoch, at its end, and before the first step
        kill_at(steps)
        with pytest.raises(Killed):
            loop.fit(task, one, snapshot=tmp_path / "s")
    kill_at(None)
    again = loop.fit(task, one, snapshot=tmp_path / "s")
    assert again.history == history
    for name, value in state(again).items():
        assert torch.equal(value, expected[name]), name
    assert not (tmp_path / "s").exists()


def test_grid_stores_the_result_under_everything_that_determines_it(task, tmp_path):
    one, engine = toy_encoders.job(COUNT, epochs=1), Engine(log=tmp_path / "log.txt")
    first = grid.run_jobs(task, [one], engine, tmp_path / "t")
    assert "epoch 0, loss" in (tmp_path / "log.txt").read_text()
    (tmp_path / "log.txt").write_text("")
    again = grid.run_jobs(task, [one], engine, tmp_path / "t")
    assert (tmp_path / "log.txt").read_text() == ""
    assert (first[0].probabilities == again[0].probabilities).all()
    cache = grid.ResultCache(tmp_path / "t", task, engine)
    section = task.features.items["audio"].section
    items = {**task.features.items, "audio": replace(task.features.items["audio"],
                                                     section=section.model_copy(update={"train": "lora"}))}  # fmt: skip
    other = grid.ResultCache(tmp_path / "t", replace(task, features=replace(task.features, items=items)), engine)
    assert cache.address([one]) != other.address([one])


def test_head_alone_is_trained_first_and_encoders_stay(task):
    one = toy_encoders.job(COUNT, encoders={"learning_rate": 1e-2, "head_epochs": 3})
    training = loop.Finetuning(task, one, "cpu")
    before = state(training.model)
    training.train_head()
    after = state(training.model)
    encoders = [name for name in before if name.startswith(("audio.", "text."))]
    assert all(torch.equal(before[name], after[name]) for name in encoders)
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert "classify.weight" in changed
    best = torch.cat([value.reshape(-1) for value in training.course.best])
    now = torch.cat([vector.detach().reshape(-1) for vector in training.course.vectors])
    assert torch.equal(best, now)


def test_more_layers_than_there_are_is_refused(inputs, tmp_path):
    own = toy_encoders.with_train(inputs, {"top": 4})
    task = toy_encoders.task(tmp_path / "store", own, toy_encoders.clips(COUNT))
    with pytest.raises(ValueError, match=r"features.audio.train: the last 4 layers, but the layer .* has 3 below it"):
        loop.fit(task, toy_encoders.job(COUNT))


def test_frozen_blocks_below_stay_in_evaluation_mode(inputs, tmp_path):
    own = toy_encoders.with_train(inputs, {"top": 1})
    task = toy_encoders.task(tmp_path / "store", own, toy_encoders.clips(COUNT))
    encoder = loop.Finetuning(task, toy_encoders.job(COUNT), "cpu").model.encoders["audio"]
    selection.set_modes(encoder.body, encoder.section)
    assert [block.training for block in encoder.body.encoder.layers] == [False, False, True]


@pytest.mark.parametrize("kind", ["wav2vec2", "whisper"])
def test_low_rank_additions_are_those_of_attention_and_are_merged(kind, tmp_path):
    pytest.importorskip("peft")
    inputs = toy_encoders.with_train(toy_encoders.networks(tmp_path, kind), "lora")
    inputs["text"]["train"] = "lora"
    task = toy_encoders.task(tmp_path / "store", inputs, toy_encoders.clips(COUNT))
    model = loop.fit(task, toy_encoders.job(COUNT))
    for name, encoder in model.encoders.items():
        before = open_encoder(task.features.items[name].section, None, "cpu").body.state_dict()
        after = encoder.body.state_dict()
        assert set(before) == set(after)
        differing = {key.split(".")[-2] for key, value in before.items() if not torch.equal(value, after[key])}
        assert differing == ({"query", "value"} if name == "text" else {"q_proj", "v_proj"})


def test_corpora_left_out_select_the_epoch_and_are_not_trained_on(task):
    one = toy_encoders.job(COUNT, encoders={"learning_rate": 1e-2, "stop_on": ["two"]})
    model = loop.fit(task, one)
    assert all(set(epoch) >= {"two"} and "one" not in epoch for epoch in model.history)
    training = loop.Finetuning(task, one, "cpu")
    assert set(task.corpora[training.job.train]) == {"one"}
    assert len(training.job.validation) == (task.corpora == "two").sum()
    absent = toy_encoders.job(COUNT, encoders={"learning_rate": 1e-2, "stop_on": ["three"]})
    assert loop.Finetuning(task, absent, "cpu").job is absent
