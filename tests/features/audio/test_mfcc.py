import numpy as np
import pytest
import torch
import torchaudio
from hypothesis import given
from hypothesis import strategies as st

from mer.features.audio.mfcc import mfcc_statistics


@pytest.mark.parametrize("n_mfcc", [13, 40, 80])
@pytest.mark.parametrize("length", [400, 1600, 16_001])
def test_mfcc_equals_torchaudio(n_mfcc, length):
    samples = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    options = {"n_fft": 400, "hop_length": 160, "n_mels": max(64, n_mfcc)}
    theirs = torchaudio.transforms.MFCC(16_000, n_mfcc, melkwargs=options)(torch.as_tensor(samples)).numpy()
    expected = np.concatenate([theirs.mean(axis=1), theirs.std(axis=1)])
    np.testing.assert_allclose(mfcc_statistics(samples, n_mfcc), expected, atol=1e-3)


@given(st.integers(1, 1000), st.sampled_from([0.0, 1.0, 1e-20, 1e6]))
def test_mfcc_is_finite_for_any_length_and_level(length, level):
    assert np.isfinite(mfcc_statistics(np.full(length, level, dtype=np.float32))).all()
