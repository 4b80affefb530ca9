"""Sound inside mp4, m4a, avi, webm and their like, through FFmpeg's libraries (PyAV)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

SUFFIXES = (".aac", ".avi", ".flv", ".m4a", ".mkv", ".mov", ".mp4", ".webm", ".wma")
"""what libsndfile, which is faster, cannot open"""

FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,live_flv,matroska,mov,mp3,mp4,mpeg,mpegts,ogg,tta,w64,wav,"
    "webm,wv"
)
"""FFmpeg's names of what a file may be, whatever its suffix: no list that leads to other files or addresses"""


class NoSound(ValueError):
    """A file without a sound track, or that FFmpeg cannot read."""


def header(path: Path) -> tuple[float, int, int]:
    """Return seconds, rate in Hz and channels of the first sound track, without decoding it where that can be.

    Raises:
        NoSound: says why.
    """
    with _opened(path) as (file, track):
        if track.duration is not None:
            seconds = float(track.duration * track.time_base)
        elif file.duration is not None:
            seconds = file.duration / 1_000_000  # FFmpeg's own unit
        else:
            seconds = sum(frame.samples for frame in _frames(file, track)) / track.rate
        return seconds, track.rate, track.channels


def read(path: Path, first: float, last: float) -> tuple[np.ndarray, int]:
    """Return samples as float32 of shape (n, channels) in about [-1, 1] and their rate in Hz.

    Args:
        first, last: seconds from the beginning; what lies outside is not kept. `last` may be infinite.

    Raises:
        NoSound: there is none, or it ends in something that cannot be decoded.
    """
    with _opened(path) as (file, track):
        rate, channels = track.rate, track.channels
        begin, end = round(first * rate), np.inf if np.isinf(last) else round(last * rate)
        place, kept = 0, []
        for samples in _samples(file, track):
            kept.append(samples[max(0, begin - place) : int(max(0, min(len(samples), end - place)))])
            place += len(samples)
            if place >= end:
                break
    return np.concatenate(kept or [np.zeros((0, channels))]).astype(np.float32), rate


def blocks(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """Yield samples from the beginning to the end, as of `read`, a few at a time: a long file needs no more memory.

    Raises:
        NoSound: as `read`; maybe after some were yielded.
    """
    with _opened(path) as (file, track):
        rate = track.rate
        for samples in _samples(file, track):
            yield samples.astype(np.float32), rate


@contextmanager
def _opened(path: Path) -> Iterator[tuple]:
    """Yield a file and its first sound track; FFmpeg's errors become ours."""
    import av

    try:
        file = av.open(str(path), metadata_errors="replace", options={"format_whitelist": FORMATS})
    except av.ArgumentError:  # what FFmpeg says where a format is not on the list
        raise NoSound("not readable as audio (not a format of sound, whatever its name says)") from None
    except (av.FFmpegError, OSError) as error:
        raise NoSound(f"not readable as audio ({_said(error)})") from None
    with file:
        if not file.streams.audio:
            raise NoSound("no sound track in it")
        track = file.streams.audio[0]
        if track.codec_context is None:
            raise NoSound("its sound is coded in a way that FFmpeg does not know")
        if not track.rate or not track.channels:
            raise NoSound("its sound track does not say its rate and channels: the file is damaged")
        yield file, track


def _samples(file, track) -> Iterator[np.ndarray]:
    """Yield what each frame holds, of shape (n, channels)."""
    import av

    channels, resampler = track.channels, av.AudioResampler(format="flt", rate=track.rate)
    for frame in _frames(file, track):
        for part in _resampled(resampler, frame):
            yield part.to_ndarray().reshape(-1, channels)


def _frames(file, track) -> Iterator:
    import av

    try:
        yield from file.decode(track)
    except av.FFmpegError as error:
        raise NoSound(f"cannot be decoded to its end ({_said(error)})") from None


def _resampled(resampler, frame) -> list:
    import av

    try:
        return resampler.resample(frame)
    except (av.FFmpegError, ValueError):  # PyAV's own refusal of a frame that is not like the first one
        raise NoSound("its sound changes its rate or channels midway") from None


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")
