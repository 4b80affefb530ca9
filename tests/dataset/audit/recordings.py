"""Recordings for manifests that do not depend on the emotion unless a test makes them."""

import zlib

import numpy as np
import soundfile

RATE = 8_000


def babble(seed, *, seconds=0.7, gain=0.0, lead=0.1, noise=-65.0, tilt=0.0):
    """Syllables of harmonics, 0.1 s each, that fade in and out, in the noise of a room; (n,) float64.

    Args:
        seconds: of the whole, the last 0.1 s or more of which are silent.
        gain: dB of all.
        lead: seconds of silence before the first syllable.
        noise: dB relative to full scale.
        tilt: dB per harmonic.
    """
    random = np.random.default_rng(seed)
    sound = random.normal(0, 10 ** (noise / 20), round(seconds * RATE))
    length = RATE // 10
    for start in range(round(lead * RATE), len(sound) - 2 * length + 1, length):
        angles = 2 * np.pi * random.uniform(100, 250) * np.arange(length) / RATE
        partials = [10 ** (tilt * n / 20) * np.sin(n * angles + random.uniform(0, 6)) for n in range(1, 9)]
        voice = np.sum(partials, axis=0) * np.hanning(length) ** 0.5
        sound[start : start + length] += 0.1 * random.uniform(0.6, 1) * voice / np.std(voice)
    return np.clip(10 ** (gain / 20) * sound, -1, 1)


def record(manifest, raw, manner=lambda row: {}):
    """Write a recording for each row with the parameters `manner` of it; return the manifest with their durations."""
    manifest = manifest.copy()
    for row in manifest.itertuples():
        place = raw / row.source_path
        place.parent.mkdir(parents=True, exist_ok=True)
        sound = babble(zlib.crc32(row.utterance_id.encode()), **manner(row))
        soundfile.write(place, sound, RATE, subtype="PCM_16")
        manifest.loc[row.Index, "duration"] = len(sound) / RATE
    return manifest
