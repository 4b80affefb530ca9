"""Hand-made acoustic features: what a voice does, summarised over the utterance, in NumPy.

Every 10 ms a frame of 40 ms is described by its spectrum (`spectrum`) and its pitch (`pitch`); statistics over the
frames that matter (`statistics`) and the rhythm of the whole (`rhythm`) make the vector. Each clip is computed by
itself, vectorised over its frames, so its vector cannot depend on what else is extracted.

Only the three `level_*` dimensions change with the recording's gain: the samples are first scaled to a peak of 1,
and all thresholds are relative to the clip.
"""

import numpy as np

from mer.features.acoustic.functionals import frames, pitch, rhythm, spectrum, statistics

VERSION = 1
LEVELS = ("level_loudest_dbfs", "level_active_dbfs", "level_mean_dbfs")
ACTIVE = (*spectrum.NAMES, "relative_level", "periodicity")


def names() -> list[str]:
    """Return the name of every dimension: descriptor, frames, statistic.

    >>> len(names()), names()[0], names()[3]
    (458, 'level_loudest_dbfs', 'cepstrum_1_active_mean')
    """
    return [
        *LEVELS,
        *(f"{d}_active_{s}" for d in ACTIVE for s in statistics.SUMMARY),
        *(f"{d}_active_{s}" for d in ACTIVE for s in statistics.MOTION),
        *(f"{d}_voiced_{s}" for d in pitch.NAMES for s in statistics.SUMMARY),
        *(f"pitch_voiced_{s}" for s in statistics.CONTOUR),
        *(f"{d}_voiced_{s}" for d in spectrum.NAMES for s in statistics.MOMENTS),
        *rhythm.NAMES,
    ]


def functionals(samples: np.ndarray) -> np.ndarray:
    """Return the vector of one clip.

    *Active* frames are speech against background (`frames.active`), *voiced* ones have a pitch. Where nothing is
    voiced, voice descriptors take the fixed values of `pitch.UNVOICED` and spectral ones those of the active frames.

    Args:
        samples: shape (n,), n >= 1, mono at 16 kHz, any level.

    Returns:
        shape (len(names()),), float32, finite.

    Raises:
        ValueError: no samples, or some that are not numbers.

    >>> functionals(np.zeros(1, np.float32)).shape
    (458,)
    """
    scaled, peak_db = frames.scaled(samples)
    shapes = spectrum.describe(scaled)
    level, loudest = frames.relative_level(shapes.energy)
    active = frames.active(level)
    voice = pitch.track(shapes, active)
    seen = np.column_stack([shapes.descriptors, level, voice.periodicity])  # (frames, len(ACTIVE))
    moving = statistics.deltas(seen)
    voiced = voice.voiced if voice.voiced.any() else active
    absolute = peak_db + loudest + np.array([0.0, level[active].mean(), level.mean()])
    vector = np.concatenate(
        [
            np.maximum(absolute, frames.QUIETEST_DB),
            statistics.summary(seen[active]),
            statistics.motion(moving[active]),
            statistics.summary(voice.descriptors),
            statistics.contour(voice.semitones, voice.voiced),
            statistics.moments(shapes.descriptors[voiced]),
            rhythm.describe(level, active, voice.voiced),
        ]
    )
    return vector.astype(np.float32)
