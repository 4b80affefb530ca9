"""Manifests without any fault, into which tests insert one."""

import hashlib
import random

import pandas as pd

from mer.dataset.manifest import schema

EMOTIONS = ("neutral", "happiness", "sadness", "anger")
CORPORA = ("east", "west")
WORDS = [
    first + second for first in "bdfgklmnprst" for second in ("a", "e", "i", "o", "u", "an", "en", "il", "or", "um")
]


def clean(corpora=CORPORA, speakers=6, clips=20, seed=0):
    """Return free speech without shared words: the last speaker is tested, the one before validates, each is a fold."""
    chance = random.Random(seed)  # noqa: S311
    rows = [
        _row(corpus, speaker, clip, speakers, chance)
        for corpus in corpora
        for speaker in range(speakers)
        for clip in range(clips)
    ]
    return schema.typed(rows)


def _row(corpus, speaker, clip, speakers, chance):
    name = f"{speaker:02}_{clip:03}"
    part = {speakers - 1: "test", speakers - 2: "validation"}.get(speaker, "train")
    words = [chance.choice(WORDS) for _ in range(chance.randint(3, 9))]
    return {
        "utterance_id": f"{corpus}/{name}",
        "corpus": corpus,
        "family": corpus,
        "source_path": f"{corpus}/{name}.wav",
        "audio_sha256": hashlib.sha256(f"{corpus}{name}".encode()).hexdigest(),
        "samples_sha256": hashlib.sha256(f"samples {corpus}{name}".encode()).hexdigest(),
        "duration": 2.0,
        "emotion": EMOTIONS[clip % len(EMOTIONS)],
        "emotion_raw": EMOTIONS[clip % len(EMOTIONS)].upper(),
        "transcription": " ".join([*words, corpus + name.replace("_", "")]),
        "lexical_control": "free",
        "speaker_id": f"{corpus}_{speaker:02}",
        "session": f"{corpus}_{speaker}",
        "dialogue_id": f"{corpus}_{speaker}_{clip // 5}",
        "split": part,
        "fold": speaker,
        "too_short": False,
        "too_long": False,
        "audio_ok": True,
    }


def read_sentences(manifest, corpus, sentences=10):
    """Give a corpus the same sentences for every emotion."""
    mine = manifest["corpus"] == corpus
    number = manifest["utterance_id"].str[-3:].astype(int) // len(EMOTIONS) % sentences
    manifest.loc[mine, "transcription"] = "this is the sentence with the number " + number[mine].astype(str)
    manifest.loc[mine, "sentence_id"] = number[mine].astype(str)
    manifest.loc[mine, "lexical_control"] = "parallel"
    return manifest


def part(manifest, corpus, name):
    """The rows of one part of one corpus, as an index."""
    return manifest.index[(manifest["corpus"] == corpus) & (manifest["split"] == name)]


def again(manifest, rows, **changes):
    """Append copies of rows, with other values in some columns."""
    return pd.concat([manifest, manifest.loc[rows].assign(**changes)], ignore_index=True)
