"""Audio in containers that libsndfile cannot open; the tests write each container."""

import contextlib

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.media import audio

KINDS = {
    "a.m4a": "aac",
    "a.mp4": "aac",
    "a.mkv": "pcm_s16le",
    "a.webm": "libopus",
    "a.avi": "pcm_s16le",
    "a.mov": "pcm_s16le",
}


def write(path, codec, *, seconds=2.0, rate=48_000, layout="stereo", picture=False):
    with av.open(str(path), "w") as file:
        if picture:
            film = file.add_stream("mpeg4", rate=5)
            film.width, film.height = 16, 16
        sound = file.add_stream(codec, rate=rate, layout=layout) if codec else None
        if picture:
            frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
            for packet in (*film.encode(frame), *film.encode(None)):
                file.mux(packet)
        if sound:
            channels = {"mono": 1, "stereo": 2}[layout]
            time = np.arange(round(seconds * rate)) / rate
            tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.tile(tone, (channels, 1)), format="fltp", layout=layout)
            frame.rate = rate
            resampler = av.AudioResampler(sound.format.name, layout, rate, frame_size=sound.frame_size or None)
            for part in (*resampler.resample(frame), *resampler.resample(None)):
                for packet in sound.encode(part):
                    file.mux(packet)
            for packet in sound.encode(None):
                file.mux(packet)
    return path


@pytest.mark.parametrize("name", KINDS)
def test_audio_of_every_container_is_read(tmp_path, name):
    path = write(tmp_path / name, KINDS[name])
    header = audio.header(path)
    assert (header.rate, header.channels) == (48_000, 2)
    assert header.seconds == pytest.approx(2.0, abs=0.05)  # codecs work in blocks
    mono = audio.read_mono(path)
    assert mono.dtype == np.float32
    assert len(mono) == pytest.approx(32_000, abs=800)
    assert abs(np.abs(np.fft.rfft(mono[:16_000])).argmax() - 440) <= 1
    assert 0.25 < np.abs(mono[2000:-2000]).max() < 0.35


def test_segment_of_a_container_is_read(tmp_path):
    path = write(tmp_path / "a.mkv", "pcm_s16le", layout="mono")
    whole = audio.read_mono(path, rate_hz=48_000)
    np.testing.assert_array_equal(audio.read_mono(path, start=0.5, end=1.0, rate_hz=48_000), whole[24_000:48_000])
    assert len(audio.read_mono(path, max_seconds=0.25, rate_hz=48_000)) == 12_000
    with pytest.raises(audio.Unreadable, match="segment"):
        audio.read_mono(path, start=9.0)


def test_video_without_audio_is_refused_and_video_with_audio_is_read(tmp_path):
    with pytest.raises(audio.Unreadable, match="no audio track"):
        audio.header(write(tmp_path / "silent.mp4", None, picture=True))
    assert audio.header(write(tmp_path / "film.mp4", "aac", picture=True)).seconds == pytest.approx(2.0, abs=0.05)


def test_file_that_is_no_container_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("this is not a film, and longer than nothing")
    for read in (audio.header, audio.read_mono):
        with pytest.raises(audio.Unreadable, match="not readable as audio"):
            read(tmp_path / "text.mp4")
    whole = write(tmp_path / "a.m4a", "aac").read_bytes()
    (tmp_path / "half.m4a").write_bytes(whole[: len(whole) // 2])  # its table of contents stands at the end
    with pytest.raises(audio.Unreadable):
        audio.header(tmp_path / "half.m4a")
    with pytest.raises(FileNotFoundError):
        audio.read_mono(tmp_path / "gone.mp4")


def test_track_that_cannot_be_decoded_is_refused(tmp_path):
    path = write(tmp_path / "a.mkv", "pcm_s16le")
    path.write_bytes(path.read_bytes().replace(b"A_PCM/INT/LIT", b"A_XYZ/INT/LIT"))
    for read in (audio.header, audio.read_mono):
        with pytest.raises(audio.Unreadable, match=r"does not know|states neither"):
            read(path)


def test_audio_that_changes_its_format_is_refused(tmp_path):
    first = write(tmp_path / "1.aac", "aac", rate=16_000, layout="mono").read_bytes()
    (tmp_path / "1.aac").write_bytes(first + write(tmp_path / "2.aac", "aac", rate=44_100).read_bytes())
    with pytest.raises(audio.Unreadable, match="midway"):
        audio.read_mono(tmp_path / "1.aac")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    return folder, {name: write(folder / name, KINDS[name], seconds=0.2).read_bytes() for name in ("a.mp4", "a.mkv")}


@given(st.sampled_from(["a.mp4", "a.mkv"]), st.lists(st.tuples(st.integers(0, 899), st.integers(0, 255)), max_size=20))
def test_damaged_container_is_read_or_refused(packed, name, damage):
    folder, whole = packed
    data = bytearray(whole[name])
    for place, value in damage:
        # an mp4 describes itself at its end, an mkv at its beginning
        data[-1 - place if name == "a.mp4" else place] = value
    (folder / f"damaged-{name}").write_bytes(bytes(data))
    for read in (audio.header, lambda path: audio.read_mono(path, max_seconds=1.0)):
        with contextlib.suppress(audio.Unreadable):
            result = read(folder / f"damaged-{name}")
            assert isinstance(result, np.ndarray) or (result.rate > 0 and result.channels > 0)
