"""The features of a manifest's rows."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.dataset.manifest.schema import usable
from mer.features import audio, registry, text, video
from mer.features.extractor import Scaling, Where
from mer.features.store import Store
from mer.params import schema


@dataclass(frozen=True)
class Features:
    """Vectors of a manifest's rows, in its order.

    Attributes:
        arrays: modality -> float32 of shape (rows, width). From a store they are mapped: rows are read when they are
            asked for, and cannot be changed.
        present: modality -> bool of shape (rows,); an absent row is zeros.
        extractors: modality -> what the vectors are of, which says how they are scaled.
        layers: modality -> of how many layers of an encoder its vectors are made, where a network is to weigh them.
    """

    arrays: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    extractors: dict[str, str] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)

    def widths(self, modalities: Sequence[str]) -> dict[str, int]:
        """Return modality -> width for those asked for."""
        return {m: self.arrays[m].shape[1] for m in modalities}

    def available(self, modalities: Sequence[str]) -> np.ndarray:
        """Return which rows have at least one of the modalities; shape (rows,)."""
        return np.any([self.present[m] for m in modalities], axis=0)

    def scaling(self, modality: str) -> Scaling:
        """Return how vectors are scaled where a model is trained; those of no extractor each dimension by itself.

        Raises:
            ValueError: they are of an extractor that there is not.
        """
        return registry.scaling(modality, self.extractors[modality]) if modality in self.extractors else "each"


def specs(section: schema.Features, data: schema.Data) -> dict[str, dict]:
    """Return modality -> specification: which stores a study reads."""
    found = {"audio": audio.spec(section.acoustic, data), "text": text.spec(section.linguistic)}
    return found | ({"video": video.spec(section.visual, data)} if section.visual else {})


def keys(manifest: pd.DataFrame, section: schema.Features) -> dict[str, list[str | None]]:
    """Return modality -> the content address of each usable row's input; None where there is none to be used.

    Args:
        manifest: the whole one, as turns that are excluded are context all the same.
    """
    texts, used, rows = (
        text.keys(manifest, section.linguistic),
        manifest["exclude_reason"].isna(),
        usable(manifest),
    )
    found = {"audio": audio.keys(rows), "text": list(itertools.compress(texts, used))}
    return found | ({"video": video.keys(rows)} if section.visual else {})


def extract(manifest: pd.DataFrame, raw: Path, folder: Path, section: schema.Features, data: schema.Data, where: Where,
            modalities: Sequence[str] | None = None) -> dict[str, Store]:  # fmt: skip
    """Compute what the stores below `folder` lack, and return them by modality.

    Args:
        manifest: the whole one, of which the usable rows get vectors.
        raw: the folder that the manifest's paths are relative to.
        modalities: None for all that the section has.

    Raises:
        Changed: a recording is not the one that the manifest describes any more.
    """
    wanted = {m: spec for m, spec in specs(section, data).items() if modalities is None or m in modalities}
    stores = {m: Store(folder, spec) for m, spec in wanted.items()}
    sound, words, seen = section.acoustic, section.linguistic, section.visual
    if "audio" in stores:
        hear = audio.EXTRACTORS[sound.extractor].open(sound, where)
        audio.extract(usable(manifest), raw, stores["audio"], hear, where.jobs)
    if "text" in stores:
        texts = keys(manifest, section)["text"]
        text.extract(texts, stores["text"], text.EXTRACTORS[words.extractor].open(words, where))
    if "video" in stores:
        video.extract(usable(manifest), raw, stores["video"], video.EXTRACTORS[seen.extractor].open(seen, where))
    return stores


def save_keys(path: Path, manifest: pd.DataFrame, wanted: Mapping[str, Sequence[str | None]]) -> None:
    """Write the addresses of the usable rows: later steps read these vectors, and do not work out which they are."""
    columns = {m: pd.Series(addresses, dtype="str") for m, addresses in wanted.items()}
    with files.replacing(path) as partial:
        pd.DataFrame({"utterance_id": usable(manifest)["utterance_id"], **columns}).to_parquet(partial, index=False)


def read_keys(path: Path, utterance_ids: Iterable[str]) -> dict[str, list[str | None]]:
    """Return what `keys` returned when the features were extracted.

    Args:
        utterance_ids: of the usable rows.

    Raises:
        ValueError: the file is of other utterances.
    """
    table = pd.read_parquet(path)
    if table.pop("utterance_id").tolist() != list(utterance_ids):
        raise ValueError(f"{files.to_root(path)}: of other utterances than the manifest: run step 02 again")
    return {str(m): [None if pd.isna(v) else v for v in addresses] for m, addresses in table.items()}


def load(wanted: Mapping[str, Sequence[str | None]], folder: Path, specs: dict[str, dict]) -> Features:
    """Return the features of rows from the stores below `folder`.

    Args:
        wanted: what `keys` returned: modality -> the address of each row's input.
        specs: modality -> specification, as written by the step that extracted.
    """
    loaded = {m: Store(folder, spec).load(wanted[m], spec["width"]) for m, spec in specs.items()}
    extractors = {m: spec["extractor"] for m, spec in specs.items()}
    layers = {m: spec["layers"] for m, spec in specs.items() if "layers" in spec}
    vectors, present = ({m: found[part] for m, found in loaded.items()} for part in (0, 1))
    return Features(vectors, present, extractors, layers)


def digest_array(values: np.ndarray) -> str:
    """Return the SHA-256 of an array's type, shape and bytes, by which a later step sees that its input changed."""
    content = hashlib.sha256(f"{values.dtype.str} {values.shape} ".encode())
    for first in range(0, len(values), 4096):  # mapped values need not be in memory at once
        content.update(np.ascontiguousarray(values[first : first + 4096]))
    return content.hexdigest()
