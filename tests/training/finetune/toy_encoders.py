"""Tasks for the training of tiny encoders: recordings whose pitch, and texts whose words, reveal the class."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mer.features import Features, encoder_items, registry
from mer.features.extractor import Resources
from mer.media import recordings
from mer.params.features import read_inputs
from mer.params.schema import System, Training
from mer.training.job import Job
from mer.training.task import Task
from tests.features.pretrained import tiny

RATE = 16_000
WORDS = ("no way", "so good", "oh dear")
DECODING = recordings.spec(0.2, 30.0)


def clips(count: int, seed: int = 0) -> list[np.ndarray]:
    """Tones with noise; the pitch follows from the class, which is the number modulo 3."""
    random = np.random.default_rng(seed)
    made = []
    for n in range(count):
        times = np.arange(round(RATE * random.uniform(0.3, 1.2))) / RATE
        tone = np.sin(2 * np.pi * (150 + 250 * (n % 3)) * times)
        made.append((0.3 * tone + random.normal(0, 0.02, len(times))).astype(np.float32))
    return made


def networks(folder: Path, kind: str = "wavlm") -> dict[str, dict]:
    """Save tiny encoders; return the parameters of the inputs that read them."""
    make = tiny.SPECTRA.get(kind)
    audio = make(folder / kind) if make else tiny.sound(folder / kind, kind, hidden_dropout=0.0, activation_dropout=0.0,
                                                        attention_dropout=0.0, feat_proj_dropout=0.0)  # fmt: skip
    options = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    words = tiny.text(folder / "roberta", **options)
    return {"audio": {"extractor": "encoder", "model": str(audio), "train": "all"},
            "text": {"extractor": "encoder", "model": str(words), "train": "all", "max_tokens": 32}}  # fmt: skip


def task(folder: Path, inputs: dict[str, dict], waveforms: list[np.ndarray]) -> Task:
    """A task of these recordings, two thirds of which have a text; the encoders are those of `inputs`."""
    sections = read_inputs(inputs)
    count = len(waveforms)
    labels = np.arange(count) % 3
    store = recordings.Recordings(folder, DECODING)
    keys = {"audio": [f"clip{n}" for n in range(count)],
            "text": [WORDS[n % 3] if n % 3 or n % 2 else None for n in range(count)]}  # fmt: skip
    store.decode(keys["audio"], lambda key: waveforms[int(key.removeprefix("clip"))])
    items = encoder_items.load(sections, keys, folder, dict.fromkeys(sections, DECODING))
    arrays, present = {}, {}
    for name, one in sections.items():
        there = np.array([key is not None for key in keys[name]])
        compute = registry.of_input(one).open(one.frozen, Resources())
        result = items[name].select(np.flatnonzero(there)) if name in items else [k for k in keys[name] if k]
        vectors = np.stack(compute(result))
        arrays[name] = np.zeros((count, vectors.shape[1]), np.float32)
        arrays[name][there], present[name] = vectors, there
    extractors = dict.fromkeys(sections, "encoder")
    features = Features(arrays, present, extractors, items=items)
    return Task(features, labels, np.where(np.arange(count) < count // 2, "one", "two"), 4)


def job(count: int, seed: int = 0, inputs: tuple[str, ...] = ("audio", "text"), **training) -> Job:
    """A job on the first three quarters of the rows, validated on the rest."""
    values = {"epochs": 2, "batch_size": 8, "hidden": 8, "dropout": 0.0, "modality_dropout": 0.0,
              "label_smoothing": 0.0,
              "learning_rate": 1e-2, "encoders": {"learning_rate": 1e-2}, **training}  # fmt: skip
    rows = np.arange(count)
    train, rest = rows[: count * 3 // 4], rows[count * 3 // 4 :]
    return Job("tuned", None, System(model="concat", inputs=inputs), Training.model_validate(values), seed, train, rest,
               rest)  # fmt: skip


def with_train(inputs: dict[str, dict], train: object) -> dict[str, dict]:
    """The same inputs with another value of `train` for the recordings."""
    return {**inputs, "audio": {**inputs["audio"], "train": train}}


def shuffled(one: Task) -> Task:
    """The same task with labels that nothing reveals."""
    return replace(one, labels=np.random.default_rng(1).permutation(one.labels))
