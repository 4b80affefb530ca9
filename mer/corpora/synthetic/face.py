"""Drawn talking faces whose expression depends on an emotion. They show no real person.

A face consists of shaded ellipses: hair, skin, sockets, eyes, brows, nose and a bent mouth. It is fast to draw, and
face detectors find it. The mouth opens with the loudness of the audio, and the head sways. Emotions change seven cues
in the directions of Ekman and Friesen's prototypes (1978, Facial Action Coding System: 6+12 for happiness, 1+4+15 for
sadness, 1+2+5+26 for surprise, 1+2+4+5+20 for fear, 9+10 for disgust, 4+5+7+23 for anger). The sizes of the changes are
our choice. Recordings differ, and speakers and corpora differ by `shift`, as voices do.
"""

from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from mer.corpora.synthetic.clip import RATE, Clip, seeded

PER_SECOND = 10
"""The number of frames per second."""
HEIGHT, WIDTH = 112, 144
"""The size of a frame, in pixels."""

CUES = ("brows", "slope", "eyes", "smile", "open", "width", "nose")
"""The cues: height of the brows, and of their inner ends; log opening of the eyes; corners of the mouth, its opening,
its log width; wrinkles of the nose."""

EMOTIONS = {
    "neutral": (0, 0, 0, 0, 0, 0, 0),
    "happiness": (0.0, 0.0, -0.25, 1.0, 0.15, 0.2, 0.1),
    "sadness": (0.02, 0.35, -0.3, -0.8, -0.05, -0.1, 0.0),
    "surprise": (0.08, 0.0, 0.45, 0.0, 0.8, -0.25, 0.0),
    "fear": (0.06, 0.3, 0.4, -0.3, 0.3, 0.15, 0.0),
    "disgust": (-0.03, -0.1, -0.4, -0.45, 0.1, -0.1, 1.0),
    "anger": (-0.04, -0.5, 0.15, -0.4, -0.1, -0.2, 0.3),
    "calm": (0, 0, -0.15, 0.25, 0, 0, 0),
    "boredom": (-0.02, 0.1, -0.6, -0.2, -0.05, 0, 0),
}
SPREAD = np.array((0.02, 0.13, 0.13, 0.28, 0.1, 0.08, 0.2))
"""The standard deviation of each cue between recordings."""
SPEAKER_SPREAD, CORPUS_SPREAD = 0.6, 0.6
"""The spread of speakers, and of corpora in the effect of an emotion, per unit of shift, in units of SPREAD."""


def write_video(path: Path, clip: Clip, samples: np.ndarray, *, seed: int, shift: float) -> None:
    """Write the video of a recording without audio.

    Args:
        path: video file to write.
        clip: description of the recording.
        samples: audio of shape (n,) at 16 kHz, of the same duration.
        seed, shift: as in `voice.speak`.
    """
    import av

    frames = draw(clip, loudness(samples), seed=seed, shift=shift)
    with av.open(str(path), "w") as file:
        track = file.add_stream("flv" if path.suffix == ".flv" else "mpeg4", rate=Fraction(PER_SECOND))
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track.codec_context.max_b_frames, track.codec_context.thread_count = 0, 1
        track.bit_rate = 400_000
        for frame in frames:
            file.mux(track.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(track.encode())


def loudness(samples: np.ndarray) -> np.ndarray:
    """Return the loudness at each frame relative to the loudest, 0 to 1, of shape (frames,) with at least one frame."""
    step = RATE // PER_SECOND
    windows = [samples[first : first + step] for first in range(0, max(1, len(samples)), step)]
    level = np.sqrt([np.mean(np.square(window, dtype=np.float64)) if len(window) else 0.0 for window in windows])
    return level / max(level.max(), 1e-9)


def draw(clip: Clip, loud: np.ndarray, *, seed: int, shift: float) -> np.ndarray:
    """Return the frames of a recording, RGB of shape (frames, 112, 144, 3), uint8.

    Args:
        clip: description of the recording.
        loud: loudness of shape (frames,), 0 to 1, by which the mouth opens.
        seed, shift: as in `voice.speak`.
    """
    rng = seeded(seed, "face", clip.corpus, clip.name)
    cues = _cues(clip, rng, seed, shift)
    person = _person(seed, clip.corpus, clip.speaker, clip.gender)
    sway = np.cumsum(rng.normal(0, 0.008, (len(loud), 2)), axis=0).clip(-0.08, 0.08)
    tones = _face(cues, person, loud[:, None, None], sway) + rng.normal(0, 0.01, (len(loud), HEIGHT, WIDTH))
    return np.round(tones.clip(0, 1)[..., None] * person["colour"] * 255).astype(np.uint8)


def _cues(clip: Clip, rng: np.random.Generator, seed: int, shift: float) -> dict[str, float]:
    of_corpus = seeded(seed, "face of", clip.corpus, clip.emotion).uniform(-1.7, 1.7, len(CUES))
    of_speaker = seeded(seed, "face of", clip.corpus, clip.speaker, "").uniform(-1.7, 1.7, len(CUES))
    values = clip.strength * rng.uniform(0.6, 1.2) * np.array(EMOTIONS[clip.emotion])
    between = CORPUS_SPREAD * of_corpus + SPEAKER_SPREAD * of_speaker
    values = values + SPREAD * (rng.standard_normal(len(CUES)) + shift * between)
    low, high = np.array((-0.08, -0.8, -0.9, -1.3, -0.15, -0.35, 0.0)), np.array((0.14, 0.7, 0.6, 1.4, 1.0, 0.35, 1.3))
    return dict(zip(CUES, values.clip(low, high).tolist(), strict=True))


def _person(seed: int, corpus: str, speaker: str, gender: str) -> dict:
    rng = seeded(seed, "person", corpus, speaker)
    warm = np.array((1.0, rng.uniform(0.82, 0.92), rng.uniform(0.7, 0.85)))
    return {
        "skin": rng.uniform(0.66, 0.88), "hair": rng.uniform(0.08, 0.3), "room": rng.uniform(0.3, 0.55),
        "wide": rng.uniform(0.44, 0.5), "long": rng.uniform(0.62, 0.68), "brow": 0.75 if gender == "female" else 1.2,
        "size": rng.uniform(0.8, 1.0), "colour": warm,
    }  # fmt: skip


@lru_cache(maxsize=1)
def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates of rows and columns, in units of half the height."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return y * 2 / HEIGHT - 1, (x - (WIDTH - HEIGHT) / 2) * 2 / HEIGHT - 1


def _face(cues: dict[str, float], person: dict, loud: np.ndarray, sway: np.ndarray) -> np.ndarray:
    """Return shades from 0 to 1 of shape (frames, height, width). Shapes are painted one over the other."""
    rows, columns = _grid()
    y = (rows - sway[:, 0, None, None]) / person["size"]
    x = (columns - sway[:, 1, None, None]) / person["size"]
    tone = np.full(y.shape, person["room"])

    def paint(cover: np.ndarray, shade: np.ndarray | float) -> None:
        nonlocal tone
        tone = tone + cover * (shade - tone)

    wide, eye = person["wide"], np.exp(cues["eyes"])
    paint(_ellipse(y + 0.12, x, 0.08 + person["long"], wide + 0.1, 0.12), person["hair"])
    paint(_ellipse(y - 0.05, x, person["long"], wide, 0.08), person["skin"] - 0.9 * x**2 - 0.06 * abs(y))
    for side in (-1, 1):
        away = side * x - 0.2  # from the middle of the eye outwards
        paint(0.5 * _ellipse(y + 0.1, away, 0.13, 0.16, 0.7), 0.35 * person["skin"])
        paint(_ellipse(y + 0.08, away, 0.05 * eye, 0.11, 0.25), 0.92)
        paint(_ellipse(y + 0.08, away, 0.05 * min(eye, 1.1), 0.045, 0.3), 0.08)
        brow = -0.23 - cues["brows"] + cues["slope"] * away
        paint(0.85 * _ellipse(y - brow, away, 0.027 * person["brow"], 0.14, 0.6), 0.12)
        paint(0.35 * _ellipse(y - 0.12, side * x - 0.07, 0.05, 0.05, 1.0), 0.3)
        paint(0.5 * cues["nose"] * _ellipse(y - 0.02 - 0.5 * (side * x - 0.1), side * x - 0.1, 0.02, 0.09, 0.8), 0.3)
    paint(0.4 * _ellipse(y - 0.02, x, 0.18, 0.05, 1.0), min(1.0, person["skin"] + 0.2))
    half = 0.2 * np.exp(cues["width"])
    bend = 0.37 - 0.1 * cues["smile"] * ((x / half) ** 2 - 0.5)
    opening = 0.028 + 0.09 * np.maximum(0, cues["open"]) + 0.05 * loud + 0.06 * min(0, cues["open"])
    paint(0.9 * _ellipse(y - bend, x, opening, half, 0.4), 0.24)
    return tone


def _ellipse(y: np.ndarray, x: np.ndarray, high: np.ndarray | float, wide: float, soft: float) -> np.ndarray:
    """Return 1 inside the ellipse and 0 outside, with a slope of `soft` radii at the edge."""
    return np.clip((1 - np.sqrt((y / high) ** 2 + (x / wide) ** 2)) / soft + 0.5, 0, 1)
