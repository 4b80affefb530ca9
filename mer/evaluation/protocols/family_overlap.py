"""Keep speakers, recordings and long sentences that several corpora share in one part.

Each corpus is split by itself, so its parts do not depend on the other corpora. An actor may therefore be a validation
speaker of RAVDESS's speech and a training speaker of its songs, and a sentence of a test dialogue of MELD may be in the
training part of EmoryNLP. Rows that share something with a test part are removed from validation and training, and rows
that share something with a validation part are removed from training.
"""

import numpy as np
import pandas as pd

from mer.dataset.identity import sentences, speakers


def shared_items(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the items that several corpora share: one line per row and item, columns row, key, corpus, exclusive.

    An item is a recording or, within a family, a speaker or a sentence of five words or more that is spoken freely. An
    item is exclusive if it must be in one part only. Speakers are exclusive only if their own corpus is split by
    speaker. MELD is not: its six main speakers are in all parts.

    Args:
        manifest: usable rows, index 0..n-1.
    """
    others = pd.concat([_recordings(manifest), _sentences(manifest)], ignore_index=True).assign(exclusive=True)
    keys = pd.concat([_speakers(manifest), others], ignore_index=True).astype({"row": int, "exclusive": bool})
    keys["corpus"] = manifest["corpus"].to_numpy(object)[keys["row"]]
    return keys[keys.groupby("key")["corpus"].transform("nunique") > 1].reset_index(drop=True)


def remove_overlap(
    shared: pd.DataFrame, train: np.ndarray, validation: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training rows without items of validation and test rows, and the validation rows without test items.

    All test rows stay, because a published test part must be complete. Validation rows stay before training rows,
    because they are few.

    Args:
        shared: as from `shared_items`.
        train: row numbers.
        validation: row numbers.
        test: row numbers; empty if `cells.refuse_overlaps` checks the test rows.
    """
    tested = overlapping_rows(shared, test)
    train, validation = np.setdiff1d(train, tested), np.setdiff1d(validation, tested)
    return np.setdiff1d(train, overlapping_rows(shared, validation)), validation


def remove_shared_episodes(manifest: pd.DataFrame, rows: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the rows whose episode is in no test row; rows without an episode stay.

    Args:
        manifest: usable rows, index 0..n-1.
        rows, test: row numbers.
    """
    episode = manifest["episode"]
    tested = set(episode.iloc[test].dropna())
    return rows[~episode.iloc[rows].isin(tested).to_numpy(bool)]


def overlapping_rows(shared: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Return the numbers of rows that share an exclusive item with some rows of another corpus.

    Args:
        shared: as from `shared_items`.
        rows: row numbers.
    """
    of_rows = shared[shared["row"].isin(rows) & shared["exclusive"]]
    corpora = of_rows.groupby("key")["corpus"].agg(["nunique", "first"])
    with_same_item = shared.merge(corpora, left_on="key", right_index=True)
    is_other = (with_same_item["nunique"] > 1) | (with_same_item["first"] != with_same_item["corpus"])
    return with_same_item.loc[is_other, "row"].unique()


def _speakers(manifest: pd.DataFrame) -> pd.DataFrame:
    """Row and key of each speaker who may be in several corpora of a family, and whether the speaker is exclusive."""
    is_exclusive = {corpus: _is_split_by_speaker(rows) for corpus, rows in manifest.groupby("corpus")}
    matches = speakers.possible_matches(manifest)
    matches = matches[matches.groupby("key")["corpus"].transform("nunique") > 1]
    rows = manifest[["corpus", "speaker_id"]].astype(object).assign(row=np.arange(len(manifest)))
    keys = rows.merge(matches[["corpus", "speaker_id", "key"]], on=["corpus", "speaker_id"])
    return keys[["row", "key"]].assign(exclusive=keys["corpus"].map(is_exclusive))


def _is_split_by_speaker(rows: pd.DataFrame) -> bool:
    """Whether no speaker is in two parts of a corpus."""
    return bool(rows["fold"].notna().all() or rows.groupby("speaker_id")["split"].nunique().max() <= 1)


def _recordings(manifest: pd.DataFrame) -> pd.DataFrame:
    rows = manifest.reindex(columns=["samples_sha256", "audio_sha256", "start", "end"]).astype(object)
    edges = (rows["start"].map(str) + "|" + rows["end"].map(str)).astype(object)  # also of rows without audio
    key = rows["samples_sha256"].fillna("file|" + rows["audio_sha256"] + "|" + edges)
    return _numbered(key)


def _sentences(manifest: pd.DataFrame) -> pd.DataFrame:
    text = manifest["transcription"].where(manifest["lexical_control"] == "free").fillna("")
    sentence = text.map({text: sentences.normalised(text) for text in text.unique()}).astype(object)
    key = manifest["family"].astype(object) + "|" + sentence
    return _numbered(key.where(sentences.long_sentences(sentence)))


def _numbered(key: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"row": np.arange(len(key)), "key": key.to_numpy(object)}).dropna()
