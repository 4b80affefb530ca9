"""What is heard: extractors, and how a manifest's recordings get their vectors."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mer.features.audio import encoder, functionals, mfcc, opensmile
from mer.features.audio.extract import extract
from mer.features.audio.recordings import RecordingChanged, decode, keys
from mer.features.extractor import Extractor, one_by_one, specification
from mer.media import recordings
from mer.params.schema import AudioFeatures, Data

EXTRACTORS = {
    "mfcc": Extractor(
        version=mfcc.VERSION,
        describe=lambda section: {"n_mfcc": section.n_mfcc, "width": 2 * section.n_mfcc},
        open=one_by_one(lambda section: partial(mfcc.mfcc_statistics, n_mfcc=section.n_mfcc)),
        scaling="each",
        trained=False,
    ),
    "functionals": Extractor(
        version=functionals.VERSION,
        describe=lambda _: {"width": len(functionals.names())},
        open=one_by_one(lambda _: functionals.functionals),
        scaling="each",
        trained=False,
    ),
    **{
        name: Extractor(
            version=opensmile.VERSION,
            describe=lambda section: {"width": opensmile.SETS[section.extractor].width},
            open=one_by_one(lambda section: partial(opensmile.functionals, name=section.extractor)),
            scaling="each",
            trained=False,
        )
        for name in opensmile.SETS
    },
    "encoder": Extractor(
        version=encoder.VERSION, describe=encoder.describe, open=encoder.open_extractor, scaling="each", trained=True
    ),
}
"""samples, float32 of shape (n,) at 16 kHz, -> a vector"""

__all__ = ["EXTRACTORS", "RecordingChanged", "decode", "extract", "keys", "names", "spec", "waveform"]


def spec(section: AudioFeatures, data: Data) -> dict:
    """Return everything that determines an acoustic vector besides the recording."""
    samples = recordings.spec(data.min_seconds, data.max_seconds)
    return specification(section.extractor, EXTRACTORS[section.extractor], section, **samples)


def waveform(row: pd.DataFrame, raw: Path, folder: Path, data: Data) -> np.ndarray:
    """Return the samples of one recording as extractors get them: float32 of shape (n,) at 16 kHz.

    Args:
        row: one usable row of the manifest, as a table.
        raw: the folder that `source_path` is relative to.
        folder: the folder of all stores.

    Raises:
        RecordingChanged: the file has changed since the dataset was built.
        ValueError: the recording cannot be decoded.
    """
    decoded = decode(row, raw, folder, recordings.spec(data.min_seconds, data.max_seconds))
    return decoded.samples(keys(row)[0])


def names(section: AudioFeatures, width: int) -> list[str]:
    """Return what each dimension is; numbers where a network made it.

    >>> names(AudioFeatures(n_mfcc=2), 4)
    ['cepstrum 0 mean', 'cepstrum 1 mean', 'cepstrum 0 deviation', 'cepstrum 1 deviation']
    """
    if section.extractor == "mfcc":
        return [f"cepstrum {n} {what}" for what in ("mean", "deviation") for n in range(section.n_mfcc)]
    if section.extractor == "functionals":
        return functionals.names()
    return opensmile.names(section.extractor) if section.extractor in opensmile.SETS else [str(n) for n in range(width)]
