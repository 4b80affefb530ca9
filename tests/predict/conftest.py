"""Small models with random weights, stored as training stores them."""

import numpy as np
import pytest

from mer.features import Features, Resources
from mer.features import specs as feature_specs
from mer.features.audio import mfcc
from mer.params.schema import AudioFeatures, Data, TextFeatures, Training, VideoFeatures
from mer.training.baselines.classifier import TrainedLinear
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import Card
from mer.training.checkpoints.inputs.input_statistics import prediction_fields
from mer.training.scaling import normaliser, standardise

RATE = 16_000
CLASSES = ["neutral", "happiness", "anger"]
ROWS = 60
INPUTS = {
    "audio": AudioFeatures(n_mfcc=13),
    "cepstra": AudioFeatures(n_mfcc=20),
    "text": TextFeatures(dimensions=32),
    "video": VideoFeatures(),
}
"""The inputs of which models are made; two are of modality audio."""


def tone(seconds: float, seed: int = 0, hertz: float = 180.0) -> np.ndarray:
    """Return a harmonic tone with the loudness of four syllables per second; float32 of shape (n,)."""
    t = np.arange(round(seconds * RATE)) / RATE
    carrier = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 8))
    noise = np.random.default_rng(seed).normal(0, 1e-3, len(t))
    return (0.1 * carrier * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)) + noise).astype(np.float32)


def quiet(seconds: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1e-4, round(seconds * RATE)).astype(np.float32)


def save_linear(folder, names=("audio",), without=(), source=None, **more):
    """Save a linear model of some of `INPUTS`, with random weights and the value ranges of synthetic rows."""
    inputs, data, r = {name: INPUTS[name] for name in names}, Data(), np.random.default_rng(0)
    specs = feature_specs(inputs, data)
    widths = {name: spec["width"] for name, spec in specs.items()}
    clips = [tone(1.0, n, 120 + 3 * n) for n in range(ROWS)]
    arrays = {}
    for name, section in inputs.items():
        if section.modality == "audio":
            arrays[name] = np.stack(mfcc.EXTRACTOR.open(section, Resources())(clips))
        else:
            arrays[name] = r.normal(size=(ROWS, widths[name])).astype(np.float32)
    features = Features(arrays, {name: np.ones(ROWS, bool) for name in names},
                        {name: spec["extractor"] for name, spec in specs.items()},
                        modalities={name: section.modality for name, section in inputs.items()})  # fmt: skip
    groups = {"speaker": np.array([f"s{n // 15}" for n in range(ROWS)]), "corpus": np.full(ROWS, "own")}
    stages = Training(**more.get("training", {})).stages
    fitted, features = normaliser.fit(features, groups, np.arange(ROWS), names, stages)
    scaler = standardise.fit(features, np.arange(ROWS), names)
    model = TrainedLinear(r.normal(size=(3, sum(widths.values()))) / 10, np.zeros(3), scaler, temperature=1.5,
                          normaliser=fitted)  # fmt: skip
    model.source = source
    fields = {
        "name": "small-seed0", "model": "logistic", "inputs": list(names), "widths": widths, "layers": {},
        "classes": CLASSES, "seed": 0, "training": Training(), "features": specs, "corpora": ["own"],
        "families": ["own"], "ancestors": [], "temperature": model.temperature,
        **prediction_fields(features, np.arange(ROWS), inputs, data), **more,
    }  # fmt: skip
    card = Card(**{name: value for name, value in fields.items() if name not in without})
    checkpoint.write(folder, checkpoint.tensors_of(model), card, None)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return save_linear(tmp_path_factory.mktemp("models") / "audio")


@pytest.fixture(scope="session")
def bimodal(tmp_path_factory):
    return save_linear(tmp_path_factory.mktemp("models") / "both", ("audio", "text"))


@pytest.fixture(scope="session")
def two_audio(tmp_path_factory):
    return save_linear(tmp_path_factory.mktemp("models") / "two", ("audio", "cepstra", "text"))


@pytest.fixture(scope="session")
def filmed(tmp_path_factory):
    return save_linear(tmp_path_factory.mktemp("models") / "film", ("audio", "video"))
