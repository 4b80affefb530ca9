"""Audio in containers that libsndfile cannot open; the tests write each container."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.media import audio, container

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


SEGMENTS = ((0.1, 0.3), (0.3, 0.3001), (0.25, 0.6), (0.25, 0.5), (1.2, 1.3), (0.0, 0.2), (1.9, 9.0), (0.5, None))
"""Segments that go on, overlap, go back, and go beyond the end."""


@pytest.mark.parametrize("name", KINDS)
def test_segments_that_go_on_where_the_last_one_ended_have_the_samples_of_the_whole(tmp_path, name):
    path = write(tmp_path / name, KINDS[name])
    whole, rate = audio.read_native(path)
    for start, end in SEGMENTS:
        last = None if end is None else round(end * rate)
        np.testing.assert_array_equal(
            audio.read_native(path, start=start, end=end)[0], whole[round(start * rate) : last]
        )


def test_segments_in_order_decode_a_file_once(tmp_path, monkeypatch):
    path, frames, decoded = write(tmp_path / "a.m4a", "aac"), [], container._frames

    def counted(file, track):
        for frame in decoded(file, track):
            frames.append(frame)
            yield frame

    monkeypatch.setattr(container, "_frames", counted)
    audio.read_native(path)
    once = len(frames)
    for tenth in range(20):
        audio.read_native(path, start=tenth / 10, end=tenth / 10 + 0.1)
    assert once <= len(frames) <= 2 * once


def test_a_file_that_is_replaced_between_two_segments_is_read_anew(tmp_path):
    path = write(tmp_path / "a.mkv", "pcm_s16le", layout="mono")
    before = audio.read_native(path, start=0.1, end=0.2)[0]
    write(tmp_path / "b.mkv", "pcm_s16le", layout="mono", seconds=1.0).replace(path)
    assert len(audio.read_native(path, start=0.2)[0]) == 38_400
    assert len(before) == 4800


def test_threads_that_read_one_file_do_not_disturb_each_other(tmp_path):
    path = write(tmp_path / "a.m4a", "aac")
    whole, rate = audio.read_native(path)
    places = [(n / 20, n / 20 + 0.05) for n in range(40)]
    with ThreadPoolExecutor(3) as pool:
        segments = list(pool.map(lambda place: audio.read_native(path, start=place[0], end=place[1])[0], places))
    for (start, end), segment in zip(places, segments, strict=True):
        np.testing.assert_array_equal(segment, whole[round(start * rate) : round(end * rate)])


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
