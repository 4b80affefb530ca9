"""The columns that the audit looks at, and the one question behind most of its checks: who meets whom."""

import numpy as np
import pandas as pd

from mer.corpora.reading.names import JOINT_SPEAKERS
from mer.dataset.audit.findings import BREACH, WARNING
from mer.dataset.identity import speakers
from mer.dataset.manifest import schema

COLUMNS = ("utterance_id", "corpus", "family", "source_path", "audio_sha256", "samples_sha256", "video_sha256", "start",
           "end", "emotion", "emotion_raw", "transcription", "lexical_control", "sentence_id", "speaker_id",
           "speaker_named", "session", "dialogue_id", "split_source", "split", "fold")  # fmt: skip
PARTS = (("train", "test", BREACH), ("validation", "test", BREACH), ("train", "validation", WARNING))
"""Which parts must not share anything, the worst first: a score on the test part grows by what was trained on or chosen
with; training and validation sharing something spoils only the choice."""


NOUNS = {"train": "training", "validation": "validation", "test": "test"}
"""What a part is called in a sentence."""


def complete(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that the audit looks at, those that are not there null, with the rows numbered from 0.

    Adds `person`: the speaker's name without the corpus's, in one spelling, by which speakers of two corpora compare;
    of several people who speak at once all names (`people.code`). A corpus without a family is a family of its own;
    rows without a corpus make one.
    """
    rows = manifest.reindex(columns=list(COLUMNS)).reset_index(drop=True)
    rows["speaker_named"] = rows["speaker_named"].map({True: True, "True": True, "true": True})  # a CSV has words
    rows = rows.astype({name: schema.COLUMNS[name] for name in COLUMNS})
    rows["corpus"] = rows["corpus"].fillna("?")
    ids = rows[["corpus", "speaker_id"]].drop_duplicates().dropna()
    names = {pair: speakers.code(*pair) for pair in ids.itertuples(index=False, name=None)}
    bare = [names.get(pair) for pair in zip(rows["corpus"], rows["speaker_id"], strict=True)]
    family = rows["family"].fillna(rows["corpus"])
    return rows.assign(person=pd.Series(bare, rows.index, "str"), family=family)


def met(key: pd.Series, source: pd.Series, target: pd.Series) -> pd.Series:
    """Return the target rows (a mask) whose key occurs among the source rows, too; a row without a key meets none.

    >>> key, first = pd.Series(["a", "b", None, "a", None]), pd.Series([True, True, True, False, False])
    >>> met(key, first, ~first).tolist()
    [False, False, False, True, False]
    """
    numbers = pd.factorize(key)[0]  # comparing numbers is many times faster than comparing texts
    return target & (numbers >= 0) & np.isin(numbers, numbers[source.to_numpy(dtype=bool)])


def by_person(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a column `person`, a line for each of several people who speak at once; the index stays."""
    if not rows["person"].str.contains(JOINT_SPEAKERS, regex=False, na=False).any():
        return rows
    return rows.assign(person=rows["person"].str.split(JOINT_SPEAKERS)).explode("person")


def joined(names: pd.Series) -> str:
    """Return corpora as a finding's `where`: each once, in alphabetical order, joined by " + "."""
    return " + ".join(sorted(set(names.dropna())))
