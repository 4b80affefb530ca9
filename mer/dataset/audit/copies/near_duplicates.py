"""Recordings of a manifest, read once: their digests, and which of them are nearly the same."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from mer import files
from mer.dataset.audit.copies import altered_copies, exact_copies, fingerprints, spectral_sketches
from mer.media import audio

Result = TypeVar("Result")
Heard = tuple[fingerprints.Fingerprint, spectral_sketches.Sketch]
DOUBTFUL = 0.1
"""share of differing bits"""


@dataclass(frozen=True)
class Near:
    """What listening found.

    Attributes:
        pairs: columns first, second (row numbers), shift, seconds, errors, speed, pitch, as `altered.pairs` has them.
        unheard: columns row, reason: recordings that could not be read.
    """

    pairs: pd.DataFrame
    unheard: pd.DataFrame


def near_pairs(manifest: pd.DataFrame, folder: Path, jobs: int = 1) -> Near:
    """Listen to every row's recording, and return which are copies of one another.

    Args:
        manifest: rows with source_path, relative to `folder`; where start and end are given, that stretch counts. Rows
            that are not `audio_ok` are passed over: they are words only, or known to be unreadable.
        folder: nothing outside it is read.
        jobs: threads.
    """
    there = manifest["audio_ok"].to_numpy(bool) if "audio_ok" in manifest else np.ones(len(manifest), bool)
    todo = np.flatnonzero(there).tolist()
    stretches = manifest.iloc[todo].reindex(columns=["source_path", "start", "end"]).itertuples(index=False)
    heard = dict(zip(todo, _each(lambda stretch: _hear(folder, *stretch), list(stretches), jobs), strict=True))
    rows = [row for row, one in heard.items() if not isinstance(one, str)]
    pairs = same([heard[row] for row in rows])
    numbers = pd.Series(rows, dtype="int64")
    pairs = pairs.assign(first=pairs["first"].map(numbers), second=pairs["second"].map(numbers))
    unheard = [(row, one) for row, one in heard.items() if isinstance(one, str)]
    return Near(pairs.astype({"first": "int64", "second": "int64"}), pd.DataFrame(unheard, columns=["row", "reason"]))


def same(heard: Sequence[Heard]) -> pd.DataFrame:
    """Return which recordings are copies of one another, by number, with the columns of `altered.pairs`.

    What was cut, padded, resampled, encoded or turned round is found by fingerprints, however little is left of it.
    What was altered in speed, pitch, room or background is found by sketches, which have the last word on speed and
    pitch where fingerprints differ in more than `DOUBTFUL` of their bits. Dialling tones and beeps, the same
    everywhere, are nobody's copies.
    """
    exact = exact_copies.pairs_either_way([prints for prints, _ in heard]).assign(speed=1.0, pitch=1.0)
    broad = np.array([one.bands >= spectral_sketches.BROAD for _, one in heard], bool)
    exact = exact[broad[exact["first"]] & broad[exact["second"]]]
    sure = exact[exact["errors"] <= DOUBTFUL]
    known = set(zip(sure["first"].tolist(), sure["second"].tolist(), strict=True))
    more = altered_copies.pairs([one for _, one in heard], known)
    table = pd.concat([part for part in (more, exact) if len(part)] or [exact])
    table = table.drop_duplicates(["first", "second"]).sort_values(["first", "second"])
    return table.reset_index(drop=True)


def digests(paths: Sequence[str | None], folder: Path, jobs: int = 1) -> list[str | None]:
    """Return each recording's SHA-256, None where it cannot be read."""
    return _each(lambda path: _digest(folder, path), paths, jobs)


def _each(work: Callable[..., Result], items: Sequence, jobs: int) -> list[Result]:
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        return list(pool.map(work, items))


def place_of(folder: Path, path: object) -> Path:
    """Return where a recording lies.

    Raises:
        OSError: nowhere below the folder.
    """
    if not isinstance(path, str) or "\0" in path:
        raise OSError("the table names no recording")
    place = folder / path  # links are followed: people keep corpora elsewhere and link them
    if ".." in place.parts[len(folder.parts) :] or not place.is_relative_to(folder):
        raise OSError("lies outside the folder of the recordings")
    if not place.is_file():
        raise OSError("is not there")
    return place


def hear(samples: np.ndarray) -> Heard:
    """Return what is compared of one recording; samples (n,) at `fingerprints.RATE_HZ`."""
    return fingerprints.fingerprint(samples), spectral_sketches.sketch(samples)


def _hear(folder: Path, path: object, start: object, end: object) -> Heard | str:
    edges = [None if pd.isna(edge) else float(edge) for edge in (start, end)]
    try:
        samples = audio.read_mono(place_of(folder, path), start=edges[0], end=edges[1], rate_hz=fingerprints.RATE_HZ)
    except audio.Unreadable as error:
        return error.reason
    except OSError as error:
        return error.strerror or str(error)
    return hear(samples)


def _digest(folder: Path, path: object) -> str | None:
    try:
        return files.digest_file(place_of(folder, path))
    except OSError:
        return None
