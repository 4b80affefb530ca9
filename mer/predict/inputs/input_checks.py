"""What makes an answer doubtful: a sound that is damaged, and an input that is unlike the training data.

Of a sound two things can be told without knowing others, and both are far from what clean speech does: of 1,116 clips
of five corpora five are called either, all of them recorded over the web; and all are when they are amplified tenfold
and cut off at full scale, or passed through 300 to 3,400 Hz. One that was cut off at another rate and resampled since
is noticed in nine cases of ten; one that was cut off there only a little is not. What the comparison with training data
notices is in benchmarks/unlike.py.
"""

from collections.abc import Sequence

import numpy as np

from mer.media.audio import RATE_HZ
from mer.training.checkpoints.checkpoint import CheckpointError
from mer.training.checkpoints.input_statistics import outside_share

WINDOW = 512
TOP, FLAT = 0.99, 0.003
"""of the peak, and the share of samples above it: in speech it is below .0005"""
CREST = 1.5
"""least peak over root mean square of loud speech; a square wave has 1, a sine 1.41"""
BAND_HZ, BAND_DB = 4100, -60.0
"""what a telephone cuts off, and how little is left; the faintest hiss of a clean recording is at -45 dB"""


def of_sound(samples: np.ndarray) -> tuple[str, ...]:
    """Return what is wrong with a sound.

    Args:
        samples: float32 of shape (n,) at 16 kHz.

    >>> of_sound(np.sign(np.sin(np.arange(16_000) / 20)))
    ('the sound is overdriven: its peaks are cut off',)
    """
    windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
    if not windows.any():
        return ()
    found = ["the sound is overdriven: its peaks are cut off"] if _overdriven(windows) else []
    if _above_band_db(windows) < BAND_DB:
        found.append("the sound has nothing above 4 kHz, as over a telephone")
    return tuple(found)


def of_vectors(card: dict, modality: str, vectors: np.ndarray) -> Sequence[str]:
    """Return for each vector in what it is unlike the training data; empty where it is not, or a model cannot know.

    Args:
        card: of the model.
        vectors: shape (n, width).

    Raises:
        CheckpointError: the card's bounds are none, or of another width.
    """
    try:
        if modality not in card.get("usual", {}):
            return [""] * len(vectors)
        limit = float(card["usual"][modality]["outside"])
        shares = outside_share(card["usual"][modality], vectors)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"model.json does not say what its {modality} is usually like ({error})") from None
    return [_unlike(modality, share, limit) if share > limit else "" for share in shares]


def _unlike(modality: str, share: float, limit: float) -> str:
    return (
        f"{modality} is unlike the training data: {share:.1%} of its numbers lie where hardly any lay there; "
        f"one clip in 20 has more than {limit:.1%}"
    )


def _overdriven(windows: np.ndarray) -> bool:
    sizes = np.abs(windows)
    peaks = sizes.max(axis=1)
    loud = peaks > peaks.max() / 2
    crests = peaks[loud] / np.sqrt((windows[loud].astype(np.float64) ** 2).mean(axis=1))
    return bool((sizes >= TOP * peaks.max()).mean() > FLAT or np.quantile(crests, 0.25) < CREST)


def _above_band_db(windows: np.ndarray) -> float:
    """What lies above the band, in dB of all."""
    power = (np.abs(np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)) ** 2).sum(axis=0)
    return float(10 * np.log10(max(power[BAND_HZ * WINDOW // RATE_HZ :].sum() / max(power.sum(), 1e-30), 1e-15)))
