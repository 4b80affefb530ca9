"""Warnings of clipped and band-limited audio, and of features unlike the training data.

`benchmarks/unusual_inputs.py` measures how often recordings get these warnings, undamaged and damaged.
"""

from collections.abc import Sequence

import numpy as np

from mer.media.audio import RATE_HZ
from mer.training.checkpoints.card import Card, CheckpointError
from mer.training.checkpoints.inputs.input_statistics import outside_share

WINDOW = 512
"""The number of samples of a window."""
PEAK_SHARE, MAX_SHARE_AT_PEAK = 0.99, 0.003
"""Samples above the first share of the peak are at the peak; the second is their largest share in unclipped speech."""
MIN_CREST = 1.5
"""The smallest ratio of peak to root mean square of loud windows of speech; a square wave has 1, a sine 1.41."""
BAND_HZ, MIN_DB_ABOVE_BAND = 4100, -60.0
"""The upper limit of a telephone's band in Hz, and the smallest level above it in wide-band audio, in dB of all."""


def audio_warnings(samples: np.ndarray) -> tuple[str, ...]:
    """Return the defects of a recording.

    Args:
        samples: float32 of shape (n,) at 16 kHz.

    >>> audio_warnings(np.sign(np.sin(np.arange(16_000) / 20)))
    ('the audio is clipped',)
    """
    windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
    if not windows.any():
        return ()
    warnings = ["the audio is clipped"] if _clipped(windows) else []
    if _db_above_band(windows) < MIN_DB_ABOVE_BAND:
        warnings.append("the audio has nothing above 4 kHz, like a telephone recording")
    return tuple(warnings)


def feature_warnings(card: Card, name: str, vectors: np.ndarray) -> Sequence[str]:
    """Return for each vector how it differs from the training data; empty if it does not, or if this is unknown.

    Args:
        card: the model's card.
        name: the input.
        vectors: the vectors of the input, shape (n, width).

    Raises:
        CheckpointError: the card's bounds are invalid or of another width.
    """
    try:
        if (bounds := card.value_ranges.get(name)) is None:
            return [""] * len(vectors)
        limit, shares = bounds.outside_share, outside_share(bounds, vectors)
    except ValueError as error:
        raise CheckpointError(f"model.json: the value ranges of the input {name} are invalid ({error})") from None
    return [_unusual(name, share, limit) if share > limit else "" for share in shares]


def _unusual(name: str, share: float, limit: float) -> str:
    return (
        f"{name} is unlike the training data: {share:.1%} of its features are outside their usual ranges; "
        f"only 1 in 20 training utterances exceeds {limit:.1%}"
    )


def _clipped(windows: np.ndarray) -> bool:
    levels = np.abs(windows)
    peaks = levels.max(axis=1)
    loud = peaks > peaks.max() / 2
    crests = peaks[loud] / np.sqrt((windows[loud].astype(np.float64) ** 2).mean(axis=1))
    at_peak = (levels >= PEAK_SHARE * peaks.max()).mean()
    return bool(at_peak > MAX_SHARE_AT_PEAK or np.quantile(crests, 0.25) < MIN_CREST)


def _db_above_band(windows: np.ndarray) -> float:
    """Return the power above the band, in dB of the total power."""
    power = (np.abs(np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)) ** 2).sum(axis=0)
    return float(10 * np.log10(max(power[BAND_HZ * WINDOW // RATE_HZ :].sum() / max(power.sum(), 1e-30), 1e-15)))
