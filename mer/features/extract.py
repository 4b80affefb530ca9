"""What a model sees: one vector per utterance and modality, computed once."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mer import files
from mer.features import egemaps, functionals, hashing, mfcc
from mer.features.store import Store
from mer.media import audio

SHARD = 2048
SILENCE = "silence"
"""the address of what stands for recordings that cannot be read"""


class Changed(ValueError):
    """A recording is not the one that the manifest describes any more."""


@dataclass(frozen=True)
class Extractor:
    """One way from samples to a vector.

    Attributes:
        vector: samples and a specification -> float32 of shape (width,).
        version: a new number for new values.
        width: the parameters below -> dimensions.
        parameters: which of `features.acoustic` it takes.
    """

    vector: Callable[[np.ndarray, dict], np.ndarray]
    version: int
    width: Callable[[dict], int]
    parameters: tuple[str, ...] = ()


ACOUSTIC = {
    "mfcc": Extractor(
        lambda samples, spec: mfcc.mfcc_statistics(samples, spec["n_mfcc"], spec["rate_hz"]),
        mfcc.VERSION,
        lambda parameters: 2 * parameters["n_mfcc"],
        ("n_mfcc",),
    ),
    "functionals": Extractor(
        lambda samples, _: functionals.functionals(samples), functionals.VERSION, lambda _: len(functionals.names())
    ),
    "egemaps": Extractor(
        lambda samples, spec: egemaps.egemaps(samples, spec["rate_hz"]), egemaps.VERSION, lambda _: egemaps.WIDTH
    ),
}


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


def acoustic_spec(*, extractor: str, min_seconds: float, max_seconds: float, **parameters: int) -> dict:
    """Return everything that determines an acoustic vector besides the recording.

    Args:
        parameters: the others of `features.acoustic`; those that this extractor does not take change nothing.
    """
    chosen = ACOUSTIC[extractor]
    return {"extractor": extractor, "version": chosen.version, "width": chosen.width(parameters),
            "rate_hz": audio.RATE_HZ, "min_seconds": min_seconds, "max_seconds": max_seconds,
            **{name: parameters[name] for name in chosen.parameters}}  # fmt: skip


def linguistic_spec(*, extractor: str, dimensions: int) -> dict:
    """Return everything that determines a linguistic vector besides the text."""
    return {"extractor": extractor, "version": hashing.VERSION, "width": dimensions}


def audio_keys(manifest: pd.DataFrame) -> list[str | None]:
    """Return the content address of each row's recording; None without one.

    A recording that could not be read has a duration only where the study puts silence in its place.
    """
    stretch = manifest["start"].astype(str) + ":" + manifest["end"].astype(str)
    silent = ~manifest["audio_ok"] & manifest["duration"].notna()
    return [
        SILENCE if quiet else f"{sha}:{part}" if pd.notna(sha) else None
        for sha, part, quiet in zip(manifest["audio_sha256"], stretch, silent, strict=True)
    ]


def text_keys(manifest: pd.DataFrame, lexical_control: Sequence[str]) -> list[str | None]:
    """Return each row's text where its corpus's kind of text may be used; None elsewhere."""
    allowed = manifest["lexical_control"].isin(list(lexical_control)) & manifest["transcription"].fillna(
        ""
    ).str.strip().ne("")
    return [text if use else None for text, use in zip(manifest["transcription"], allowed, strict=True)]


def extract_audio(manifest: pd.DataFrame, raw: Path, store: Store, jobs: int = 1) -> None:
    """Compute what the store lacks; a recording that cannot be read is recorded with its reason.

    Args:
        manifest: usable rows.
        raw: the folder that `source_path` is relative to.

    Raises:
        Changed: a file has another content than when the dataset was built. Its vector would be kept, and given to
            every study, as that of the earlier content.
    """
    keys = audio_keys(manifest)
    places = dict(zip(keys, manifest[["source_path", "start", "end"]].itertuples(index=False), strict=True))
    spec, vector = store.spec, ACOUSTIC[store.spec["extractor"]].vector
    digest = functools.cache(files.digest_file)  # a file may hold many utterances

    def one(key: str) -> tuple[np.ndarray | None, str | None]:
        if key == SILENCE:
            silence = np.zeros(round(audio.SILENCE_SECONDS * spec["rate_hz"]), np.float32)
            return vector(silence, spec), None
        path, start, end = (None if pd.isna(v) else v for v in places[key])
        try:
            if digest(raw / path) != key.partition(":")[0]:
                raise Changed(f"{path}: changed after the dataset was built: run step 01 again")
        except FileNotFoundError:
            raise FileNotFoundError(f"{raw / path}: the recording is not there any more") from None
        try:
            samples = audio.read_mono(raw / path, start=start, end=end, min_seconds=spec["min_seconds"],
                                      max_seconds=spec["max_seconds"], rate_hz=spec["rate_hz"])  # fmt: skip
        except audio.Unreadable as error:  # a missing file is no property of its content: that error goes up
            return None, error.reason
        return vector(samples, spec), None

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        _fill(store, [k for k in keys if k], lambda part: list(pool.map(one, part)), "audio")


def extract_text(texts: Sequence[str | None], store: Store) -> None:
    """Compute what the store lacks; a text without words is recorded as such."""

    def many(part: list[str]) -> list[tuple[np.ndarray | None, str | None]]:
        vectors = hashing.hashed_words(part, store.spec["width"])
        return [(v, None) if v.any() else (None, "no words in the text") for v in vectors]

    _fill(store, [text for text in texts if text], many, "text")


def _fill(store: Store, keys: list[str], compute: Callable[[list[str]], list[tuple]], what: str) -> None:
    todo = store.missing(keys)
    with tqdm(total=len(todo), desc=what, unit="utt", disable=not todo, mininterval=1.0) as bar:
        for first in range(0, len(todo), SHARD):
            part = todo[first : first + SHARD]
            results = compute(part)
            store.add(part, [vector for vector, _ in results], [error for _, error in results])
            bar.update(len(part))


def load(manifest: pd.DataFrame, folder: Path, specs: dict[str, dict], lexical_control: Sequence[str]) -> Features:
    """Return the features of a manifest's rows from the stores below `folder`.

    Args:
        specs: modality -> specification, as written by the step that extracted.
    """
    keys = {"audio": lambda: audio_keys(manifest), "text": lambda: text_keys(manifest, lexical_control)}
    loaded = {m: Store(folder, spec).load(keys[m](), spec["width"]) for m, spec in specs.items()}
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
