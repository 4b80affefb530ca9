"""Further training rows: vectors of altered copies of recordings (section `augmentation`).

A copy has the label, speaker and corpus of its recording. It belongs to a training only if every recording that it is
made from is a training row. Partners, for babble and copy-paste, are therefore taken from rows that no split separates
from the recording: those of the same corpus, part, fold and text side.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.dataset.manifest.schema import usable
from mer.features import audio, registry
from mer.features.audio.recordings import SILENCE
from mer.features.audio.recordings import keys as recording_keys
from mer.features.extractor import Resources
from mer.features.store import Store
from mer.media import augmentation
from mer.media import recordings as decoded
from mer.media.augmentation import Recipe
from mer.params.augmentation import Augmentation
from mer.params.features import Input
from mer.params.schema import Params

TOGETHER = ["corpus", "split", "fold", "text_side"]
"""The columns of the manifest in which rows agree that are in the same part of every cell."""


@dataclass(frozen=True)
class AugmentedRows:
    """Altered copies of the usable rows of a manifest.

    Attributes:
        sources: row numbers of the recordings that each copy is made from, the altered one first; the first one also
            fills the rest. int64 of shape (copies, most sources).
        keys: input -> the address of each copy's vector; of inputs that are not extracted from copies that of the
            altered row.
    """

    sources: np.ndarray = field(default_factory=lambda: np.zeros((0, 1), np.int64))
    keys: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


def plan(rows: pd.DataFrame, section: Augmentation, keys: Sequence[str | None]) -> list[Recipe]:
    """Return the copies of all rows that are training rows in some cell, row by row.

    Args:
        rows: usable rows of the manifest.
        section: the section `augmentation`.
        keys: the address of each row's recording; None for rows that are neither altered nor partners.
    """
    table = rows[[*TOGETHER, "speaker_id", "emotion"]].assign(key=pd.Series(keys, rows.index, object))
    trains = rows["fold"].notna() | (rows["split"] == "train")
    table = table[trains & table["key"].notna()].drop_duplicates("key")
    groups = table[TOGETHER].astype(object).where(table[TOGETHER].notna(), "").apply(tuple, axis=1)
    recipes = {}
    for _, together in table.groupby(groups, sort=False):
        voices = sorted(together["key"])
        for _, own in together.groupby(["speaker_id", "emotion"], sort=False):
            same = sorted(own["key"])
            for key in own["key"]:
                drawn = (augmentation.draw(section, key, v, same, voices) for v in range(section.variants))
                recipes[key] = list(filter(None, drawn))
    return [recipe for key in table["key"] for recipe in recipes[key]]


def augment(
    manifest: pd.DataFrame,
    raw: Path,
    folder: Path,
    params: Params,
    keys: Mapping[str, Sequence[str | None]],
    resources: Resources,
) -> AugmentedRows:
    """Make the copies of a study, and compute the vectors that the stores below `folder` lack.

    A recording that cannot be read has no copies, and is in no mixture.

    Args:
        manifest: all rows.
        raw: the folder that the manifest's paths are relative to.
        params: of the study; read are `features`, `data` and `augmentation`, without which there are no copies.
        keys: input -> the address of each usable row's vector, as from `vectors.keys`.
    """
    section, rows = params.augmentation, usable(manifest)
    inputs = {} if section is None else {name: params.features[name] for name in augmented_inputs(params)}
    if not inputs:
        return AugmentedRows()
    spec = decoded.spec(params.data.min_seconds, params.data.max_seconds)
    recordings = audio.decode(rows, raw, folder, spec, resources.jobs)
    own = recording_keys(rows)
    errors = recordings.errors(own)
    readable = [key if error is None and key != SILENCE else None for key, error in zip(own, errors, strict=True)]
    recipes = plan(rows, section, readable)
    make(recipes, recordings, resources.jobs)
    for one in inputs.values():
        store = Store(folder, audio.spec(one, params.data))
        compute_vectors(one, [recipe.address for recipe in recipes], recordings, store, resources)
    return _rows(recipes, readable, keys, set(inputs))


def augmented_inputs(params: Params) -> list[str]:
    """Return the names of the inputs that are extracted from copies."""
    named = params.augmentation.inputs
    return [n for n, one in params.features.items() if one.modality == "audio" and (not named or n in named)]


def sentence(rows: AugmentedRows, stores: Mapping[str, Store]) -> str:
    """Return how many copies there are, and how many of their vectors could not be computed.

    Args:
        rows: as from `augment`.
        stores: input -> its store.
    """
    errors = [error for name, store in stores.items() for error in store.errors(rows.keys[name]) if error]
    failed = f"; {len(errors):,} of their vectors could not be computed" if errors else ""
    recordings = len(np.unique(rows.sources[:, 0]))
    return f"{len(rows.sources):,} altered copies of {recordings:,} recordings are further training rows{failed}"


def content(rows: AugmentedRows) -> str:
    """Return a digest of the copies. Later steps detect changes by it."""
    return files.digest([rows.sources.tolist(), {name: list(keys) for name, keys in rows.keys.items()}])


def make(recipes: Sequence[Recipe], recordings: decoded.Recordings, jobs: int = 1) -> None:
    """Store the altered recordings that are not stored yet.

    Args:
        recipes: the alterations.
        recordings: the recordings and their partners, decoded; altered ones are added to them.
        jobs: number of threads.
    """
    by_address = {recipe.address: recipe for recipe in recipes}
    if not (missing := recordings.missing(list(by_address))):
        return
    keys = list(dict.fromkeys(key for address in missing for key in by_address[address].sources))
    clips, number = recordings.select(keys), {key: n for n, key in enumerate(keys)}
    longest = round(recordings.spec["max_seconds"] * recordings.spec["rate_hz"])

    def altered(address: str) -> np.ndarray:
        return augmentation.apply(by_address[address], lambda key: clips[number[key]], longest)

    recordings.decode(missing, altered, jobs)


def compute_vectors(
    one: Input, keys: Sequence[str], recordings: decoded.Recordings, store: Store, resources: Resources
) -> None:
    """Compute the vectors of decoded or altered recordings that a store lacks.

    Args:
        one: the input.
        keys: addresses of the recordings.
    """
    store.repair(keys)
    if store.missing(keys):
        extractor = registry.of_input(one)
        compute = extractor.open(extractor.stored(one) if extractor.stored else one, resources)
        audio.extract_decoded(keys, recordings, store, compute)


def _rows(
    recipes: Sequence[Recipe],
    own: Sequence[str | None],
    keys: Mapping[str, Sequence[str | None]],
    extracted: Collection[str],
) -> AugmentedRows:
    """The copies with the row numbers of their sources."""
    number: dict[str, int] = {}
    for row, key in enumerate(own):
        if key is not None:
            number.setdefault(key, row)
    lists = [[number[key] for key in recipe.sources] for recipe in recipes]
    most = max(map(len, lists), default=1)
    sources = np.array([[*rows, *[rows[0]] * (most - len(rows))] for rows in lists], np.int64).reshape(-1, most)
    addresses = [recipe.address for recipe in recipes]
    return AugmentedRows(sources, {
        name: addresses if name in extracted else [of_rows[row] for row in sources[:, 0]]
        for name, of_rows in keys.items()
    })  # fmt: skip
