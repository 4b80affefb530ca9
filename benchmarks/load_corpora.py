"""Twenty user-defined corpora of any number of short utterances, half of which are segments of longer files."""

import csv
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

CORPORA = tuple(f"c{number:02}" for number in range(20))
"""The corpora. Those with an odd number have containers."""
CONTAINERS = 4
"""The number of files of a corpus with containers."""
UTTERANCES_OF_SPEAKER = 50
"""The number of utterances of a speaker, about."""
MIN_SPEAKERS = 6
"""The smallest number of speakers of a corpus."""
EMOTIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
WORDS = tuple(f"{a}{b}{c}" for a in ("ba", "de", "ki", "lo", "mu") for b in "nrst" for c in "aeiou")
"""The words of the transcripts."""
RATE = 16_000
SAMPLES = 8_000
"""The number of samples of an utterance: half a second."""
GAP = 1_600
"""The number of samples of silence after each utterance of a container."""
BINS = 2_000
"""The number of frequencies below 4 kHz, 2 Hz apart."""
EDGES = np.round(np.geomspace(100, BINS, 13)).astype(int)
"""The frequencies between the bands of an utterance, in bins."""
POINTS = 8
"""The number of times at which a band of an utterance has a level of its own."""


def write(raw: Path, utterances: int) -> None:
    """Write all corpora with a number of utterances altogether."""
    for number, name in enumerate(CORPORA):
        count = len(range(number, utterances, len(CORPORA)))
        (raw / name).mkdir(parents=True)
        rows = _in_containers(raw / name, number, count) if number % 2 else _in_files(raw / name, number, count)
        with (raw / name / "table.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            table.writerows(rows)


def _in_files(folder: Path, corpus: int, count: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(count):
        row = description(corpus, number, count)
        (folder / row["speaker"]).mkdir(exist_ok=True)
        soundfile.write(folder / row["speaker"] / f"{number:06}.wav", samples(corpus, number), RATE, subtype="PCM_16")
        rows.append({"file": f"{row['speaker']}/{number:06}.wav", **row})
    return rows


def _in_containers(folder: Path, corpus: int, count: int) -> list[dict[str, Any]]:
    """Write files that hold many utterances: FLAC, or AAC in m4a, which has to be decoded from its start."""
    rows, (write_file, suffix) = [], (_write_flac, "flac") if corpus % 4 == 1 else (_write_m4a, "m4a")
    for container in range(CONTAINERS):
        numbers = range(container, count, CONTAINERS)
        write_file(folder / f"{container}.{suffix}", (np.pad(samples(corpus, n), (0, GAP)) for n in numbers))
        for place, number in enumerate(numbers):
            start = place * (SAMPLES + GAP) / RATE
            edges = {"start": round(start, 4), "end": round(start + SAMPLES / RATE, 4)}
            rows.append({"file": f"{container}.{suffix}", **description(corpus, number, count), **edges})
    return rows


def _write_flac(path: Path, clips: Iterable[np.ndarray]) -> None:
    with soundfile.SoundFile(path, "w", RATE, 1, subtype="PCM_16") as file:
        for clip in clips:
            file.write(clip)


def _write_m4a(path: Path, clips: Iterable[np.ndarray]) -> None:
    with av.open(str(path), "w") as file:
        track = file.add_stream("aac", rate=RATE, layout="mono")
        resampler = av.AudioResampler(track.format.name, "mono", RATE, frame_size=track.frame_size)
        for clip in clips:
            frame = av.AudioFrame.from_ndarray(clip[None], format="fltp", layout="mono")
            frame.rate = RATE
            for whole in resampler.resample(frame):
                file.mux(track.encode(whole))
        for rest in resampler.resample(None):
            file.mux(track.encode(rest))
        file.mux(track.encode(None))


def description(corpus: int, number: int, count: int) -> dict[str, str]:
    """Return the speaker, the emotion and the text of an utterance of a corpus of `count`."""
    rng = np.random.default_rng([corpus, number, 1])
    speaker = rng.integers(max(MIN_SPEAKERS, count // UTTERANCES_OF_SPEAKER))
    text = " ".join(rng.choice(WORDS, rng.integers(3, 9)))
    return {"speaker": f"s{speaker:04}", "emotion": EMOTIONS[number % len(EMOTIONS)], "text": text}


def samples(corpus: int, number: int) -> np.ndarray:
    """Return an utterance, float32 (SAMPLES,): noise whose bands come and go, and whose tilt depends on the emotion.

    No two of them are alike, so that none is taken for a copy of another.
    """
    rng = np.random.default_rng([corpus, number])
    bands = np.zeros((len(EDGES) - 1, SAMPLES // 2 + 1), "complex64")
    noise = (rng.normal(size=BINS) + 1j * rng.normal(size=BINS)).astype("complex64")
    for band, (low, high) in enumerate(itertools.pairwise(EDGES)):
        bands[band, low:high] = noise[low:high]
    tilt = 0.3 + number % len(EMOTIONS) / 10
    levels = rng.normal(0, 12, (len(bands), POINTS)) - tilt * np.arange(len(bands))[:, None]
    times = np.linspace(0, POINTS - 1, SAMPLES)
    envelopes = np.stack([np.interp(times, np.arange(POINTS), 10 ** (level / 20)) for level in levels])
    clip = np.einsum("bn,bn->n", np.fft.irfft(bands, SAMPLES), envelopes)
    clip += rng.normal(0, (0.001 + corpus / 10_000) * np.abs(clip).max(), SAMPLES)
    return (clip / np.abs(clip).max() * rng.uniform(0.2, 0.8)).astype("float32")
