"""Networks that learn attention over the frames of an encoder."""

import numpy as np
import pandas as pd
import pytest
import torch

from mer import models
from mer.features import Features
from mer.params.schema import Params, System, Training
from mer.training import grid
from mer.training.checkpoints import checkpoint
from mer.training.job import Job
from mer.training.networks.trained import Shape
from mer.training.scaling import standardise
from mer.training.task import Task
from tests.training.test_stacked import assert_alike, job

FRAMES, LAYERS, WIDTH = 4, 2, 3
ROWS = np.arange(240)


@pytest.fixture
def frames(task):
    """The task with frames of an encoder for audio: one frame of each recording reveals the class."""
    generator = np.random.default_rng(2)
    values = generator.normal(0, 1, (240, FRAMES, LAYERS, WIDTH))
    counts = 1 + ROWS % FRAMES
    values[ROWS, ROWS % counts, 1] += 4 * np.eye(3)[task.labels] + 2
    values[np.arange(FRAMES) >= counts[:, None]] = 0
    vectors = np.column_stack([values.reshape(240, -1), counts]).astype(np.float16)
    features = Features(
        {"audio": vectors, "text": task.features.arrays["text"]}, task.features.present, layers={"audio": LAYERS},
        frames={"audio": FRAMES},
    )  # fmt: skip
    return Task(features, task.labels, task.corpora, task.classes)


def test_attention_is_the_formula_and_ignores_unused_places():
    inputs = models.Inputs({"audio": FRAMES * LAYERS * WIDTH + 1}, layers={"audio": LAYERS}, frames={"audio": FRAMES})
    network = models.build("concat", inputs, 7, hidden=8, dropout=0.0).eval()
    pool = network.average["audio"]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        pool.direction.copy_(torch.randn(WIDTH, generator=generator))
        pool.average.weights.copy_(torch.randn(LAYERS, generator=generator))
    x = torch.randn((5, FRAMES, LAYERS, WIDTH), generator=generator)
    counts = torch.tensor([1, 2, 3, 4, 4])
    vectors = torch.cat([x.flatten(1), counts[:, None]], dim=1)
    for row, count in enumerate(counts.tolist()):
        own = torch.einsum("l,tld->td", torch.softmax(pool.average.weights, 0), x[row, :count])
        expected = torch.softmax(own @ pool.direction, 0) @ own
        torch.testing.assert_close(pool(vectors)[row], expected)
    changed = vectors.clone()
    changed[0, LAYERS * WIDTH : -1] = 1e6
    torch.testing.assert_close(network({"audio": changed}), network({"audio": vectors}))
    assert network.fused == {"audio": WIDTH}


def test_each_dimension_of_a_frame_is_scaled_over_all_frames(frames):
    fitted = standardise.fit(frames.features, ROWS[:100], ("audio",))
    vectors = frames.features.arrays["audio"][:100].astype(float)
    values = vectors[:, :-1].reshape(100, FRAMES, -1)[np.arange(FRAMES) < vectors[:, -1:]]
    mean, scale = fitted.moments["audio"]
    np.testing.assert_allclose(mean, [*np.tile(values.mean(0), FRAMES), 0])
    np.testing.assert_allclose(scale, [*np.tile(values.std(0), FRAMES), 1])
    ready = fitted.apply(frames.features, ROWS[:100])["audio"]
    np.testing.assert_array_equal(ready[:, -1], vectors[:, -1])


@pytest.mark.parametrize("options", [{}, {"missing": "zeros"}])
@pytest.mark.parametrize("model", ["gated", "robust_at", "attention", "concat", "flexible_at"])
def test_frames_are_trained_alike_in_both_engines(frames, model, options):
    assert_alike(frames, [job(s, model=model, **{"missing": "learned", **options}) for s in (0, 1)])


def test_attention_finds_the_frame_that_reveals_the_class(frames):
    one = job(0, model="concat", modalities=("audio",), epochs=60)
    fitted = grid.fit_job(frames, one, "cpu")
    right = fitted.predict(frames.features, one.test).argmax(1) == frames.labels[one.test]
    assert right.mean() > 0.8
    assert fitted.network.average["audio"].direction.abs().max() > 0.1


def test_checkpoint_with_frames_predicts_as_the_model(frames, tmp_path):
    names = [str(n) for n in ROWS]
    spec = System(model="gated", inputs=("audio", "text"))
    one = Job("frames", None, spec, Training(epochs=1, hidden=8, missing="learned"), 0, ROWS[:120], ROWS[120:180],
              ROWS[180:])  # fmt: skip
    manifest = pd.DataFrame({"corpus": frames.corpora, "family": frames.corpora, "audio_sha256": names,
                             "utterance_id": names, "speaker_id": names, "fold": 0})  # fmt: skip
    specs = {name: {"modality": name, "extractor": "encoder"} for name in one.spec.inputs}
    fitted = grid.fit_job(frames, one, "cpu")
    checkpoint.save(tmp_path / "m", fitted, one, frames, checkpoint.StudyRecord(specs, tuple("abcdefg"), manifest))
    loaded, stored = checkpoint.load(tmp_path / "m", fields=None)
    assert stored.card.frames == {"audio": FRAMES}
    np.testing.assert_array_equal(loaded.predict(frames.features, one.test), fitted.predict(frames.features, one.test))


def test_shape_of_a_network_has_its_frames(frames):
    assert Shape.of(frames.features, "concat", ("audio",), 7).frames == {"audio": FRAMES}
    assert Shape.of(frames.features, "concat", ("text",), 7).frames == {}


@pytest.mark.parametrize("system", [
    {"model": "logistic", "inputs": ["audio"]},
    {"model": "concat", "inputs": ["audio"], "training": {"normalisation": "speaker"}},
])  # fmt: skip
def test_frames_are_refused_where_they_cannot_be_read(system):
    audio = {"extractor": "encoder", "model": "a/b", "keep": "frames"}
    with pytest.raises(ValueError, match=r"systems\.one\.inputs: 'audio' keeps frames"):
        Params(name="one", corpora=["emodb"], features={"audio": audio}, systems={"one": system})
    with pytest.raises(ValueError, match="with `pooling: mean`"):
        Params(name="one", corpora=["emodb"], features={"audio": {**audio, "pooling": "mean_std"}})
