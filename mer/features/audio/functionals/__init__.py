"""Hand-made acoustic features: what a voice does, summarised over the utterance, in NumPy.

Every 10 ms a frame of 40 ms is described by its spectrum (`spectrum`) and its pitch (`pitch`); statistics over the
frames that matter (`statistics`), how descriptors move together (`relations`) and the rhythm of the whole (`rhythm`)
make the vector. Each clip is computed by itself, vectorised over its frames, so its vector cannot depend on what else
is extracted.

Only the three `level_*` dimensions change with the recording's gain: the samples are first scaled to a peak of 1,
and all thresholds are relative to the clip.
"""

from itertools import combinations

import numpy as np

from mer.features.audio.functionals import frames, pitch, relations, rhythm, spectrum, statistics
from mer.features.extractor import Extractor, one_by_one

VERSION = 2
LEVELS = ("level_loudest_dbfs", "level_active_dbfs", "level_mean_dbfs")
ACTIVE = (*spectrum.NAMES, "relative_level", "periodicity")
SPREAD = [statistics.SUMMARY.index(s) for s in ("deviation", "p5", "p50", "p95")]
"""of bands; their means are in those of the cepstra"""
CEPSTRA = 10
RELATED = (*spectrum.NAMES[:CEPSTRA], "pitch", "relative_level", "periodicity")
"""cepstra, and what a voice does besides; each pair of them has its correlation"""


def names() -> list[str]:
    """Return the name of every dimension: descriptor, frames, statistic.

    >>> len(names()), names()[0], names()[3]
    (680, 'level_loudest_dbfs', 'cepstrum_1_active_mean')
    """
    return [
        *LEVELS,
        *(f"{d}_active_{s}" for d in ACTIVE for s in statistics.SUMMARY),
        *(f"{b}_active_{statistics.SUMMARY[at]}" for b in spectrum.BAND_NAMES for at in SPREAD),
        *(f"{d}_active_{s}" for d in (*ACTIVE, *spectrum.BAND_NAMES) for s in statistics.MOTION),
        *(f"{d}_active_per_db" for d in (*ACTIVE, *spectrum.BAND_NAMES) if d != "relative_level"),
        *(f"{d}_voiced_{s}" for d in pitch.NAMES for s in statistics.SUMMARY),
        *(f"pitch_voiced_{s}" for s in statistics.CONTOUR),
        *(f"{d}_voiced_per_semitone" for d in ACTIVE),
        *(f"{a}_{b}_voiced_correlation" for a, b in combinations(RELATED, 2)),
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
    (680,)
    """
    scaled, peak_db = frames.scaled(samples)
    shapes = spectrum.describe(scaled)
    level, loudest = frames.relative_level(shapes.energy)
    active = frames.active(level)
    voice = pitch.track(shapes, active)
    absolute = peak_db + loudest + np.array([0.0, level[active].mean(), level.mean()])
    seen = np.column_stack([shapes.descriptors, level, voice.periodicity])  # (frames, len(ACTIVE))
    vector = np.concatenate(
        [
            np.maximum(absolute, frames.QUIETEST_DB),
            *_of_active(seen, shapes.bands, active),
            *_of_voiced(seen, voice, voice.voiced if voice.voiced.any() else active),
            rhythm.describe(level, active, voice.voiced),
        ]
    )
    return vector.astype(np.float32)


def _of_active(seen: np.ndarray, bands: np.ndarray, active: np.ndarray) -> list[np.ndarray]:
    moving = np.hstack([seen, bands - bands[active].mean()])
    still = moving[active]
    summary = statistics.summary(still)
    level = ACTIVE.index("relative_level")
    return [
        summary[: len(ACTIVE)].ravel(),
        summary[len(ACTIVE) :, SPREAD].ravel(),
        statistics.motion(statistics.deltas(moving)[active]).ravel(),
        np.delete(relations.slopes(still, still[:, level]), level),
    ]


def _of_voiced(seen: np.ndarray, voice: pitch.Voice, voiced: np.ndarray) -> list[np.ndarray]:
    seen = seen[voiced]
    semitones = voice.semitones[voiced] if voice.voiced.any() else np.full(len(seen), pitch.UNVOICED[0, 0])
    related = np.column_stack([seen[:, :CEPSTRA], semitones, seen[:, -2], 10 * seen[:, -1]])
    return [
        statistics.summary(voice.descriptors).ravel(),
        statistics.contour(voice.semitones, voice.voiced),
        relations.slopes(seen, semitones),
        relations.correlations(related),
    ]


EXTRACTOR = Extractor(
    version=VERSION,
    describe=lambda _: {"width": len(names())},
    open=one_by_one(lambda _: functionals),
    scaling="each",
    trained=False,
    names=lambda _: names(),
)
