"""Mel filter banks and spectra are those of torchaudio, which is an independent implementation."""

import numpy as np
import pytest
import torch
import torchaudio

from mer.features.audio import mfcc
from mer.features.audio.functionals import frames, spectrum

RATE_HZ = 16_000


def filter_bank(n_fft, bands):
    """Return torchaudio's triangles of height 1 on the HTK mel scale, shape (bins, bands)."""
    return torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0.0, RATE_HZ / 2, bands, RATE_HZ).numpy()


@pytest.mark.parametrize("bands", [40, 80])
def test_mel_filters_of_mfcc_equal_torchaudio(bands):
    np.testing.assert_allclose(mfcc._mel_filters(bands, RATE_HZ), filter_bank(mfcc.N_FFT, bands), atol=1e-4)


def test_mel_filters_of_functionals_equal_torchaudio_above_the_hum():
    ours = spectrum._weights()[:, : spectrum.MELS] * frames.N_FFT / 2
    above = np.linspace(0, RATE_HZ / 2, frames.N_FFT // 2 + 1) > frames.HUM_HZ
    np.testing.assert_allclose(ours[above], filter_bank(frames.N_FFT, spectrum.MELS)[above], atol=1e-4)
    assert not ours[~above].any()


@pytest.mark.parametrize("length", [201, 1600, 40_001])
def test_mel_spectrum_of_mfcc_equals_torchaudio(length):
    samples = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    levels = mfcc._levels(samples, 80, RATE_HZ).copy()
    mel = torchaudio.transforms.MelSpectrogram(RATE_HZ, n_fft=mfcc.N_FFT, hop_length=mfcc.HOP, n_mels=80)
    expected = np.log(np.maximum(mel(torch.as_tensor(samples)).numpy().T, 1e-10))
    assert levels.shape == expected.shape
    np.testing.assert_allclose(levels, expected, atol=1e-2)


@pytest.mark.parametrize("n_mfcc", [13, 40, 64, 72, 80])
def test_mfcc_statistics_equal_the_forks_of_torchaudio(n_mfcc):
    samples = np.random.default_rng(n_mfcc).normal(0, 0.1, 20_000).astype(np.float32)
    mel = {"n_fft": 400, "hop_length": 160, "n_mels": min(max(64, n_mfcc), 201), "center": True, "power": 2.0}
    cepstra = torchaudio.transforms.MFCC(16_000, n_mfcc, melkwargs=mel)(torch.as_tensor(samples)).double()
    expected = torch.cat([cepstra.mean(dim=-1), cepstra.std(dim=-1, correction=0)])  # the fork's is that of a sample
    np.testing.assert_allclose(mfcc.mfcc_statistics(samples, n_mfcc), expected, atol=5e-3, rtol=1e-4)
