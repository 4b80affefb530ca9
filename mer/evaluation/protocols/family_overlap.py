"""What several corpora have in common, and which rows are left out so that it lies in one part only.

Each corpus is split by itself, so that its parts do not depend on which other corpora are present. Therefore an actor
may be among the validation speakers of RAVDESS's speech and the training speakers of its songs, and a line of a test
dialogue of MELD may be a training line of EmoryNLP. Here people, recordings and longer free lines are kept in one part:
what is in a test part is left out of validation and training, and what is in a validation part is left out of training.
"""

import numpy as np
import pandas as pd

from mer.dataset.identity import sentences, speakers


def shared_items(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return what several corpora have: a line per row and key, columns row, key, corpus, binds.

    That is a recording; and within a family a person, or a line of five words or more where people choose their words.
    Persons who are tested or validate bind others only where their own corpus keeps people apart: six friends are in
    all parts of MELD, and no sibling can mend that.

    Args:
        manifest: usable rows, index 0..n-1.
    """
    others = pd.concat([_recordings(manifest), _sentences(manifest)], ignore_index=True).assign(binds=True)
    keys = pd.concat([_speakers(manifest), others], ignore_index=True).astype({"row": int, "binds": bool})
    keys["corpus"] = manifest["corpus"].to_numpy(object)[keys["row"]]
    return keys[keys.groupby("key")["corpus"].transform("nunique") > 1].reset_index(drop=True)


def remove_overlap(
    shared: pd.DataFrame, train: np.ndarray, validation: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training and validation rows without what they have in common with a part that weighs more.

    Test rows are all kept, as a published test part has to be. A validation part is a tenth of the speakers, so that
    training rows give way to it: they are many, and a choice by too few would be chance.

    Args:
        shared: from `common`.
        train, validation, test: row numbers; the test is empty where `protocols.refuse` looks after it.
    """
    tested = overlapping_rows(shared, test)
    train, validation = np.setdiff1d(train, tested), np.setdiff1d(validation, tested)
    return np.setdiff1d(train, overlapping_rows(shared, validation)), validation


def overlapping_rows(shared: pd.DataFrame, chosen: np.ndarray) -> np.ndarray:
    """Return the numbers of rows that have something in common with chosen rows of another corpus."""
    there = shared[shared["row"].isin(chosen) & shared["binds"]].groupby("key")["corpus"].agg(["nunique", "first"])
    known = shared.merge(there, left_on="key", right_index=True)
    return known.loc[(known["nunique"] > 1) | (known["first"] != known["corpus"]), "row"].unique()


def _speakers(manifest: pd.DataFrame) -> pd.DataFrame:
    """Row and key of each person whom several corpora of a family may have."""
    apart = {corpus: _is_split_by_speaker(rows) for corpus, rows in manifest.groupby("corpus")}
    links = speakers.possible_matches(manifest)
    links = links[links.groupby("key")["corpus"].transform("nunique") > 1]
    rows = manifest[["corpus", "speaker_id"]].astype(object).assign(row=np.arange(len(manifest)))
    found = rows.merge(links[["corpus", "speaker_id", "key"]], on=["corpus", "speaker_id"])
    return found[["row", "key"]].assign(binds=found["corpus"].map(apart))


def _is_split_by_speaker(rows: pd.DataFrame) -> bool:
    """Whether no speaker is in two parts of a corpus; six friends are in all of them, and nothing can be done."""
    return bool(rows["fold"].notna().all() or rows.groupby("speaker_id")["split"].nunique().max() <= 1)


def _recordings(manifest: pd.DataFrame) -> pd.DataFrame:
    rows = manifest.reindex(columns=["samples_sha256", "audio_sha256", "start", "end"]).astype(object)
    edges = (rows["start"].map(str) + "|" + rows["end"].map(str)).astype(object)  # where nothing has sound, too
    key = rows["samples_sha256"].fillna("file|" + rows["audio_sha256"] + "|" + edges)
    return _numbered(key)


def _sentences(manifest: pd.DataFrame) -> pd.DataFrame:
    text = manifest["transcription"].where(manifest["lexical_control"] == "free").fillna("")
    line = text.map({text: sentences.normalised(text) for text in text.unique()}).astype(object)
    return _numbered((manifest["family"].astype(object) + "|" + line).where(sentences.long_sentences(line)))


def _numbered(key: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"row": np.arange(len(key)), "key": key.to_numpy(object)}).dropna()
