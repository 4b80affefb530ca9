import numpy as np
import pytest
import soundfile

from mer.media import audio


def tone(seconds, rate, channels=1):
    t = np.arange(round(seconds * rate)) / rate
    return np.repeat(0.3 * np.sin(2 * np.pi * 440 * t)[:, None], channels, axis=1)


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.wav", "PCM_16"), ("a.wav", "DOUBLE"), ("a.flac", "PCM_16"), ("a.wav", "PCM_U8")]
)
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_rate_channel_count_and_sample_format_is_read(tmp_path, name, subtype, rate, channels):
    soundfile.write(tmp_path / name, tone(1.0, rate, channels), rate, subtype=subtype)
    assert audio.header(tmp_path / name) == audio.Header(1.0, rate, channels)
    mono = audio.read_mono(tmp_path / name)
    assert mono.dtype == np.float32
    assert mono.shape == (16_000,)
    spectrum = np.abs(np.fft.rfft(mono))
    assert abs(spectrum.argmax() - 440) <= 1
    assert 0.25 < np.abs(mono[2000:-2000]).max() < 0.35


def test_segments_are_padded_and_cropped(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(2.0, 16_000), 16_000)
    assert audio.read_mono(tmp_path / "a.wav", start=0.5, end=1.0).shape == (8_000,)
    assert audio.read_mono(tmp_path / "a.wav", max_seconds=0.25).shape == (4_000,)
    assert audio.read_mono(tmp_path / "a.wav", min_seconds=3.0).shape == (48_000,)
    with pytest.raises(audio.Unreadable, match="segment"):
        audio.read_mono(tmp_path / "a.wav", start=5.0)


def test_file_without_audio_is_unreadable(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("version https://git-lfs.github.com/spec/v1\n")
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    for name, reason in [("empty.wav", "0 bytes"), ("text.wav", "not readable"), ("none.wav", "no samples")]:
        with pytest.raises(audio.Unreadable, match=reason):
            audio.header(tmp_path / name)


def test_truncated_flac_is_unreadable(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, 32_000), 16_000)
    whole = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(audio.Unreadable):
        audio.read_mono(tmp_path / "a.flac")


def test_samples_with_nan_are_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.0, np.nan, 0.0]), 16_000, subtype="FLOAT")
    with pytest.raises(audio.Unreadable, match="not numbers"):
        audio.read_mono(tmp_path / "a.wav")


def test_header_without_a_length_has_no_duration(tmp_path):
    soundfile.write(tmp_path / "a.flac", tone(1.0, 16_000), 16_000)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0  # FLAC keeps the number of samples in these 36 bits; an encoder into a pipe leaves them empty
    data[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(bytes(data))
    with pytest.raises(audio.Unreadable, match="does not say how long"):
        audio.header(tmp_path / "a.flac")
