"""Resampling by soxr agrees with that of torchaudio."""

import numpy as np
import pytest
import soundfile
import torch
import torchaudio

from mer.media import audio

KAISER = {
    "lowpass_filter_width": 64,
    "rolloff": 0.9475937167399596,
    "resampling_method": "sinc_interp_kaiser",
    "beta": 14.769656459379492,
}
"""The parameters that torchaudio's documentation gives for the resampler `kaiser_best` of librosa."""
TOLERANCE = 5e-5
"""The largest difference between samples of the two resamplers for a signal of amplitude 1, away from its edges."""


def speech_band(rate, seconds=1.0, seed=0):
    """A random sum of sines below 3.4 kHz, with a peak of 1; float32 of shape (n,)."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(rate * seconds)) / rate
    frequencies, phases = rng.uniform(60, 3400, 40), rng.uniform(0, 2 * np.pi, 40)
    waves = np.sin(2 * np.pi * frequencies[:, None] * times + phases[:, None]).sum(0)
    return (waves / np.abs(waves).max()).astype(np.float32)


def inner(samples, edge=800):
    """Samples without 50 ms at both ends, where the resamplers continue the signal differently."""
    return samples[edge:-edge]


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100, 48_000])
def test_resampled_speech_is_that_of_torchaudio(tmp_path, rate):
    samples = speech_band(rate)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    ours = audio.read_mono(tmp_path / "a.wav")
    theirs = torchaudio.functional.resample(torch.from_numpy(samples), rate, audio.RATE_HZ, **KAISER).numpy()
    assert len(ours) == len(theirs) == audio.RATE_HZ
    assert np.abs(inner(ours) - inner(theirs)).max() < TOLERANCE
    assert np.abs(inner(ours)).max() > 0.5  # the signal is there


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
def test_frequencies_above_the_new_nyquist_frequency_are_removed_by_both(tmp_path, rate):
    times = np.arange(rate) / rate
    tone = np.sin(2 * np.pi * 10_000 * times).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", tone, rate, subtype="FLOAT")
    theirs = torchaudio.functional.resample(torch.from_numpy(tone), rate, audio.RATE_HZ, **KAISER).numpy()
    assert np.abs(inner(audio.read_mono(tmp_path / "a.wav"))).max() < TOLERANCE
    assert np.abs(inner(theirs)).max() < TOLERANCE


def test_blocks_of_a_long_recording_are_resampled_as_by_torchaudio(tmp_path):
    samples = speech_band(44_100, seconds=12.0)
    soundfile.write(tmp_path / "a.wav", samples, 44_100, subtype="FLOAT")
    blocks = list(audio.blocks(tmp_path / "a.wav"))
    theirs = torchaudio.functional.resample(torch.from_numpy(samples), 44_100, audio.RATE_HZ, **KAISER).numpy()
    assert len(blocks) > 1
    ours = np.concatenate(blocks)
    assert len(ours) == len(theirs)
    assert np.abs(inner(ours) - inner(theirs)).max() < TOLERANCE
