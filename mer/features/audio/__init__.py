"""Audio features: the extraction of a manifest's recordings, and one module per extractor."""

from pathlib import Path

import numpy as np
import pandas as pd

from mer.features import registry
from mer.features.audio.extract import extract, extract_decoded
from mer.features.audio.recordings import RecordingChanged, decode, keys
from mer.features.extractor import specification
from mer.media import recordings
from mer.params.schema import AudioFeatures, Data

__all__ = ["RecordingChanged", "decode", "extract", "extract_decoded", "keys", "spec", "waveform"]


def spec(section: AudioFeatures, data: Data) -> dict:
    """Return everything besides the recording that determines its vector."""
    samples = recordings.spec(data.min_seconds, data.max_seconds)
    return specification(section.extractor, registry.of_input(section), section, **samples)


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
