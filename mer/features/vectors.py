"""The features of the rows of a manifest: their addresses, extraction and loading."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from mer import files, pools
from mer.dataset.manifest.schema import usable
from mer.features import audio, registry, remote, text, video
from mer.features.augmented import AugmentedRows
from mer.features.encoder_items import EncoderItems
from mer.features.extractor import Resources, Scaling
from mer.features.store import Store
from mer.media import recordings
from mer.params import schema
from mer.params.features import Input

SOURCES = "sources"
"""The column of `data/inputs.parquet` with the ids of the recordings that an altered copy is made from."""


@dataclass(frozen=True)
class Features:
    """Vectors of a manifest's rows, in its order.

    Attributes:
        arrays: input -> float32 of shape (rows, width). Arrays of a store are memory-mapped and read-only.
        present: input -> bool of shape (rows,); a row that is not present is zeros.
        extractors: input -> its extractor, which determines the scaling.
        layers: input -> the number of layers of an encoder in its vectors, if a network learns weights of layers.
        modalities: input -> its modality; optional for inputs that are named after one.
        frames: input -> the largest number of frames in its vectors, if a network pools them. Each has all layers, and
            the number of frames of the recording follows. Such arrays are float16.
        items: input -> what its encoder reads of each row, for inputs whose encoder is trained. Their arrays hold the
            vectors of the encoder before training.
        unscaled: the inputs that a training neither shifts nor scales.

    Raises:
        ValueError: an input's modality is missing.
    """

    arrays: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    extractors: dict[str, str] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    modalities: dict[str, str] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    items: dict[str, EncoderItems] = field(default_factory=dict)
    unscaled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        modalities = {name: self.modalities.get(name, name) for name in self.arrays}
        if unknown := [name for name, modality in modalities.items() if not registry.names(modality)]:
            raise ValueError(f"features: the modality of the input {unknown[0]!r} is missing or unknown")
        object.__setattr__(self, "modalities", modalities)

    def widths(self, inputs: Sequence[str]) -> dict[str, int]:
        """Return input -> width, in the order of `inputs`."""
        return {name: self.arrays[name].shape[1] for name in inputs}

    def vectors(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Return the vectors of some rows of an input, for tables and figures; of frames their mean.

        Returns:
            shape (len(rows), width).
        """
        values = self.arrays[name][rows]
        if name not in self.frames:
            return values
        counts, frames = values[:, -1:].astype(np.float32), values[:, :-1].reshape(len(values), self.frames[name], -1)
        return frames.sum(axis=1, dtype=np.float32) / np.maximum(counts, 1)

    def trained(self, inputs: Iterable[str]) -> tuple[str, ...]:
        """Return those of some inputs whose encoder is trained."""
        return tuple(name for name in inputs if name in self.items)

    def available(self, inputs: Sequence[str]) -> np.ndarray:
        """Return which rows have at least one of the inputs; shape (rows,)."""
        return np.any([self.present[name] for name in inputs], axis=0)

    def scaling(self, name: str) -> Scaling | Literal["none"]:
        """Return how the vectors of an input are scaled in training; `each` if its extractor is not given.

        Raises:
            ValueError: the extractor does not exist.
        """
        if name in self.unscaled:
            return "none"
        if name not in self.extractors:
            return "each"
        return registry.scaling(self.modalities[name], self.extractors[name])


def specs(inputs: Mapping[str, Input], data: schema.Data) -> dict[str, dict]:
    """Return input -> its modality and the specification of the store with its vectors.

    Args:
        inputs: the section `features`.
    """
    return {name: {"modality": one.modality, **_spec(one, data)} for name, one in inputs.items()}


def _spec(one: Input, data: schema.Data) -> dict:
    if one.modality == "text":
        return text.spec(one)
    return (audio if one.modality == "audio" else video).spec(one, data)


def keys(manifest: pd.DataFrame, inputs: Mapping[str, Input]) -> dict[str, list[str | None]]:
    """Return input -> the content address of each usable row; None if the row lacks the input.

    Args:
        manifest: all rows, because excluded turns are context of others.
        inputs: the section `features`.
    """
    used, rows = manifest["exclude_reason"].isna(), usable(manifest)
    functions = {
        "audio": lambda _: audio.keys(rows),
        "video": lambda _: video.keys(rows),
        "text": lambda one: list(itertools.compress(text.keys(manifest, one), used)),
    }
    return {name: functions[one.modality](one) for name, one in inputs.items()}


def extract(manifest: pd.DataFrame, raw: Path, folder: Path, inputs: Mapping[str, Input], data: schema.Data,
            resources: Resources) -> dict[str, Store]:  # fmt: skip
    """Compute the vectors that the stores below `folder` lack, and return the store of each input.

    Args:
        manifest: all rows; vectors are computed for usable ones.
        raw: the folder that the manifest's paths are relative to.
        inputs: the section `features`, or some of its inputs.

    Raises:
        RecordingChanged: a file has changed since the dataset was built.
    """
    stores = {name: Store(folder, spec) for name, spec in specs(inputs, data).items()}
    addresses = keys(manifest, inputs)
    if any(one.is_trained and one.modality == "audio" for one in inputs.values()):  # whatever vectors are stored
        spec = recordings.spec(data.min_seconds, data.max_seconds)
        if pools.on_cluster():
            remote.decode(usable(manifest), raw, folder, spec)
        audio.decode(usable(manifest), raw, folder, spec, resources.jobs)
    for same in _by_store(stores):
        one, store = inputs[same[0]], stores[same[0]]
        if pools.on_cluster():
            extraction = remote.Extraction(raw, folder, one, store.spec, data, resources.device)
            joint = (
                itertools.chain(*(addresses[name] for name in same)) if one.modality == "text" else addresses[same[0]]
            )
            remote.extract(extraction, usable(manifest), list(joint))
        extractor = registry.of_input(one)
        compute = extractor.open(extractor.stored(one) if extractor.stored else one, resources)
        if one.modality == "audio":
            audio.extract(usable(manifest), raw, store, compute, resources.jobs)
        elif one.modality == "video":
            faces = video.stored_faces(folder, one, data, resources)
            if any(inputs[name].is_trained for name in same):
                faces = video.stored_crops(folder, store.spec, faces)
            video.extract(usable(manifest), raw, store, compute, faces)
        else:  # texts of one store may differ by their context
            text.extract(list(dict.fromkeys(itertools.chain(*(addresses[name] for name in same)))), store, compute)
    return stores


def _by_store(stores: Mapping[str, Store]) -> list[list[str]]:
    """Group inputs that have the same extraction."""
    groups: dict[Path, list[str]] = {}
    for name, store in stores.items():
        groups.setdefault(store.folder, []).append(name)
    return list(groups.values())


def save_keys(
    path: Path,
    manifest: pd.DataFrame,
    keys: Mapping[str, Sequence[str | None]],
    augmented: AugmentedRows | None = None,
) -> None:
    """Write the addresses of the usable rows. Later steps read the vectors by these addresses.

    Args:
        keys: input -> the address of each usable row, as from `keys`.
        augmented: altered copies, which become further rows with the ids of their sources.
    """
    columns = {name: pd.Series(addresses, dtype="str") for name, addresses in keys.items()}
    table = pd.DataFrame({"utterance_id": usable(manifest)["utterance_id"], **columns})
    if augmented is not None and len(augmented.sources):
        ids = table["utterance_id"].to_numpy(object)[augmented.sources]
        more = {name: pd.Series(addresses, dtype="str") for name, addresses in augmented.keys.items()}
        copies = pd.DataFrame({"utterance_id": pd.Series(ids[:, 0], dtype="str"), **more, SOURCES: ids.tolist()})
        table = pd.concat([table, copies], ignore_index=True)
    with files.replacing(path) as partial:
        table.to_parquet(partial, index=False)


def read_keys(path: Path, utterance_ids: Iterable[str]) -> dict[str, list[str | None]]:
    """Return the addresses that `save_keys` wrote: input -> one for each usable row.

    Args:
        utterance_ids: the ids of the usable rows, in their order.

    Raises:
        ValueError: the file is about other utterances.
    """
    table = pd.read_parquet(path)
    if SOURCES in table:
        table = table[table.pop(SOURCES).isna()]
    if table.pop("utterance_id").tolist() != list(utterance_ids):
        raise ValueError(f"{files.to_root(path)}: is about other utterances than the manifest; run step 02 again")
    return _addresses(table)


def read_augmented(path: Path, utterance_ids: Iterable[str]) -> AugmentedRows:
    """Return the altered copies that `save_keys` wrote, if there are any.

    Args:
        utterance_ids: the ids of the usable rows, in their order.
    """
    table = pd.read_parquet(path)
    if SOURCES not in table:
        return AugmentedRows()
    table = table[table[SOURCES].notna()]
    number = {name: row for row, name in enumerate(utterance_ids)}
    sources = np.array([[number[name] for name in names] for names in table[SOURCES]], np.int64)
    return AugmentedRows(sources, _addresses(table.drop(columns=["utterance_id", SOURCES])))


def _addresses(table: pd.DataFrame) -> dict[str, list[str | None]]:
    return {str(name): [None if pd.isna(v) else v for v in addresses] for name, addresses in table.items()}


def load(keys: Mapping[str, Sequence[str | None]], folder: Path, specs: Mapping[str, dict]) -> Features:
    """Return the features of rows from the stores below `folder`.

    Args:
        keys: input -> the address of each row.
        specs: input -> modality and specification, as written by the step that extracted.

    Raises:
        ValueError: there are no addresses for an input.
    """
    if missing := [name for name in specs if name not in keys]:
        raise ValueError(f"there are no addresses of the input {missing[0]!r}, only of {', '.join(keys)}; run step 02 "
                         "again")  # fmt: skip
    loaded = {name: Store(folder, spec).load(keys[name], spec["width"]) for name, spec in specs.items()}
    extractors = {name: spec["extractor"] for name, spec in specs.items()}
    layers = {name: spec["layers"] for name, spec in specs.items() if "layers" in spec}
    frames = {name: spec["frames"] for name, spec in specs.items() if "frames" in spec}
    modalities = {name: spec.get("modality", name) for name, spec in specs.items()}
    arrays, present = ({name: pair[position] for name, pair in loaded.items()} for position in (0, 1))
    return Features(arrays, present, extractors, layers, modalities, frames)


def frame_sizes(keys: Mapping[str, Sequence[str | None]], specs: Mapping[str, dict]) -> list[str]:
    """Return a sentence per input that keeps frames, with the space that they take.

    Args:
        keys: input -> the address of each row.
        specs: input -> specification of its store.
    """
    return [
        f"`{name}` keeps the frames of {len(set(filter(None, keys[name]))):,} recordings: "
        f"{len(set(filter(None, keys[name]))) * spec['width'] * 2 / 2**20:,.0f} MiB in the store, and twice as much in "
        "memory in training"
        for name, spec in specs.items() if "frames" in spec
    ]  # fmt: skip


def failures(stores: Mapping[str, Store], keys: Mapping[str, Sequence[str | None]], usable: pd.DataFrame,
             inputs: Mapping[str, Input]) -> pd.DataFrame:  # fmt: skip
    """Return a row per utterance and input whose extraction has failed.

    Args:
        stores: input -> its store, as from `extract`.
        keys: input -> the address of each usable row, as from `keys`.
        usable: the usable rows of the manifest.
        inputs: the section `features`.

    Returns:
        columns utterance_id, source_path, input, modality, reason.
    """
    tables = [
        usable[["utterance_id", "source_path"]].assign(
            input=name, modality=inputs[name].modality, reason=pd.Series(store.errors(keys[name]), usable.index, "str")
        )
        for name, store in stores.items()
    ]
    return pd.concat(tables).dropna(subset="reason").reset_index(drop=True)


def dimension_names(one: Input, width: int) -> list[str]:
    """Return the name of each dimension of an input's vectors; its number if the extractor has no names."""
    names = registry.of_input(one).names
    return names(one) if names else [str(number) for number in range(width)]


def contents(features: Features, inputs: Mapping[str, Input]) -> dict[str, str]:
    """Return input -> a digest of its vectors and of which are present. Later steps detect changes by it.

    Args:
        inputs: the section `features`. The `lexical_control` of an input is part of its digest.
    """
    rules = {name: one.lexical_control if one.modality == "text" else () for name, one in inputs.items()}
    return {
        name: files.digest([digest_array(values), digest_array(features.present[name]), rules[name]])
        for name, values in features.arrays.items()
    }


def digest_array(values: np.ndarray) -> str:
    """Return the SHA-256 of an array's type, shape and bytes. Later steps detect changes by it."""
    content = hashlib.sha256(f"{values.dtype.str} {values.shape} ".encode())
    for first in range(0, len(values), 4096):  # memory-mapped values need not fit into memory
        content.update(np.ascontiguousarray(values[first : first + 4096]))
    return content.hexdigest()
