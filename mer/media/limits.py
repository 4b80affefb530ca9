"""Limits of what counts as a recording. A header beyond them is damaged, or made to exhaust memory."""

import numpy as np

MIN_RATE_HZ, MAX_RATE_HZ = 1000, 1_000_000
"""The lowest and the highest sampling rate of a recording, in Hz. Speech needs some thousand."""
MAX_SECONDS = 48 * 3600.0
"""The duration of the longest recording, in seconds."""
MAX_FRAMES_PER_BYTE = 8192
"""The largest number of samples of a channel for each byte of a file. No format stores even silence in less: FLAC, Opus
and Vorbis need some bytes for each block, and a block has at most 65,535, 5,760 or 4,096 samples."""
MAX_AMPLITUDE = 2.0**32
"""The largest absolute sample. Floating point samples are in about [-1, 1], or in the units of up to 32 bits."""


def header_fault(seconds: float, rate: int, size: int) -> str | None:
    """Return why a header cannot be that of a recording, or None.

    Args:
        seconds: stated duration.
        rate: stated sampling rate, in Hz.
        size: size of the file, in bytes.

    >>> header_fault(2.0, 16_000, 64_044), header_fault(3600.0, 16_000, 64)
    (None, 'its header states 3600.0 s in 64 bytes: the file is damaged')
    """
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        return f"its header states a sampling rate of {rate} Hz: the file is damaged"
    if not seconds <= MAX_SECONDS:
        return f"its header states {seconds / 3600:.0f} hours: the file is damaged"
    if seconds * rate > size * MAX_FRAMES_PER_BYTE:
        return f"its header states {seconds:.1f} s in {size} bytes: the file is damaged"
    return None


def samples_fault(samples: np.ndarray) -> str | None:
    """Return why some samples cannot be those of a recording, or None.

    >>> samples_fault(np.array([0.5, -0.5])), samples_fault(np.array([0.5, np.nan]))
    (None, 'some samples are not numbers')
    """
    if not samples.size:
        return None
    peak = max(float(samples.max()), -float(samples.min()))
    if not np.isfinite(peak):
        return "some samples are not numbers"
    return f"its samples reach {peak:.3g}: the file is damaged" if peak > MAX_AMPLITUDE else None
