"""The training of an encoder of faces: its frames, gradients, stages and folder."""

import numpy as np
import pytest
import torch

from mer.features.video.emo_affectnet_network import EmoAffectNet
from mer.params.features import read_inputs
from mer.params.systems import EncoderTraining
from mer.training.finetune import cost, loop, pooling, selection
from mer.training.finetune.course import Course
from mer.training.finetune.encoders import open_encoder
from tests.training.conftest import Killed
from tests.training.finetune import toy_faces

COUNT = 24
FAST = {"epochs": 12, "patience": 12, "encoders": {"learning_rate": 1e-5}}


@pytest.fixture(scope="module", autouse=True)
def small_network():
    with toy_faces.small():
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return toy_faces.weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def task(file, tmp_path_factory):
    return toy_faces.task(tmp_path_factory.mktemp("store"), file, toy_faces.faces(COUNT), train_frames=3)


def job(**training):
    return toy_faces.job(COUNT, **training)


def gradients(task, **encoders):
    """The gradient of the first step, and its loss."""
    training = loop.Finetuning(task, job(batch_size=18, encoders={"learning_rate": 1e-2, **encoders}), "cpu")
    loss = training.gradient.compute(training.course, next(training.epoch_steps()))
    return torch.cat([vector.grad for vector in training.course.vectors]), loss


def assert_same(one, other):
    assert other[1] == pytest.approx(one[1], rel=1e-5)
    scale = float(one[0].abs().max())
    assert scale > 1e-3
    np.testing.assert_allclose(one[0].numpy(), other[0].numpy(), atol=2e-5 * scale, rtol=2e-4)


def state(model):
    return {name: value.clone() for name, value in model.encoders["video"].body.state_dict().items()}


def test_untrained_encoder_gives_the_vectors_of_the_frozen_input(task):
    model = loop.Finetuning(task, job(), "cpu").model
    rows = np.arange(COUNT)
    np.testing.assert_array_equal(model.encoded(task.features, rows).arrays["video"], task.features.arrays["video"])
    encoder = model.encoders["video"]
    clips = [clip for clip in task.features.items["video"].select(rows) if len(clip) <= 3]
    selection.set_modes(encoder.body, encoder.section)
    in_training = encoder.forward(clips, job().training.encoders, range(len(clips))).detach().numpy()
    np.testing.assert_allclose(in_training, np.stack(encoder.vectors(clips)), atol=1e-5)


def test_frames_are_drawn_by_their_key(task):
    encoder, options = open_encoder(task.features.items["video"].section, None, "cpu"), job().training.encoders
    longest = task.features.items["video"].select(np.array([4]))[0]
    drawn = [encoder._drawn(len(longest), key) for key in range(40)]
    assert len(longest) == 6
    assert {len(set(one)) for one in drawn} == {3}
    assert all((np.diff(one) > 0).all() for one in drawn)
    assert set(np.concatenate(drawn)) == set(range(6))
    one, again, other = (encoder.forward([longest], options, [key]).detach() for key in (5, 5, 6))
    assert torch.equal(one, again)
    assert (one - other).abs().max() > 1e-3


def test_deviation_of_drawn_frames_is_that_of_all():
    random = np.random.default_rng(0)
    vectors = torch.as_tensor(random.normal(2, 3, (7, 1)))
    variances = [float(pooling.mean_deviation(vectors[random.choice(7, 3, replace=False)], 7)[1]) ** 2
                 for _ in range(4000)]  # fmt: skip
    assert np.mean(variances) == pytest.approx(float(vectors.var(correction=0)), rel=0.05)
    still = torch.ones(3, 1, requires_grad=True)
    pooled = pooling.mean_deviation(still, 3)
    assert pooled.tolist() == [1.0, 0.0]
    assert torch.isfinite(torch.autograd.grad(pooled.sum(), still)[0]).all()


def test_vector_in_training_does_not_depend_on_its_company(task):
    encoder, options = open_encoder(task.features.items["video"].section, None, "cpu"), job().training.encoders
    clips = task.features.items["video"].select(np.arange(8))
    selection.set_modes(encoder.body, encoder.section)
    together = encoder.forward(clips, options, range(8))
    alone = torch.cat([encoder.forward([clip], options, [n]) for n, clip in enumerate(clips)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert together.std(dim=0).max() > 0.01


def test_accumulation_and_checkpointing_give_the_same_gradient(task):
    plain = gradients(task)
    for parts in (2, 5, 18):
        assert_same(plain, gradients(task, accumulation=parts))
    assert_same(plain, gradients(task, gradient_checkpointing=True, accumulation=2))


def test_encoder_learns_and_keeps_its_running_statistics(task):
    before = state(loop.Finetuning(task, job(), "cpu").model)
    model = loop.fit(task, job(**FAST))
    losses = [epoch["loss"] for epoch in model.history]
    assert losses[-1] < 0.3 * losses[0]
    after = state(model)
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert not {name for name in changed if "running" in name or "batches" in name}
    assert {name for name in before if name.startswith("layer") and "running" not in name
            and "batches" not in name} <= changed  # fmt: skip
    assert "conv1.weight" in changed


@pytest.mark.parametrize("top", [1, 3])
def test_only_the_last_stages_change(file, top, tmp_path):
    task = toy_faces.task(tmp_path, file, toy_faces.faces(COUNT), train={"top": top})
    one = job(epochs=1, weight_decay=0.5, encoders={"learning_rate": 1e-3, "layer_decay": 0.5})
    training = loop.Finetuning(task, one, "cpu")
    named = dict(training.model.encoders["video"].body.named_parameters())
    parts = {id(p): (group.rate, group.decay) for group in training._groups for p in group.parameters}
    trained = {name for name, p in named.items() if id(p) in parts}
    assert {name.partition(".")[0] for name in trained} == {f"layer{n}" for n in range(5 - top, 5)}
    assert parts[id(named["layer4.0.conv1.weight"])] == (pytest.approx(0.1), 0.5)
    assert parts[id(named["layer4.0.bn1.weight"])][1] == 0.0
    if top == 3:
        assert parts[id(named["layer2.0.conv1.weight"])][0] == pytest.approx(0.1 * 0.25)
    before, after = state(training.model), state(loop.fit(task, one))
    assert {name for name, value in before.items() if not torch.equal(value, after[name])} == trained


def test_layers_around_the_stages_of_emo_affectnet_are_counted_with_them():
    options = {"extractor": "emo_affectnet", "weights": "w.pt"}
    with torch.device("meta"):
        body = EmoAffectNet()
    top, every = (read_inputs({"video": {**options, "train": train}})["video"] for train in ({"top": 1}, "all"))
    chosen = selection.select(body, top, EncoderTraining())
    assert {one.name.partition(".")[0] for one in chosen} == {"layer4", "fc1", "fc2"}
    assert {one.below_top for one in chosen} == {0}
    below = {one.name: one.below_top for one in selection.select(body, every, EncoderTraining())}
    assert (below["conv_layer_s2_same.weight"], below["layer1.0.conv1.weight"], below["layer4.0.conv1.weight"]) == (
        4,
        3,
        0,
    )


def test_killed_training_resumes_within_an_epoch_to_the_same_bits(task, tmp_path, monkeypatch):
    monkeypatch.setattr("mer.training.cache.snapshot.MAX_TIME_SHARE", 1e9)
    left, original = [10**6], Course.update

    def update(self):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        original(self)

    monkeypatch.setattr(Course, "update", update)
    one = job(averaging="ema", dropout=0.3)  # 3 steps in an epoch
    expected = loop.fit(task, one)
    for steps in (1, 2):
        left[0] = steps
        with pytest.raises(Killed):
            loop.fit(task, one, snapshot=tmp_path / "s")
    left[0] = 10**6
    again = loop.fit(task, one, snapshot=tmp_path / "s")
    assert again.history == expected.history
    weights, own = state(expected), state(again)
    assert all(torch.equal(value, own[name]) for name, value in weights.items())


def test_cost_counts_the_faces_that_are_read(task):
    rows = np.array([0, 4])  # of 2 and 6 faces
    assert cost._read(task, job(), rows) == 8 * cost.FACE_LENGTH
    assert cost._read(task, job(), rows, is_training=True) == 5 * cost.FACE_LENGTH
