"""Hand-crafted acoustic features: descriptors of frames, summarised over the utterance, in NumPy.

A frame of 40 ms every 10 ms is described by its spectrum (`spectrum`) and its pitch (`pitch`). The vector consists of
statistics over active and over voiced frames (`statistics`), of the relations between descriptors (`relations`) and of
the rhythm of the utterance (`rhythm`). Each recording is computed separately, vectorised over its frames, so its vector
does not depend on other recordings.

Only the three `level_*` dimensions change with the gain of the recording: samples are first scaled to a peak of 1, and
all thresholds are relative to the recording.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import combinations

import numpy as np

from mer.features.audio.functionals import frames, pitch, relations, rhythm, spectrum, statistics
from mer.features.extractor import Extractor, one_by_one
from mer.params.features import AudioFeatures

VERSION = 2
LEVELS = ("level_loudest_dbfs", "level_active_dbfs", "level_mean_dbfs")
ACTIVE = (*spectrum.NAMES, "relative_level", "periodicity")
SPREAD = [statistics.SUMMARY.index(s) for s in ("deviation", "p5", "p50", "p95")]
"""The positions, in `SUMMARY`, of the statistics of bands. Their means are linear functions of those of the cepstra."""
CEPSTRA = 10
CORRELATED = (*spectrum.NAMES[:CEPSTRA], "pitch", "relative_level", "periodicity")
"""The descriptors whose pairwise correlations are features."""


def names(groups: Collection[str] | None = None) -> list[str]:
    """Return the names of the dimensions; each consists of descriptor, frames and statistic.

    Args:
        groups: the groups whose dimensions are wanted, of those of `group_of_each`; None for all.

    >>> len(names()), names()[0], names()[3]
    (680, 'level_loudest_dbfs', 'cepstrum_1_active_mean')
    >>> names(["rhythm"])[:2]
    ['syllable_rate', 'voiced_rate']
    """
    return [name for group, name in _grouped_names() if groups is None or group in groups]


def group_of_each() -> list[str]:
    """Return the group of each dimension, in the order of `names()`.

    >>> sorted(set(group_of_each()))
    ['bands', 'cepstra', 'correlations', 'level', 'motion', 'pitch', 'rhythm', 'slopes', 'spectrum', 'voice']
    """
    return [group for group, _ in _grouped_names()]


def _grouped_names() -> Iterator[tuple[str, str]]:
    """Group and name of each dimension, in the order of the vector."""
    yield from (("level", name) for name in LEVELS)
    for d in ACTIVE:
        yield from ((_group(d), f"{d}_active_{s}") for s in statistics.SUMMARY)
    for b in spectrum.BAND_NAMES:
        yield from (("bands", f"{b}_active_{statistics.SUMMARY[at]}") for at in SPREAD)
    for d in (*ACTIVE, *spectrum.BAND_NAMES):
        yield from (("motion", f"{d}_active_{s}") for s in statistics.MOTION)
    yield from (("slopes", f"{d}_active_per_db") for d in (*ACTIVE, *spectrum.BAND_NAMES) if d != "relative_level")
    for d in pitch.NAMES:
        yield from (("pitch" if d == "pitch" else "voice", f"{d}_voiced_{s}") for s in statistics.SUMMARY)
    yield from (("pitch", f"pitch_voiced_{s}") for s in statistics.CONTOUR)
    yield from (("slopes", f"{d}_voiced_per_semitone") for d in ACTIVE)
    yield from (("correlations", f"{a}_{b}_voiced_correlation") for a, b in combinations(CORRELATED, 2))
    yield from (("rhythm", name) for name in rhythm.NAMES)


def _group(descriptor: str) -> str:
    return "cepstra" if descriptor.startswith("cepstrum_") else "spectrum"


def functionals(samples: np.ndarray) -> np.ndarray:
    """Return the vector of one recording.

    *Active* frames contain speech and not only background (`frames.active`); *voiced* frames have a pitch. If no frame
    is voiced, descriptors of the voice have the constant values of `pitch.UNVOICED`, and statistics of spectra over
    voiced frames are those over active frames.

    Args:
        samples: shape (n,), n >= 1, mono at 16 kHz, any level.

    Returns:
        shape (len(names()),), float32, finite.

    Raises:
        ValueError: there are no samples, or some are not finite.

    >>> functionals(np.zeros(1, np.float32)).shape
    (680,)
    """
    scaled, peak_db = frames.scaled(samples)
    shapes = spectrum.describe(scaled)
    level, loudest = frames.relative_level(shapes.energy)
    active = frames.active(level)
    voice = pitch.track(shapes, active)
    absolute = peak_db + loudest + np.array([0.0, level[active].mean(), level.mean()])
    descriptors = np.column_stack([shapes.descriptors, level, voice.periodicity])  # (frames, len(ACTIVE))
    vector = np.concatenate(
        [
            np.maximum(absolute, frames.QUIETEST_DB),
            *_of_active(descriptors, shapes.bands, active),
            *_of_voiced(descriptors, voice, voice.voiced if voice.voiced.any() else active),
            rhythm.describe(level, active, voice.voiced),
        ]
    )
    return vector.astype(np.float32)


def _of_active(descriptors: np.ndarray, bands: np.ndarray, active: np.ndarray) -> list[np.ndarray]:
    contours = np.hstack([descriptors, bands - bands[active].mean()])
    of_active = contours[active]
    summary = statistics.summary(of_active)
    level = ACTIVE.index("relative_level")
    return [
        summary[: len(ACTIVE)].ravel(),
        summary[len(ACTIVE) :, SPREAD].ravel(),
        statistics.motion(statistics.deltas(contours)[active]).ravel(),
        np.delete(relations.slopes(of_active, of_active[:, level]), level),
    ]


def _of_voiced(descriptors: np.ndarray, voice: pitch.Voice, voiced: np.ndarray) -> list[np.ndarray]:
    of_voiced = descriptors[voiced]
    semitones = voice.semitones[voiced] if voice.voiced.any() else np.full(len(of_voiced), pitch.UNVOICED[0, 0])
    correlated = np.column_stack([of_voiced[:, :CEPSTRA], semitones, of_voiced[:, -2], 10 * of_voiced[:, -1]])
    return [
        statistics.summary(voice.descriptors).ravel(),
        statistics.contour(voice.semitones, voice.voiced),
        relations.slopes(of_voiced, semitones),
        relations.correlations(correlated),
    ]


def _of_groups(section: AudioFeatures) -> Callable[[np.ndarray], np.ndarray]:
    """The function that computes the dimensions of an input."""
    if section.groups is None:
        return functionals
    columns = np.flatnonzero([group in section.groups for group in group_of_each()])
    return lambda samples: functionals(samples)[columns]


def _describe(section: AudioFeatures) -> dict:
    own = names(section.groups)
    return {"width": len(own)} if section.groups is None else {"width": len(own), "groups": sorted(section.groups)}


EXTRACTOR = Extractor(
    version=VERSION,
    describe=_describe,
    open=one_by_one(_of_groups),
    scaling="each",
    trained=False,
    names=lambda section: names(section.groups),
)
