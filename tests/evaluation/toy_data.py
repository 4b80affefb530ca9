"""Toy manifests, and predictions of systems that are correct with a given probability, for tests."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from mer import files
from mer.training.checkpoints.binding import sealed
from mer.training.checkpoints.older_formats import FIELDS
from mer.training.checkpoints.training_data import PREFIX

CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
FOUR = ("neutral", "happiness", "sadness", "anger")


def manifest(corpus="a", speakers=8, clips=24, classes=FOUR, seed=0):
    """A corpus with women and men, two languages, ages and lengths; every speaker says every class."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "utterance_id": f"{corpus}/{s:02}_{i:02}",
            "corpus": corpus,
            "family": corpus,
            "speaker_id": f"{corpus}_{s:02}",
            "dialogue_id": None,
            "audio_sha256": f"{corpus}{s}_{i}",
            "transcription": None,
            "lexical_control": "parallel",
            "session": f"{s // 2}",
            "gender": "female" if s % 2 else "male",
            "age": 20 + 5 * s,
            "language": "de" if i % 2 else "en",
            "duration": float(rng.uniform(0.5, 10)),
            "emotion": classes[i // 2 % len(classes)],
            "split_official": None,
            "exclude_reason": None,
            "capped": False,
            "breach": None,
        }
        for s in range(speakers)
        for i in range(clips)
    ]
    return pd.DataFrame(rows)


def predictions(rows, right, system="s", protocol="loco", train="z", seeds=(0,), seed=0, hard=(), deterministic=False):
    """Answers that are right with a probability, less for the utterances in `hard`; wrong ones go to the next class."""
    rng, parts = np.random.default_rng(seed), []
    names = sorted(set(rows["emotion"]), key=CLASSES.index)
    wrong = {name: names[(at + 1) % len(names)] for at, name in enumerate(names)}
    for number in seeds:
        chance = np.where(rows["utterance_id"].isin(list(hard)), right - 0.3, right)
        hit = rng.random(len(rows)) < chance
        given = np.where(hit, rows["emotion"], rows["emotion"].map(wrong))
        columns = ["utterance_id", "family", "speaker_id", "dialogue_id", "emotion"]
        part = rows[columns].assign(
            test_corpus=rows["corpus"], system=system, protocol=protocol, train_corpora=train, fold=0, seed=number,
            free=given, restricted=given, transductive=False, flagged=False, accepted=False, capped=False, lacks="",
            deterministic=deterministic,
        )  # fmt: skip
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def older_card(card: dict, number: int) -> dict:
    """Return a card in the names of fields of an older format."""
    ranges = {name: {"outside" if key == "outside_share" else key: part for key, part in one.items()}
              for name, one in card.get("value_ranges", {}).items()}  # fmt: skip
    former = {new: old for old, new in FIELDS.items()}
    card = {former.get(name, name): value for name, value in (card | {"value_ranges": ranges}).items()}
    return sealed(card | {"format": number})


def as_before(folder: Path, **changes: object) -> None:
    """Turn a checkpoint into one of format 2, which has no exposure and no digests of the card among its tensors."""
    path = folder / "model.safetensors"
    save_file({name: value for name, value in load_file(path).items() if not name.startswith(PREFIX)}, path)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    absent = ("exposure", "card_sha256", "extraction", "data", "system")
    card = {name: value for name, value in card.items() if name not in absent}
    files.write_json(
        folder / "model.json", older_card({**card, "tensors_sha256": files.digest_file(path), **changes}, 2)
    )
