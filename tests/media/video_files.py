"""Short videos, written by real encoders."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

SOUND_HZ = 16_000


def grey(level: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Return a picture of one shade, which every codec keeps to a few levels."""
    return np.full((*size, 3), level, np.uint8)


def film(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    rate: float | Fraction = 25,
    times: Sequence[float] | None = None,
    sound: np.ndarray | None = None,
    gop: int = 12,
    rotation: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write pictures of shape (height, width, 3), and sound at 16 kHz.

    Args:
        rate: pictures per second.
        times: seconds of each picture instead, to the millisecond.
        gop: pictures from one that can be decoded by itself to the next.
        rotation: degrees by which a player turns the pictures to the left.
    """
    import av

    codec = {".webm": "libvpx", ".avi": "mpeg4", ".flv": "flv"}.get(path.suffix, "libx264")
    exact = Fraction(rate).limit_denominator(100_000)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as file:
        track = file.add_stream(codec, rate=exact)
        track.height, track.width, track.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        track.codec_context.gop_size = gop
        track.codec_context.max_b_frames = 0
        track.bit_rate = 2_000_000
        if times is not None:
            track.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            track.set_display_rotation(rotation)
        heard = None
        if sound is not None:
            name = {".webm": "libvorbis", ".avi": "libmp3lame", ".flv": "libmp3lame"}.get(path.suffix, "aac")
            heard = file.add_stream(name, rate=SOUND_HZ if path.suffix != ".flv" else 44_100, layout="mono")
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = Fraction(1, 1000) if times is not None else 1 / exact
            frame.pts = round(times[number] * 1000) if times is not None else number
            file.mux(track.encode(frame))
        file.mux(track.encode())
        if heard is not None:
            _speak(file, heard, sound)
    return path


def _speak(file, track, sound: np.ndarray) -> None:
    import av

    frame = av.AudioFrame.from_ndarray(sound.astype(np.float32)[None], format="fltp", layout="mono")
    frame.rate, frame.pts = SOUND_HZ, 0
    resampler = av.AudioResampler(format=track.format.name, layout="mono", rate=track.rate,
                                  frame_size=track.codec_context.frame_size or 1024)  # fmt: skip
    for part in (*resampler.resample(frame), *resampler.resample(None)):
        file.mux(track.encode(part))
    file.mux(track.encode())


def levels(pictures: Callable | Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean shade of each picture."""
    return np.array([picture.mean() for picture in pictures])
