"""Frames at even times from videos of any frame rate, and messages for files that are no videos."""

import tracemalloc
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.media import container, video
from tests.media.video_files import SOUND_HZ, film, grey, levels

STEP = 2
"""The difference between the grey levels of two consecutive frames."""
NEAR = 1.5
"""The largest error of a codec, in grey levels."""
TONE = 0.1 * np.sin(np.arange(2 * SOUND_HZ) / 9)


def shades(count: int) -> list[np.ndarray]:
    return [grey(20 + STEP * i) for i in range(count)]


def number(level):
    """Return the number of the frame with this grey level."""
    return (np.asarray(level) - 20) / STEP


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "avi", "flv"])
@pytest.mark.parametrize("rate", [25, 30, Fraction(24_000, 1001), 12, 3])
def test_five_frames_per_second_for_any_frame_rate(tmp_path, suffix, rate):
    path = film(tmp_path / f"a.{suffix}", shades(50), rate=rate)
    seen = number(levels(video.frames(path)))
    instants = np.arange(int(np.ceil(50 / rate * 5 - 1e-6))) / 5
    assert len(seen) == len(instants)
    assert np.abs(seen - np.floor(instants * float(rate) + 1e-6)).max() * STEP <= NEAR


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "webm", "flv"])
def test_segment_equals_that_part_of_the_whole(tmp_path, suffix):
    path = film(tmp_path / f"a.{suffix}", shades(100), rate=20, gop=30)
    whole = list(video.frames(path))
    for first, last in ((0.0, 1.0), (1.0, 2.0), (3.0, 4.6), (4.8, 9.0)):  # the last two are sought, over key pictures
        part = list(video.frames(path, start=first, end=last))
        np.testing.assert_array_equal(part, whole[round(first * 5) : round(last * 5)])
    assert len(list(video.frames(path, start=1.0, max_seconds=0.5))) == 3  # at 1.0, 1.2 and 1.4
    for first, last in ((6.0, None), (1.0, 1.0)):
        with pytest.raises(video.Unreadable, match="no frames in the requested segment"):
            list(video.frames(path, start=first, end=last))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=12), st.sampled_from([1.0, 2.5, 5.0, 7.0]))
def test_frames_at_uneven_times_are_shown_until_the_next(tmp_path_factory, gaps, per_second):
    times = np.concatenate([[0], np.cumsum(gaps)]) / 1000  # to the millisecond, as telephones and mkv have them
    path = film(tmp_path_factory.mktemp("film") / "a.mkv", shades(len(times)), times=times)
    seen = number(levels(video.frames(path, per_second=per_second, end=float(times[-1]))))
    instants = np.arange(int(np.ceil((times[-1] - 1e-6) * per_second))) / per_second
    shown = np.searchsorted(times, instants + 1e-6, side="right") - 1
    np.testing.assert_allclose(seen, shown, atol=NEAR / STEP)


def test_missing_times_follow_from_the_frame_rate(tmp_path):
    path = film(tmp_path / "a.mp4", shades(30), rate=10)
    with video._opened(path) as (file, track):
        real = list(file.decode(track))
        pictures = [
            SimpleNamespace(time=None if i % 3 else f.time, duration=1, time_base=Fraction(1, 10))
            for i, f in enumerate(real)
        ]
        untimed = SimpleNamespace(start_time=0, decode=lambda _: iter(pictures))
        seen = [time for time, _ in video._decoded(path, untimed, track, 3.0)]
    np.testing.assert_allclose(seen, np.arange(30) / 10)


def test_single_frame_and_late_first_frame_are_shown(tmp_path):
    assert len(list(video.frames(film(tmp_path / "one.mp4", shades(1))))) == 1
    late = film(tmp_path / "late.mkv", shades(2), times=[0.5, 1.0], sound=TONE)
    assert number(levels(video.frames(late, end=1.0))).round().tolist() == [0] * 5


def test_frames_are_rotated_as_the_file_states(tmp_path):
    picture = grey(50)
    picture[:, :32] = 200  # bright on the left, which is at the bottom after a quarter turn to the left
    turned = next(video.frames(film(tmp_path / "a.mp4", [picture] * 3, rotation=90)))
    assert turned.shape == (64, 48, 3)
    assert turned[-8:].mean() > 180 > 70 > turned[:8].mean()
    upside_down = next(video.frames(film(tmp_path / "b.mp4", [picture] * 3, rotation=180)))
    assert upside_down[:, -8:].mean() > 180 > 70 > upside_down[:, :8].mean()


def test_memory_does_not_grow_with_the_duration(tmp_path):
    path = film(tmp_path / "long.mp4", [grey(50, (240, 320))] * 600, rate=10)
    tracemalloc.start()
    count = sum(1 for _ in video.frames(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300
    assert peak < 8 * 240 * 320 * 3


def damaged(path, data: bytes):
    path.write_bytes(data)
    return path


def test_file_that_is_no_video_is_unreadable(tmp_path):
    good = film(tmp_path / "good.mp4", shades(100), sound=TONE, options={"movflags": "+faststart"})
    data = good.read_bytes()
    still = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8"
                          "cfc0000003010100c9fe92ef0000000049454e44ae426082")  # fmt: skip
    hole = data[: len(data) // 2] + b"\xa5" * 400 + data[len(data) // 2 + 400 :]
    film(tmp_path / "sound.mp4", shades(1), sound=TONE)
    for name, content, reason in (
        ("none.mp4", b"", r"empty \(0 bytes\)"),
        ("png.mp4", still, "not a video, whatever its name says"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\ngood.mp4\n", "not readable as a video|not a video"),
        ("junk.mp4", bytes(range(256)) * 20, "not readable as a video|not a video"),
        ("cut.mp4", data[: len(data) * 2 // 3], "cannot be decoded to its end|cut off"),
        ("hole.mp4", hole, "cannot be decoded to its end"),
    ):
        path = damaged(tmp_path / name, content)
        with pytest.raises(video.Unreadable, match=reason):
            list(video.frames(path))
    assert video.has_video(good)
    assert not video.has_video(tmp_path / "png.mp4")
    with pytest.raises(FileNotFoundError):
        next(video.frames(tmp_path / "gone.mp4"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    place = tmp_path_factory.mktemp("whole")
    return {suffix: film(place / f"a.{suffix}", shades(20), rate=10) for suffix in ("mp4", "mkv", "avi", "flv", "webm")}


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(["mp4", "mkv", "avi", "flv", "webm"]))
def test_foreign_bytes_give_frames_or_a_reason(whole, data, suffix):
    content = bytearray(whole[suffix].read_bytes())
    place = st.one_of(st.integers(0, 800), st.integers(0, len(content) - 1))  # headers matter most
    for where, byte in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=8)):
        content[min(where, len(content) - 1)] = byte
    path = damaged(whole[suffix].with_name(f"changed.{suffix}"), bytes(content))
    try:
        count = sum(1 for _ in video.frames(path, max_seconds=30.0))
    except video.Unreadable:
        return
    assert 1 <= count <= 150


def test_truncated_video_is_unreadable(tmp_path):
    whole = film(tmp_path / "a.avi", shades(100)).read_bytes()
    hole = len(whole) // 2
    path = damaged(tmp_path / "b.avi", whole[:hole] + bytes(len(whole) - hole))
    with pytest.raises(video.Unreadable, match=r"cut off: frames for 1\.\d of 4\.0 s|cannot be decoded"):
        list(video.frames(path))


def test_audio_alone_and_a_cover_image_are_no_video(tmp_path):
    import av

    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as file:
        track = file.add_stream("aac", rate=SOUND_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(TONE.astype(np.float32)[None, :1024], format="fltp", layout="mono")
        frame.rate = SOUND_HZ
        file.mux([*track.encode(frame), *track.encode()])
    with pytest.raises(video.Unreadable, match=r"it has no video track$"):
        next(video.frames(path))
    assert container.header(path)[1] == SOUND_HZ
    covered = tmp_path / "covered.mp4"
    with av.open(str(covered), "w") as file:
        track = file.add_stream("aac", rate=SOUND_HZ, layout="mono")
        cover = file.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        file.mux(cover.encode(av.VideoFrame.from_ndarray(grey(50), format="rgb24")))
        file.mux([*track.encode(frame), *track.encode()])
    with pytest.raises(video.Unreadable, match="it has no video track but a cover image"):
        next(video.frames(covered))
    assert not video.has_video(covered)
