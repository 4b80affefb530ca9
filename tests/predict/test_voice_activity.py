"""The detector silero on real speech, noise and tones."""

import os
from pathlib import Path

import numpy as np
import pytest

from mer.files import MissingPackage
from mer.media import audio
from mer.predict.inputs import voice_activity
from tests.predict.conftest import quiet

REAL = os.environ.get("MER_REAL_CORPORA")


def test_missing_detector_message_names_the_extra(monkeypatch):
    monkeypatch.setattr(voice_activity, "find_spec", lambda _: None)
    assert voice_activity.resolve("auto") == "energy"
    with pytest.raises(MissingPackage, match=r'-e "\.\[vad\]"'):
        voice_activity.resolve("silero")


@pytest.mark.skipif(not REAL, reason="set MER_REAL_CORPORA")
def test_silero_detects_speech_and_neither_noise_nor_a_tone():
    pytest.importorskip("silero_vad")
    clips = sorted(Path(REAL).glob("RAVDESS/Actor_0[1-4]/*.flac"))[::40]
    assert clips
    clips += sorted(Path(REAL).glob("RAVDESS/Actor_*/03-01-04-02-01-01-06.flac"))  # a wail
    assert all(voice_activity.contains_speech(audio.read_mono(clip), "silero") for clip in clips)
    t = np.arange(32_000) / 16_000
    for samples in (quiet(2), np.random.default_rng(0).normal(0, 0.2, 32_000).astype(np.float32),
                 (0.3 * np.sin(880 * np.pi * t)).astype(np.float32)):  # fmt: skip
        assert not voice_activity.contains_speech(samples, "silero")
