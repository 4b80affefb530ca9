"""Warnings of real speech, and of the same speech after damage."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soxr
from scipy import signal

from mer.features import Resources
from mer.features.text import hashing
from mer.media import audio
from mer.params.schema import TextFeatures
from mer.predict.inputs import input_checks
from mer.training.checkpoints.inputs.input_statistics import outside_share, value_range
from tests.predict.conftest import tone

REAL = os.environ.get("MER_REAL_CORPORA")
TELEPHONE = signal.butter(6, (300, 3400), "bandpass", fs=audio.RATE_HZ, output="sos")


def clipped(samples, gain=10.0):
    return np.clip(gain * samples / np.abs(samples).max(), -1, 1).astype(np.float32)


def telephone(samples):
    narrow = soxr.resample(signal.sosfilt(TELEPHONE, samples).astype(np.float32), audio.RATE_HZ, 8000)
    return soxr.resample(narrow, 8000, audio.RATE_HZ)


def voices():
    return [tone(2, n, hertz) for n, hertz in enumerate((90, 140, 210, 320))]


def recordings():
    """Return recordings of corpora that were made in studios; some recordings of other corpora are damaged."""
    clips = [
        clip for name in ("RAVDESS", "emodb", "nEMO", "TurEV-DB") for clip in sorted(Path(REAL, name).rglob("*.flac"))
    ]
    assert clips
    return [audio.read_mono(clip) for clip in clips[::90]]


@pytest.mark.parametrize(
    "clips", [voices, pytest.param(recordings, marks=pytest.mark.skipif(not REAL, reason="set MER_REAL_CORPORA"))]
)
def test_damaged_audio_gets_warnings_and_clean_audio_does_not(clips):
    for clean in clips():
        assert input_checks.audio_warnings(clean) == ()
        assert input_checks.audio_warnings(0.001 * clean) == ()
        assert input_checks.audio_warnings(clipped(clean)) == ("the audio is clipped",)
        assert input_checks.audio_warnings(clipped(clean) / 20) == ("the audio is clipped",)
        assert "the audio has nothing above 4 kHz, like a telephone recording" in input_checks.audio_warnings(
            telephone(clean)
        )


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(100), np.ones(100), np.zeros(9000)])
def test_short_or_silent_audio_gets_no_warning(samples):
    assert input_checks.audio_warnings(samples.astype(np.float32)) == ()


def test_one_row_in_twenty_is_unusual_and_shifted_rows_are():
    r = np.random.default_rng(0)
    train, new = r.normal(size=(4000, 600)), r.normal(size=(2000, 600))
    ranges = value_range(train, np.arange(4000))
    assert 0.02 < (outside_share(ranges, new) > ranges.outside_share).mean() < 0.06
    assert (outside_share(ranges, new + 2) > ranges.outside_share).all()


def test_bounds_belong_to_their_own_features():
    vectors = (
        np.arange(300) + 1000.0 * np.arange(100)[:, None] / 99
    )  # shape (100, 300): more than one block of features
    ranges = value_range(vectors, np.arange(100))
    assert outside_share(ranges, vectors[50:51])[0] == 0
    assert outside_share(ranges, vectors[50:51] - 600)[0] == 1
    assert outside_share(ranges, np.where(np.arange(300) == 280, -5000.0, vectors[50:51]))[0] == 1 / 300


@pytest.mark.skipif(not REAL, reason="set MER_REAL_CORPORA")
def test_text_in_another_language_is_unlike_that_of_meld():
    train, test = (pd.read_csv(Path(REAL, "MELD", f"{part}_sent_emo.csv"))["Utterance"] for part in ("train", "test"))
    compute = hashing.EXTRACTOR.open(TextFeatures(), Resources())
    ranges = value_range(np.stack(compute(list(train))), np.arange(len(train)))
    german = ["Das geht so nicht, ich habe keine Lust mehr.", "Wir gehen morgen in den Park und essen ein Eis."]
    assert (outside_share(ranges, np.stack(compute(german))) > ranges.outside_share).all()
    assert (outside_share(ranges, np.stack(compute(list(test)))) > ranges.outside_share).mean() < 0.05
