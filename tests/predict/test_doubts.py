"""What is said to be doubtful: on real speech, and on the same speech damaged."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soxr
from scipy import signal

from mer.features import Where, text
from mer.media import audio
from mer.params.schema import TextFeatures
from mer.predict.inputs import input_checks
from mer.training.checkpoints.input_statistics import outside_share, value_ranges
from tests.predict.conftest import tone

REAL = os.environ.get("MER_REAL_CORPORA")
TELEPHONE = signal.butter(6, (300, 3400), "bandpass", fs=audio.RATE_HZ, output="sos")


def overdriven(samples, gain=10.0):
    return np.clip(gain * samples / np.abs(samples).max(), -1, 1).astype(np.float32)


def over_a_telephone(samples):
    narrow = soxr.resample(signal.sosfilt(TELEPHONE, samples).astype(np.float32), audio.RATE_HZ, 8000)
    return soxr.resample(narrow, 8000, audio.RATE_HZ)


def voices():
    return [tone(2, n, hertz) for n, hertz in enumerate((90, 140, 210, 320))]


def recordings():
    """Of corpora recorded in studios; on the web some are damaged indeed."""
    clips = [
        clip for name in ("RAVDESS", "emodb", "nEMO", "TurEV-DB") for clip in sorted(Path(REAL, name).rglob("*.flac"))
    ]
    assert clips
    return [audio.read_mono(clip) for clip in clips[::90]]


@pytest.mark.parametrize(
    "sounds", [voices, pytest.param(recordings, marks=pytest.mark.skipif(not REAL, reason="set MER_REAL_CORPORA"))]
)
def test_damaged_sounds_are_told_and_clean_ones_are_not(sounds):
    for clean in sounds():
        assert input_checks.of_sound(clean) == ()
        assert input_checks.of_sound(0.001 * clean) == ()
        assert input_checks.of_sound(overdriven(clean)) == ("the sound is overdriven: its peaks are cut off",)
        assert input_checks.of_sound(overdriven(clean) / 20) == ("the sound is overdriven: its peaks are cut off",)
        assert "the sound has nothing above 4 kHz, as over a telephone" in input_checks.of_sound(
            over_a_telephone(clean)
        )


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(100), np.ones(100), np.zeros(9000)])
def test_of_hardly_a_sound_nothing_is_told(sound):
    assert input_checks.of_sound(sound.astype(np.float32)) == ()


def test_one_row_in_twenty_is_outside_and_what_lies_elsewhere_is():
    r = np.random.default_rng(0)
    train, new = r.normal(size=(4000, 600)), r.normal(size=(2000, 600))
    known = value_ranges(train, np.arange(4000))
    assert 0.02 < (outside_share(known, new) > known["outside"]).mean() < 0.06
    assert (outside_share(known, new + 2) > known["outside"]).all()


def test_of_the_bounds_each_is_that_of_its_own_number():
    vectors = (
        np.arange(300) + 1000.0 * np.arange(100)[:, None] / 99
    )  # shape (100, 300): more than is looked at together
    known = value_ranges(vectors, np.arange(100))
    assert outside_share(known, vectors[50:51])[0] == 0
    assert outside_share(known, vectors[50:51] - 600)[0] == 1
    assert outside_share(known, np.where(np.arange(300) == 280, -5000.0, vectors[50:51]))[0] == 1 / 300


@pytest.mark.skipif(not REAL, reason="set MER_REAL_CORPORA")
def test_words_of_another_language_are_unlike_those_of_meld():
    train, test = (pd.read_csv(Path(REAL, "MELD", f"{part}_sent_emo.csv"))["Utterance"] for part in ("train", "test"))
    compute = text.EXTRACTORS["hashing"].open(TextFeatures(), Where())
    known = value_ranges(np.stack(compute(list(train))), np.arange(len(train)))
    german = ["Das geht so nicht, ich habe keine Lust mehr.", "Wir gehen morgen in den Park und essen ein Eis."]
    assert (outside_share(known, np.stack(compute(german))) > known["outside"]).all()
    assert (outside_share(known, np.stack(compute(list(test)))) > known["outside"]).mean() < 0.05
