"""Copies among the rows of a manifest, and the table of near-duplicates that step 01 writes.

Rows with the same decoded samples are copies, whatever file the samples lie in
(mer/dataset/identity/recording_digests.py). Rows of two families that use the same file are copies as well, even if
they use different segments. Copies that differ in their samples are near-duplicates: the audit of step 01 finds them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

SAMPLES = "samples_sha256"
"""The column that identifies a recording."""
FILES = ("audio_sha256", "video_sha256")
"""The columns that identify files."""
SAME_AUDIO, SAME_FILE, NEAR_DUPLICATE = "same audio", "same file", "near-duplicate"
"""The beginnings of the kinds of findings that concern copies, as they stand in the manifest's column `breach`."""
ACROSS_FAMILIES = tuple(f"{kind} across families" for kind in (SAME_AUDIO, SAME_FILE, NEAR_DUPLICATE))
"""The kinds of findings that bar a corpus from being tested as unseen, unless the study accepts them."""
COLUMNS = [
    "first", "second", "first_corpus", "second_corpus", "first_family", "second_family", "across_families", "shift",
    "seconds", "errors",
]  # fmt: skip
NO_DUPLICATES = pd.DataFrame({"first": pd.Series(dtype="int64"), "second": pd.Series(dtype="int64")})
"""An empty table of near-duplicates, as from `load`."""


class OutdatedDuplicates(ValueError):
    """The table of near-duplicates belongs to another manifest."""


def table(usable: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return near-duplicates with the utterances' ids, for readers and for later steps.

    Args:
        usable: the usable rows of the manifest, numbered from 0.
        pairs: columns first, second (row numbers), shift and seconds (s), errors (share of bits).

    Returns:
        `COLUMNS`, with pairs across families first.
    """
    sides = {name: usable.iloc[pairs[name].to_numpy()].reset_index(drop=True) for name in ("first", "second")}
    duplicates = pairs.reset_index(drop=True)
    for name, rows in sides.items():
        duplicates = duplicates.assign(**{name: rows["utterance_id"], f"{name}_corpus": rows["corpus"]})
        duplicates = duplicates.assign(**{f"{name}_family": rows["family"]})
    duplicates["across_families"] = duplicates["first_family"] != duplicates["second_family"]
    duplicates = duplicates.reindex(columns=COLUMNS).sort_values("across_families", ascending=False, kind="stable")
    return duplicates.reset_index(drop=True)


def load(path: Path, usable: pd.DataFrame) -> pd.DataFrame:
    """Return the near-duplicates of a table as row numbers.

    Args:
        path: a CSV file with the columns of `table`.
        usable: the usable rows, numbered from 0.

    Returns:
        columns first and second.

    Raises:
        OutdatedDuplicates: the table names an utterance that is no usable row.
    """
    pairs = pd.read_csv(path, dtype=dict.fromkeys(("first", "second"), str), keep_default_na=False)
    number = pd.Series(range(len(usable)), usable["utterance_id"].astype(object), dtype="int64")
    for name in ("first", "second"):
        unknown = pairs.loc[~pairs[name].isin(number.index), name]
        if len(unknown):
            message = f"{path.name}: {unknown.iloc[0]!r} is no usable row of the manifest; run step 01 again"
            raise OutdatedDuplicates(message)
    return pd.DataFrame({name: number.loc[pairs[name]].to_numpy("int64") for name in ("first", "second")})


@dataclass(frozen=True)
class Recordings:
    """The numbers of each row's recording, files and family, by which copies are found.

    Attributes:
        recording: int (rows,), equal for rows with the same samples.
        files: int (rows,) each, the row's audio and video file; -1 without one.
        family: int (rows,).
        near_duplicates: int (n, 2), numbers of recordings that are nearly the same, in both directions.
        has_copy: bool (rows,), whether a row has any copy.
    """

    recording: np.ndarray
    files: tuple[np.ndarray, ...]
    family: np.ndarray
    near_duplicates: np.ndarray
    has_copy: np.ndarray


def recordings(manifest: pd.DataFrame, near: pd.DataFrame = NO_DUPLICATES) -> Recordings:
    """Return the recordings of a manifest.

    Args:
        manifest: usable rows, numbered from 0. Columns of digests may be missing; they then show no copies.
        near: near-duplicates as from `load`.
    """
    digests = pd.factorize(manifest[SAMPLES])[0] if SAMPLES in manifest else np.full(len(manifest), -1)
    recording = np.where(digests >= 0, digests, digests.max(initial=-1) + 1 + np.arange(len(manifest)))
    sides = recording[near[["first", "second"]].to_numpy("int64")]
    near_duplicates = np.unique(np.concatenate([sides, sides[:, ::-1]]), axis=0)
    paths = tuple(pd.factorize(manifest[name])[0] for name in FILES if name in manifest)
    family = pd.factorize(manifest["family"])[0]
    has_copy = (np.bincount(recording, minlength=1) > 1)[recording] | np.isin(recording, near_duplicates)
    for path in paths:
        used = np.unique(np.stack([path, family])[:, path >= 0], axis=1)[0]  # each file once for each family
        has_copy |= np.isin(path, used[1:][used[1:] == used[:-1]])
    return Recordings(recording, paths, family, near_duplicates, has_copy)


def copies(recordings: Recordings, rows: np.ndarray, among: np.ndarray) -> pd.DataFrame:
    """Return the rows that have a copy among other rows, with one copy each.

    Args:
        recordings: the recordings of the manifest.
        rows, among: disjoint row numbers of the manifest.

    Returns:
        columns row and copy (row numbers), one row per row with a copy, in the order of the manifest.
    """
    own_rows, other_rows = (
        pd.DataFrame({"at": side[recordings.has_copy[side]]}).drop_duplicates() for side in (rows, among)
    )
    matches = [_shared(own_rows, other_rows, recordings.recording), _near(own_rows, other_rows, recordings)]
    for path in recordings.files:
        matched = _shared(own_rows[path[own_rows["at"]] >= 0], other_rows, path, recordings.family)
        matches.append(matched[recordings.family[matched["row"]] != recordings.family[matched["copy"]]])
    return pd.concat(matches).drop_duplicates("row").sort_values("row").reset_index(drop=True)


def across_families(
    manifest: pd.DataFrame, corpora: Iterable[str], near: pd.DataFrame = NO_DUPLICATES
) -> dict[str, int]:
    """Return corpus -> number of rows with a copy in another family, for corpora with such rows.

    Args:
        manifest, near: as for `recordings`.
        corpora: the corpora that are compared with one another.
    """
    study_recordings, counts = recordings(manifest, near), {}
    selected = manifest["corpus"].isin(list(corpora)).to_numpy()
    for family in np.unique(study_recordings.family[selected]):
        in_family = selected & (study_recordings.family == family)
        matches = copies(study_recordings, np.flatnonzero(in_family), np.flatnonzero(selected & ~in_family))
        counts |= manifest["corpus"].iloc[matches["row"]].value_counts().to_dict()
    return {str(corpus): int(counts[corpus]) for corpus in sorted(counts)}


def _shared(
    own_rows: pd.DataFrame, other_rows: pd.DataFrame, key: np.ndarray, family: np.ndarray | None = None
) -> pd.DataFrame:
    """Return own and other rows with the same key, with one other row per key, or per key and family."""
    group = np.zeros(len(other_rows)) if family is None else family[other_rows["at"]]
    once = other_rows.assign(key=key[other_rows["at"]], group=group).drop_duplicates(["key", "group"])
    matched = own_rows.assign(key=key[own_rows["at"]]).merge(once, on="key", suffixes=("", "_other"))
    return matched.rename(columns={"at": "row", "at_other": "copy"})[["row", "copy"]]


def _near(own_rows: pd.DataFrame, other_rows: pd.DataFrame, recordings: Recordings) -> pd.DataFrame:
    """Return own and other rows whose recordings are near-duplicates."""
    left, right = (side.assign(key=recordings.recording[side["at"]]) for side in (own_rows, other_rows))
    links = pd.DataFrame(recordings.near_duplicates, columns=["key", "other"])
    matched = left.merge(links, on="key").merge(right.drop_duplicates("key"), left_on="other", right_on="key")
    return matched.rename(columns={"at_x": "row", "at_y": "copy"})[["row", "copy"]]
