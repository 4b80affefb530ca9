"""Which rows of a manifest are copies of one another, and the table of near-duplicates that step 01 hands on.

A recording is its decoded samples; whatever file they lie in, the rows that have them are copies
(mer/dataset/identity/recording_digests.py). Rows of two families that name the same file are copies, too, whichever
stretch of it each means. Copies that differ in their samples are near-duplicates: step 01 finds them by ear
(`mer.dataset.audit.near_pairs`) and lists them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

SAMPLES = "samples_sha256"
FILES = ("audio_sha256", "video_sha256")
COLUMNS = [
    "first", "second", "first_corpus", "second_corpus", "first_family", "second_family", "across_families", "shift",
    "seconds", "errors",
]  # fmt: skip
NONE = pd.DataFrame({"first": pd.Series(dtype="int64"), "second": pd.Series(dtype="int64")})
"""near-duplicates, as `load` returns them, where there are none"""


class Outdated(ValueError):
    """The table of near-duplicates is not of this manifest."""


def table(usable: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return near-duplicates with the utterances' ids, for people and for the steps that train.

    Args:
        usable: the rows that were listened to, numbered from 0.
        pairs: as from `near_pairs`: first, second (row numbers), shift and seconds (s), errors (share of bits).

    Returns:
        `COLUMNS`, those across families first.
    """
    sides = {name: usable.iloc[pairs[name].to_numpy()].reset_index(drop=True) for name in ("first", "second")}
    found = pairs.reset_index(drop=True)
    for name, rows in sides.items():
        found = found.assign(**{name: rows["utterance_id"], f"{name}_corpus": rows["corpus"]})
        found = found.assign(**{f"{name}_family": rows["family"]})
    found["across_families"] = found["first_family"] != found["second_family"]
    found = found.reindex(columns=COLUMNS).sort_values("across_families", ascending=False, kind="stable")
    return found.reset_index(drop=True)


def load(path: Path, usable: pd.DataFrame) -> pd.DataFrame:
    """Return the near-duplicates of a table as row numbers.

    Args:
        path: CSV, as `table` has it.
        usable: the usable rows, numbered from 0.

    Returns:
        columns first and second.

    Raises:
        Outdated: it names an utterance that is no usable row.
    """
    listed = pd.read_csv(path, dtype=dict.fromkeys(("first", "second"), str), keep_default_na=False)
    number = pd.Series(range(len(usable)), usable["utterance_id"].astype(object), dtype="int64")
    for name in ("first", "second"):
        strange = listed.loc[~listed[name].isin(number.index), name]
        if len(strange):
            raise Outdated(f"{path.name}: {strange.iloc[0]!r} is no usable row of the manifest; run step 01 again")
    return pd.DataFrame({name: number.loc[listed[name]].to_numpy("int64") for name in ("first", "second")})


@dataclass(frozen=True)
class Recordings:
    """What says of rows that they are copies, as numbers: of each row's recording, files and family.

    Attributes:
        recording: (rows,), the same for rows with the same samples.
        files: (rows,) each, of the row's sound and film; -1 without one.
        family: (rows,)
        links: (n, 2), recordings that are nearly the same, both ways.
        suspects: bool (rows,), rows that have a copy anywhere.
    """

    recording: np.ndarray
    files: tuple[np.ndarray, ...]
    family: np.ndarray
    links: np.ndarray
    suspects: np.ndarray


def recordings(manifest: pd.DataFrame, near: pd.DataFrame = NONE) -> Recordings:
    """Look up a manifest's digests.

    Args:
        manifest: usable rows, numbered from 0; of the columns with digests, those that are missing say nothing.
        near: as from `load`.
    """
    known = pd.factorize(manifest[SAMPLES])[0] if SAMPLES in manifest else np.full(len(manifest), -1)
    recording = np.where(known >= 0, known, known.max(initial=-1) + 1 + np.arange(len(manifest)))
    sides = recording[near[["first", "second"]].to_numpy("int64")]
    links = np.unique(np.concatenate([sides, sides[:, ::-1]]), axis=0)
    paths = tuple(pd.factorize(manifest[name])[0] for name in FILES if name in manifest)
    family = pd.factorize(manifest["family"])[0]
    suspects = (np.bincount(recording, minlength=1) > 1)[recording] | np.isin(recording, links)
    for path in paths:
        there = np.unique(np.stack([path, family])[:, path >= 0], axis=1)[0]  # each file once for each family
        suspects |= np.isin(path, there[1:][there[1:] == there[:-1]])
    return Recordings(recording, paths, family, links, suspects)


def copies(known: Recordings, rows: np.ndarray, among: np.ndarray) -> pd.DataFrame:
    """Return which of some rows have a copy among others, and one of these copies each.

    Args:
        rows, among: row numbers of the manifest, none of them in both.

    Returns:
        columns row and copy (row numbers), a line per row that has a copy, in the order of the manifest.
    """
    mine, others = (pd.DataFrame({"at": side[known.suspects[side]]}).drop_duplicates() for side in (rows, among))
    found = [_meet(mine, others, known.recording), _near(mine, others, known)]
    for path in known.files:
        met = _meet(mine[path[mine["at"]] >= 0], others, path, known.family)
        found.append(met[known.family[met["row"]] != known.family[met["copy"]]])
    return pd.concat(found).drop_duplicates("row").sort_values("row").reset_index(drop=True)


def across_families(manifest: pd.DataFrame, corpora: Iterable[str], near: pd.DataFrame = NONE) -> dict[str, int]:
    """Return corpus -> how many of its rows have a copy in another family, for those of some corpora that have any.

    Args:
        manifest, near: as in `recordings`.
        corpora: those that count, on either side.
    """
    known, counts = recordings(manifest, near), {}
    chosen = manifest["corpus"].isin(list(corpora)).to_numpy()
    for family in np.unique(known.family[chosen]):
        inside = chosen & (known.family == family)
        found = copies(known, np.flatnonzero(inside), np.flatnonzero(chosen & ~inside))
        counts |= manifest["corpus"].iloc[found["row"]].value_counts().to_dict()
    return {str(corpus): int(counts[corpus]) for corpus in sorted(counts)}


def _meet(mine: pd.DataFrame, others: pd.DataFrame, key: np.ndarray, family: np.ndarray | None = None) -> pd.DataFrame:
    """Rows and others with the same key; of the others, one of each key, or of each key and family."""
    part = np.zeros(len(others)) if family is None else family[others["at"]]
    once = others.assign(key=key[others["at"]], part=part).drop_duplicates(["key", "part"])
    met = mine.assign(key=key[mine["at"]]).merge(once, on="key", suffixes=("", "_other"))
    return met.rename(columns={"at": "row", "at_other": "copy"})[["row", "copy"]]


def _near(mine: pd.DataFrame, others: pd.DataFrame, known: Recordings) -> pd.DataFrame:
    """The same by near-duplicates: a row's own or those of its exact copies."""
    left, right = (side.assign(key=known.recording[side["at"]]) for side in (mine, others))
    links = pd.DataFrame(known.links, columns=["key", "other"])
    met = left.merge(links, on="key").merge(right.drop_duplicates("key"), left_on="other", right_on="key")
    return met.rename(columns={"at_x": "row", "at_y": "copy"})[["row", "copy"]]
