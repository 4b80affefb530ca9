"""eGeMAPS through openSMILE, for comparison: the reference set of hand-made features (Eyben et al. 2016).

openSMILE is free for research only, so it is an extra and nothing else depends on it.
"""

import threading
from functools import lru_cache

import numpy as np

VERSION = 1
SET = "eGeMAPSv02"
WIDTH = 88
SHORTEST = 960
"""samples: openSMILE's longest frame, of 60 ms; what is shorter gives it no frame at all"""
_one_at_a_time = threading.Lock()
"""openSMILE's object is shared between threads, and it does not say that it may be"""


class NotInstalled(ImportError):
    """The optional package is missing; the message says how to get it."""


def egemaps(samples: np.ndarray, rate_hz: int = 16_000) -> np.ndarray:
    """Return the functionals of eGeMAPSv02.

    Shorter clips than 60 ms are followed by zeros. Samples are held in [-1, 1): openSMILE takes 16-bit integers, in
    which 1.0 would become -1.0.

    Args:
        samples: shape (n,), n >= 1.

    Returns:
        shape (88,), float32, finite.

    Raises:
        NotInstalled: the package opensmile is missing.
    """
    held = np.clip(samples, -1.0, 1.0 - 2.0**-15).astype(np.float32)
    held = np.pad(held, (0, max(0, SHORTEST - len(held))))
    with _one_at_a_time:
        return _smile()(held, rate_hz)[0, :, 0].astype(np.float32)


def names() -> list[str]:
    """Return openSMILE's name of every dimension."""
    return list(_smile().feature_names)


@lru_cache
def _smile():
    try:
        import opensmile
    except ImportError:
        raise NotInstalled(
            "features.acoustic.extractor is egemaps, which needs the package opensmile (free for research only): "
            'pip install -c constraints.txt -e ".[opensmile]", or choose functionals'
        ) from None
    return opensmile.Smile(opensmile.FeatureSet[SET], opensmile.FeatureLevel.Functionals)
