"""Pretrained networks in numbers of 16 bits."""

import numpy as np
import pytest
import torch

from mer.features import Resources, audio
from mer.features.audio import encoder
from mer.features.pretrained.audio import audio_networks
from mer.params.schema import Data
from tests.features.audio.test_encoder import clips, section, vectors
from tests.features.audio.test_encoder_spectra import REAL, needs_real
from tests.features.pretrained import tiny

needs_bf16 = pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="the CPU does not compute in bf16")
MAKE = {"wav2vec2": tiny.sound, **tiny.SPECTRA}


@needs_bf16
@pytest.mark.parametrize("kind", MAKE)
def test_bf16_vectors_are_near_those_of_full_precision(kind, tmp_path):
    folder, waveforms = MAKE[kind](tmp_path), clips([0.7, 0.5])
    full = vectors(folder, waveforms, layer="all", pooling="mean_std")
    half = vectors(folder, waveforms, layer="all", pooling="mean_std", precision="bf16")
    distance = np.linalg.norm(half - full, axis=1) / np.linalg.norm(full, axis=1)
    assert (distance < 0.03).all()
    assert (distance > 1e-5).all()  # it did compute in 16 bits


@needs_real
@needs_bf16
def test_real_whisper_in_bf16_is_within_3_percent():
    waveforms = clips([2.2, 0.4, 1.0])
    full = np.split(vectors(REAL, waveforms, layer="all"), 5, axis=1)
    half = np.split(vectors(REAL, waveforms, layer="all", precision="bf16"), 5, axis=1)
    for a, b in zip(full, half, strict=True):
        assert (np.linalg.norm(b - a, axis=1) < 0.03 * np.linalg.norm(a, axis=1)).all()


def test_precision_that_the_device_cannot_is_refused(tmp_path, monkeypatch):
    folder = tiny.whisper(tmp_path)
    with pytest.raises(ValueError, match=r"features\.audio\.precision: the device \(cpu\) does not compute in fp16"):
        encoder.open_extractor(section(folder, precision="fp16"), Resources())
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    with pytest.raises(ValueError, match="does not compute in bf16"):
        encoder.open_extractor(section(folder, precision="bf16"), Resources())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 0))
    with pytest.raises(ValueError, match=r"\(cuda\) does not compute in bf16"):
        audio_networks.number_type("bf16", "cuda", "features.audio.precision")
    assert audio_networks.number_type("fp16", "cuda", "x") == torch.float16


def test_precision_is_part_of_the_address(tmp_path):
    folder = tiny.whisper(tmp_path)
    full, half = (audio.spec(section(folder, precision=p), Data()) for p in ("full", "bf16"))
    assert half == {**full, "precision": "bf16"}
