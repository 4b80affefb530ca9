"""Recordings that are read block by block equal those that are read as a whole."""

import numpy as np
import pytest
import soundfile

from mer.media import audio
from tests.media.video_files import film, grey


def noise(seconds, channels=1, rate=16_000):
    result = np.random.default_rng(0).normal(0, 0.1, (round(seconds * rate), channels)).astype(np.float32)
    return result[:, 0] if channels == 1 else result


def test_blocks_equal_the_whole_to_the_bit_at_the_same_rate(tmp_path):
    soundfile.write(tmp_path / "a.flac", noise(23, 2), 16_000)
    parts = list(audio.blocks(tmp_path / "a.flac"))
    assert max(map(len, parts)) == audio.BLOCK_SECONDS * 16_000
    assert (np.concatenate(parts) == audio.read_mono(tmp_path / "a.flac")).all()


def test_blocks_resampled_are_nearly_the_whole(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(21, rate=44_100), 44_100)
    whole, parts = audio.read_mono(tmp_path / "a.wav"), np.concatenate(list(audio.blocks(tmp_path / "a.wav")))
    assert len(parts) == pytest.approx(len(whole), abs=1)
    assert np.abs(parts[: len(whole)] - whole[: len(parts)]).max() < 1e-3


def test_audio_of_a_video_is_read_under_any_suffix(tmp_path):
    place = film(tmp_path / "a.mp4", [grey(9)] * 300, sound=noise(12))
    whole = audio.read_mono(place)
    place.rename(tmp_path / "a.what")
    assert (np.concatenate(list(audio.blocks(tmp_path / "a.what"))) == whole).all()


@pytest.mark.parametrize("kept", [0.3, 0.8])
def test_blocks_before_the_damage_are_yielded(tmp_path, kept):
    soundfile.write(tmp_path / "a.flac", noise(60), 16_000)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: int(kept * len(data))])
    result = []
    with pytest.raises(audio.Unreadable, match=r"damaged after|cut off"):
        result.extend(audio.blocks(tmp_path / "a.flac"))
    assert sum(map(len, result)) >= (60 * kept - audio.BLOCK_SECONDS - 1) * 16_000


@pytest.mark.parametrize(
    ("content", "outcome"), [(b"", "empty"), (b"words", "not readable"), (b"#EXTM3U\nb.wav\n", "not readable")]
)
@pytest.mark.parametrize("suffix", [".wav", ".mp4", ".what"])
def test_file_without_audio_is_refused(tmp_path, suffix, content, outcome):
    (tmp_path / f"a{suffix}").write_bytes(content)
    with pytest.raises(audio.Unreadable, match=outcome):
        list(audio.blocks(tmp_path / f"a{suffix}"))
