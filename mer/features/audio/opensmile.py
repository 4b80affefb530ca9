"""Hand-made sets of features through openSMILE, for comparison.

openSMILE is free for research only, so it is an extra and nothing else depends on it.
"""

import threading
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from mer.features.extractor import Extractor, one_by_one
from mer.files import MissingPackage

VERSION = 1
SHORTEST = 960
"""samples: openSMILE's longest frame, of 60 ms; what is shorter gives it no frame at all"""
_one_at_a_time = threading.Lock()
"""openSMILE's objects are shared between threads, and it does not say that they may be"""


@dataclass(frozen=True)
class Set:
    """A set of functionals: openSMILE's name of it, and how many there are."""

    name: str
    width: int


SETS = {
    "gemaps": Set("GeMAPSv01b", 62),  # Eyben et al. 2016
    "egemaps": Set("eGeMAPSv02", 88),  # the same, extended by cepstra and spectral flux
    "compare": Set("ComParE_2016", 6373),  # Schuller et al. 2016
    "emobase": Set("emobase", 988),
}


def functionals(samples: np.ndarray, name: str, rate_hz: int = 16_000) -> np.ndarray:
    """Return the functionals of one set.

    Shorter clips than 60 ms are followed by zeros. Samples are held in [-1, 1): openSMILE takes 16-bit integers, in
    which 1.0 would become -1.0.

    Args:
        samples: shape (n,), n >= 1.
        name: of `SETS`.

    Returns:
        shape (width,), float32, finite.

    Raises:
        MissingPackage: the package opensmile is missing.
    """
    held = np.clip(samples, -1.0, 1.0 - 2.0**-15).astype(np.float32)
    held = np.pad(held, (0, max(0, SHORTEST - len(held))))
    with _one_at_a_time:
        return _smile(name)(held, rate_hz)[0, :, 0].astype(np.float32)


def names(name: str) -> list[str]:
    """Return openSMILE's name of every dimension of a set."""
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
