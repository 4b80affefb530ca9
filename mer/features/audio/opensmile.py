"""Hand-crafted feature sets of openSMILE, for comparison.

openSMILE is free for research only. It is therefore an extra, and nothing else depends on it.
"""

import threading
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from mer.features.extractor import Extractor, one_by_one
from mer.files import MissingPackage

VERSION = 1
MIN_SAMPLES = 960
"""The length to which shorter recordings are padded, in samples: 60 ms, the longest frame of openSMILE."""
_lock = threading.Lock()
"""A lock around openSMILE's objects, which threads share and whose safety for threads is not documented."""


@dataclass(frozen=True)
class FeatureSet:
    """A set of functionals: its name in openSMILE, and the number of its features."""

    name: str
    width: int


SETS = {
    "gemaps": FeatureSet("GeMAPSv01b", 62),  # Eyben et al. 2016
    "egemaps": FeatureSet("eGeMAPSv02", 88),  # the same, extended by cepstra and spectral flux
    "compare": FeatureSet("ComParE_2016", 6373),  # Schuller et al. 2016
    "emobase": FeatureSet("emobase", 988),
}


def functionals(samples: np.ndarray, name: str, rate_hz: int = 16_000) -> np.ndarray:
    """Return the functionals of one set.

    Recordings shorter than 60 ms are padded with zeros at the end. Samples are clipped to [-1, 1), because openSMILE
    converts them to 16-bit integers, in which 1.0 would become -1.0.

    Args:
        samples: shape (n,), n >= 1.
        name: a key of `SETS`.
        rate_hz: sampling rate, in Hz.

    Returns:
        shape (width,), float32, finite.

    Raises:
        MissingPackage: the package opensmile is missing.
    """
    clipped = np.clip(samples, -1.0, 1.0 - 2.0**-15).astype(np.float32)
    padded = np.pad(clipped, (0, max(0, MIN_SAMPLES - len(clipped))))
    with _lock:
        return _smile(name)(padded, rate_hz)[0, :, 0].astype(np.float32)


def names(name: str) -> list[str]:
    """Return openSMILE's names of the dimensions of a set."""
    return list(_smile(name).feature_names)


def extractor(name: str) -> Extractor:
    """Return the extractor of one set."""
    return Extractor(
        version=VERSION,
        describe=lambda _: {"width": SETS[name].width},
        open=one_by_one(lambda _: partial(functionals, name=name)),
        scaling="each",
        trained=False,
        names=lambda _: names(name),
    )


@lru_cache
def _smile(name: str):
    try:
        import opensmile
    except ImportError:
        raise MissingPackage(
            f"the extractor {name} needs the package opensmile (free for research only): "
            'pip install -c constraints.txt -e ".[opensmile]", or choose functionals'
        ) from None
    return opensmile.Smile(opensmile.FeatureSet[SETS[name].name], opensmile.FeatureLevel.Functionals)
