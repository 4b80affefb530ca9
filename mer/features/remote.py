"""Extraction by the workers of a dask cluster: each extracts a part of the rows into the same stores.

A worker runs the code of a local extraction for its part. Afterwards the caller does, too, and finds nothing missing. A
part is what one batch of a local extraction would be, because vectors of networks depend on their batch in the rounding
of sums. So the vectors are the same bits as without a cluster.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mer import pools
from mer.features import audio, registry, text, video
from mer.features.audio.extract import BATCH_SECONDS, recording_spec
from mer.features.computation import save_batches
from mer.features.extractor import Resources, VectorFunction
from mer.features.store import Store
from mer.features.video.extract import SHARD
from mer.media.recordings import Recordings
from mer.params.features import Input
from mer.params.schema import Data

DECODED_ROWS = 128
"""The number of recordings that a worker decodes at a time."""
HANDMADE_ROWS = 256
"""The largest part of an extractor without a network, whose vectors do not depend on their batch at all."""


@dataclass(frozen=True)
class Extraction:
    """The extraction of one input.

    Attributes:
        raw: the folder that the manifest's paths are relative to.
        folder: the folder of all stores.
        section: the parameters of the input.
        spec: the specification of its store.
        data: the shortest and the longest utterance.
        device: the device of networks.
    """

    raw: Path
    folder: Path
    section: Input
    spec: dict
    data: Data
    device: str


def decode(manifest: pd.DataFrame, raw: Path, folder: Path, spec: dict) -> Recordings:
    """Let the workers decode the recordings that are not decoded yet; return all recordings.

    Args:
        manifest: usable rows.
        raw: the folder that `source_path` is relative to.
        spec: as from `mer.media.recordings.spec`.
    """
    decoded, addresses = Recordings(folder, spec), audio.keys(manifest)
    decoded.repair([key for key in addresses if key])
    missing = decoded.missing([key for key in addresses if key])
    batches = [missing[first : first + DECODED_ROWS] for first in range(0, len(missing), DECODED_ROWS)]
    work = pools.Work("decoding", partial(_decode_part, raw, folder, spec))
    _run(work, "decode", _parts(manifest, addresses, batches))
    return Recordings(folder, spec)


def extract(extraction: Extraction, manifest: pd.DataFrame, addresses: Sequence[str | None]) -> None:
    """Let the workers compute the vectors of one input that its store lacks.

    Args:
        manifest: usable rows.
        addresses: the content address of each row; of texts, those of all inputs with the same store.
    """
    one, store = extraction.section, Store(extraction.folder, extraction.spec)
    keys = [key for key in addresses if key]
    store.repair(keys)
    missing = store.missing(keys)
    sizes, most = np.zeros(len(missing)), 0
    if one.modality == "audio":
        rows = manifest[pd.Series(addresses, manifest.index, dtype="object").isin(missing)]
        decoded = decode(rows, extraction.raw, extraction.folder, recording_spec(store))
        sizes, most = decoded.lengths(missing), BATCH_SECONDS * store.spec["rate_hz"]
    elif one.modality == "video":
        sizes, most = np.ones(len(missing)), SHARD
    trained = registry.of_input(one).trained
    batches = list(save_batches(missing, sizes, most, store.shard if trained else HANDMADE_ROWS))
    parts = batches if one.modality == "text" else _parts(manifest, addresses, batches)
    _run(pools.Work("the extraction", _extract_part, _open, (extraction,), extraction.device), one.modality, parts)


def _parts(manifest: pd.DataFrame, addresses: Sequence[str | None], batches: Sequence[list[str]]) -> list[pd.DataFrame]:
    """Return the rows of each batch of addresses."""
    number = {key: n for n, batch in enumerate(batches) for key in batch}
    of_rows = pd.Series([number.get(key, -1) for key in addresses], manifest.index)
    return [manifest[of_rows == n] for n in range(len(batches))]


def _run(work: pools.Work, description: str, parts: Sequence[Sequence]) -> None:
    """Let the workers compute parts, with a progress bar of their rows."""
    total = sum(map(len, parts))
    with tqdm(total=total, desc=description, unit="utt", disable=not parts, mininterval=1.0) as bar:
        for number, _ in pools.completed(work, parts, 1) if parts else ():
            bar.update(len(parts[number]))


_opened: dict[str, tuple[Extraction, VectorFunction]] = {}
"""The extraction of this worker process, with its network loaded."""


def _open(extraction: Extraction) -> None:
    extractor, one = registry.of_input(extraction.section), extraction.section
    resources = Resources(extraction.device, 1)
    compute: Callable = extractor.open(extractor.stored(one) if extractor.stored else one, resources)
    _opened["now"] = extraction, compute


def _extract_part(part: pd.DataFrame | list[str]) -> None:
    """Extract the rows of a part, or its texts, in a worker."""
    extraction, compute = _opened["now"]
    store = Store(extraction.folder, extraction.spec)
    if extraction.section.modality == "text":
        text.extract(part, store, compute)
    elif extraction.section.modality == "audio":
        audio.extract(part, extraction.raw, store, compute, 1)
    else:
        faces = video.stored_faces(extraction.folder, extraction.section, extraction.data, Resources())
        video.extract(part, extraction.raw, store, compute, faces)


def _decode_part(raw: Path, folder: Path, spec: Mapping, part: pd.DataFrame) -> None:
    audio.decode(part, raw, folder, dict(spec), 1)
