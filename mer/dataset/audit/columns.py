"""Columns that the audit reads, and the search for values that two parts share."""

import numpy as np
import pandas as pd

from mer.corpora.reading.names import JOINT_SPEAKERS
from mer.dataset.audit.findings import BREACH, WARNING
from mer.dataset.identity import speakers
from mer.dataset.manifest import schema

COLUMNS = ("utterance_id", "corpus", "family", "source_path", "audio_sha256", "samples_sha256", "video_sha256", "start",
           "end", "emotion", "emotion_raw", "transcription", "lexical_control", "sentence_id", "speaker_id",
           "speaker_named", "session", "dialogue_id", "split_source", "split", "fold")  # fmt: skip
PART_PAIRS = (("train", "test", BREACH), ("validation", "test", BREACH), ("train", "validation", WARNING))
"""Pairs of parts that must not share anything, the worst first. Sharing with the test part inflates the score; sharing
between training and validation only distorts selection."""


PART_NAMES = {"train": "training", "validation": "validation", "test": "test"}
"""The name of each part in a sentence."""


def with_all_columns(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that the audit reads, null if they are missing, with the rows numbered from 0.

    Adds `speaker`: the speaker's name without the corpus's prefix, in one spelling, so that speakers of two corpora can
    be compared. For several joint speakers it holds all names (`speakers.anonymous_code`). A corpus without a family
    is its own family; rows without a corpus form one corpus.
    """
    rows = manifest.reindex(columns=list(COLUMNS)).reset_index(drop=True)
    rows["speaker_named"] = rows["speaker_named"].map({True: True, "True": True, "true": True})  # CSV holds strings
    rows = rows.astype({name: schema.COLUMNS[name] for name in COLUMNS})
    rows["corpus"] = rows["corpus"].fillna("?")
    ids = rows[["corpus", "speaker_id"]].drop_duplicates().dropna()
    names = {pair: speakers.anonymous_code(*pair) for pair in ids.itertuples(index=False, name=None)}
    speaker = [names.get(pair) for pair in zip(rows["corpus"], rows["speaker_id"], strict=True)]
    family = rows["family"].fillna(rows["corpus"])
    return rows.assign(speaker=pd.Series(speaker, rows.index, "str"), family=family)


def shared_rows(key: pd.Series, source: pd.Series, target: pd.Series) -> pd.Series:
    """Return the target rows whose key also occurs in the source rows; rows without a key share nothing.

    Args:
        key: the values that are compared, one per row.
        source, target: masks of rows.

    Returns:
        A mask.

    >>> key, first = pd.Series(["a", "b", None, "a", None]), pd.Series([True, True, True, False, False])
    >>> shared_rows(key, first, ~first).tolist()
    [False, False, False, True, False]
    """
    numbers = pd.factorize(key)[0]  # comparing numbers is many times faster than comparing texts
    return target & (numbers >= 0) & np.isin(numbers, numbers[source.to_numpy(dtype=bool)])


def by_speaker(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with one row for each of several joint speakers in `speaker`; the index stays."""
    if not rows["speaker"].str.contains(JOINT_SPEAKERS, regex=False, na=False).any():
        return rows
    return rows.assign(speaker=rows["speaker"].str.split(JOINT_SPEAKERS)).explode("speaker")


def join_corpora(corpora: pd.Series) -> str:
    """Return corpora as a finding's `corpora`: each once, in alphabetical order, joined by " + "."""
    return " + ".join(sorted(set(corpora.dropna())))
