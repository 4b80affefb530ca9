"""The features of a manifest's rows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mer.features import acoustic, linguistic, visual
from mer.features.extractor import Where
from mer.features.store import Store
from mer.params import schema


@dataclass(frozen=True)
class Features:
    """Vectors of a manifest's rows, in its order.

    Attributes:
        arrays: modality -> float32 of shape (rows, width).
        present: modality -> bool of shape (rows,); an absent row is zeros.
    """

    arrays: dict[str, np.ndarray]
    present: dict[str, np.ndarray]

    def widths(self, modalities: Sequence[str]) -> dict[str, int]:
        """Return modality -> width for those asked for."""
        return {m: self.arrays[m].shape[1] for m in modalities}

    def available(self, modalities: Sequence[str]) -> np.ndarray:
        """Return which rows have at least one of the modalities; shape (rows,)."""
        return np.any([self.present[m] for m in modalities], axis=0)


def specs(section: schema.Features, data: schema.Data) -> dict[str, dict]:
    """Return modality -> specification: which stores a study reads."""
    found = {"audio": acoustic.spec(section.acoustic, data), "text": linguistic.spec(section.linguistic)}
    return found | ({"video": visual.spec(section.visual, data)} if section.visual else {})


def keys(manifest: pd.DataFrame, section: schema.Features) -> dict[str, list[str | None]]:
    """Return modality -> the content address of each row's input; None where there is none or it may not be used."""
    found = {"audio": acoustic.keys(manifest), "text": linguistic.keys(manifest, section.linguistic)}
    return found | ({"video": visual.keys(manifest)} if section.visual else {})


def extract(
    manifest: pd.DataFrame, raw: Path, folder: Path, section: schema.Features, data: schema.Data, where: Where
) -> dict[str, Store]:
    """Compute what the stores below `folder` lack, and return them by modality.

    Args:
        manifest: usable rows.
        raw: the folder that the manifest's paths are relative to.

    Raises:
        Changed: a recording is not the one that the manifest describes any more.
    """
    stores = {m: Store(folder, spec) for m, spec in specs(section, data).items()}
    sound, words = section.acoustic, section.linguistic
    acoustic.extract(manifest, raw, stores["audio"], acoustic.EXTRACTORS[sound.extractor].open(sound, where))
    texts = linguistic.keys(manifest, words)
    linguistic.extract(texts, stores["text"], linguistic.EXTRACTORS[words.extractor].open(words, where))
    if seen := section.visual:
        visual.extract(manifest, raw, stores["video"], visual.EXTRACTORS[seen.extractor].open(seen, where))
    return stores


def load(manifest: pd.DataFrame, folder: Path, specs: dict[str, dict], section: schema.Features) -> Features:
    """Return the features of a manifest's rows from the stores below `folder`.

    Args:
        specs: modality -> specification, as written by the step that extracted.
    """
    wanted = keys(manifest, section)
    loaded = {m: Store(folder, spec).load(wanted[m], spec["width"]) for m, spec in specs.items()}
    return Features({m: v for m, (v, _) in loaded.items()}, {m: p for m, (_, p) in loaded.items()})


def digest_array(values: np.ndarray) -> str:
    """Return the SHA-256 of an array's bytes, by which a later step sees that its input changed."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def principal_plane(vectors: np.ndarray) -> np.ndarray:
    """Return standardised vectors on their first two principal components; shape (n, 2)."""
    if len(vectors) < 3:
        return np.zeros((len(vectors), 2))
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    return PCA(2, random_state=0).fit_transform(StandardScaler().fit_transform(vectors))
