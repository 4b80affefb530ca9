"""Near-duplicate recordings of a manifest, and the digests of its files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from mer import files, pools
from mer.dataset.audit.copies import altered_copies, exact_copies, fingerprints, spectral_sketches
from mer.dataset.audit.recording_paths import path_inside
from mer.media import audio

Result = TypeVar("Result")
Fingerprints = tuple[fingerprints.Fingerprint, spectral_sketches.Sketch]
"""The two descriptions by which a recording is compared."""
DOUBTFUL = 0.1
"""The share of differing bits above which speed and pitch are taken from sketches."""


@dataclass(frozen=True)
class NearDuplicates:
    """The near-duplicates among the recordings of a manifest.

    Attributes:
        pairs: columns first, second (row numbers), shift, seconds, errors, speed, pitch, as from
            `altered_copies.pairs`.
        unreadable: columns row, reason: recordings that could not be read.
    """

    pairs: pd.DataFrame
    unreadable: pd.DataFrame


def find_near_duplicates(manifest: pd.DataFrame, folder: Path, jobs: int = 1) -> NearDuplicates:
    """Read every row's recording and return which of them are copies of one another.

    Args:
        manifest: rows with source_path, relative to `folder`; start and end (seconds) select a segment of it. Rows that
            are not `audio_ok` are skipped: they have text only, or are known to be unreadable.
        folder: the folder of the recordings; no file outside it is read.
        jobs: the number of threads.
    """
    readable = manifest["audio_ok"].to_numpy(bool) if "audio_ok" in manifest else np.ones(len(manifest), bool)
    todo = np.flatnonzero(readable).tolist()
    own = manifest.iloc[todo].reindex(columns=["source_path", "start", "end"])
    segments = own.itertuples(index=False, name=None)
    results = dict(zip(todo, _parallel(partial(_fingerprints, folder), list(segments), jobs),
                       strict=True))  # fmt: skip
    rows = [row for row, result in results.items() if not isinstance(result, str)]
    pairs = match([results[row] for row in rows])
    numbers = pd.Series(rows, dtype="int64")
    pairs = pairs.assign(first=pairs["first"].map(numbers), second=pairs["second"].map(numbers))
    unreadable = pd.DataFrame(
        [(row, result) for row, result in results.items() if isinstance(result, str)], columns=["row", "reason"]
    )
    return NearDuplicates(pairs.astype({"first": "int64", "second": "int64"}), unreadable)


def match(recordings: Sequence[Fingerprints]) -> pd.DataFrame:
    """Return which recordings are copies of one another, by number, with the columns of `altered_copies.pairs`.

    Fingerprints find copies that were cut, padded, resampled, encoded or reversed, even if little is left of them.
    Sketches find copies that were altered in speed, pitch, room or background. If the fingerprints of a pair differ in
    more than `DOUBTFUL` of their bits, its speed and pitch are those of the sketches. Recordings of few bands, such as
    dialling tones and beeps, are never copies, because they are the same everywhere.
    """
    exact = exact_copies.pairs_with_reversed([prints for prints, _ in recordings]).assign(speed=1.0, pitch=1.0)
    broad = np.array([sketch.bands >= spectral_sketches.MIN_BANDWIDTH for _, sketch in recordings], bool)
    exact = exact[broad[exact["first"]] & broad[exact["second"]]]
    sure = exact[exact["errors"] <= DOUBTFUL]
    exact_pairs = set(zip(sure["first"].tolist(), sure["second"].tolist(), strict=True))
    altered = altered_copies.pairs([sketch for _, sketch in recordings], exact_pairs)
    table = pd.concat([pairs for pairs in (altered, exact) if len(pairs)] or [exact])
    table = table.drop_duplicates(["first", "second"]).sort_values(["first", "second"])
    return table.reset_index(drop=True)


def fingerprint_recording(samples: np.ndarray) -> Fingerprints:
    """Return the descriptions of one recording; samples (n,) at `fingerprints.RATE_HZ`."""
    return fingerprints.fingerprint(samples), spectral_sketches.sketch(samples)


def file_digests(paths: Sequence[str | None], folder: Path, jobs: int = 1) -> list[str | None]:
    """Return the SHA-256 of each file, None if it cannot be read."""
    return _parallel(partial(_file_digest, folder), paths, jobs)


def _parallel(work: Callable[..., Result], items: Sequence, jobs: int) -> list[Result]:
    return list(pools.ordered(pools.Work("the audit", work), items, jobs))


def _fingerprints(folder: Path, segment: tuple[object, object, object]) -> Fingerprints | str:
    """Return the descriptions of one segment (path, start, end), or the reason why it cannot be read."""
    path, start, end = segment
    edges = [None if pd.isna(edge) else float(edge) for edge in (start, end)]
    try:
        samples = audio.read_mono(path_inside(folder, path), start=edges[0], end=edges[1], rate_hz=fingerprints.RATE_HZ)
    except audio.Unreadable as error:
        return error.reason
    except OSError as error:
        return error.strerror or str(error)
    return fingerprint_recording(samples)


def _file_digest(folder: Path, path: object) -> str | None:
    try:
        return files.digest_file(path_inside(folder, path))
    except OSError:
        return None
