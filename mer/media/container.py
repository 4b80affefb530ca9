"""Audio tracks inside mp4, m4a, avi, webm and similar containers, through FFmpeg's libraries (PyAV)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mer.media import limits

SUFFIXES = (".aac", ".avi", ".flv", ".m4a", ".mkv", ".mov", ".mp4", ".webm", ".wma")
"""The suffixes of containers. libsndfile, which is faster, cannot open them."""

FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,live_flv,matroska,mov,mp3,mp4,mpeg,mpegts,ogg,tta,w64,wav,"
    "webm,wv"
)
"""FFmpeg's names of the formats that are read, whatever the suffix. Playlists, which lead to other files or addresses,
are not among them."""


class NoAudio(ValueError):
    """A file without an audio track, or one that FFmpeg cannot read."""


def address(path: Path) -> str:
    """Return the absolute path of a file. FFmpeg takes a relative path that begins with `http:` for a web address."""
    return os.path.abspath(path)  # noqa: PTH100 - `resolve` would follow links, whose target may have another suffix


def local_options(formats: str) -> dict[str, str]:
    """Return options with which FFmpeg reads these formats only, and nothing but files."""
    return {"format_whitelist": formats, "protocol_whitelist": "file"}


def header(path: Path) -> tuple[float, int, int]:
    """Return duration in seconds, sampling rate in Hz and channels of the first audio track.

    The track is decoded only if neither it nor the file states the duration.

    Raises:
        NoAudio: the file cannot be read or has no audio track.
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
    """Return samples as float32 of shape (n, channels) in about [-1, 1], and their sampling rate in Hz.

    Args:
        path: media file.
        first, last: limits of the segment to return, in seconds from the start of the file. `last` may be infinite.

    Raises:
        NoAudio: there is no audio track, or it cannot be decoded to the end of the segment.
    """
    with _opened(path) as (file, track):
        rate, channels = track.rate, track.channels
        begin, end = round(first * rate), np.inf if np.isinf(last) else round(last * rate)
        position, segment = 0, []
        for samples in _samples(file, track):
            segment.append(samples[max(0, begin - position) : int(max(0, min(len(samples), end - position)))])
            position += len(samples)
            if position >= end:
                break
    return np.concatenate(segment or [np.zeros((0, channels))]).astype(np.float32), rate


def blocks(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """Yield all samples, in the form of `read`, in chunks of some milliseconds.

    Raises:
        NoAudio: as in `read`. It may be raised after some chunks.
    """
    with _opened(path) as (file, track):
        rate = track.rate
        for samples in _samples(file, track):
            yield samples.astype(np.float32), rate


@contextmanager
def _opened(path: Path) -> Iterator[tuple]:
    """Yield a file and its first audio track. FFmpeg's errors become `NoAudio`."""
    import av

    try:
        file = av.open(address(path), metadata_errors="replace", options=local_options(FORMATS))
    except av.ArgumentError:  # FFmpeg's error for a format that is not in the list
        raise NoAudio("not readable as audio (not an audio format, whatever its name says)") from None
    except (av.FFmpegError, OSError) as error:
        raise NoAudio(f"not readable as audio ({_message(error)})") from None
    with file:
        if not file.streams.audio:
            raise NoAudio("it has no audio track")
        track = file.streams.audio[0]
        if track.codec_context is None:
            raise NoAudio("its audio has a codec that FFmpeg does not know")
        if not track.rate or not track.channels:
            raise NoAudio("its audio track states neither rate nor channels: the file is damaged")
        if fault := limits.header_fault(0.0, track.rate, 1):
            raise NoAudio(fault)
        yield file, track


def _samples(file, track) -> Iterator[np.ndarray]:
    """Yield the samples of each frame, of shape (n, channels)."""
    import av

    channels, resampler = track.channels, av.AudioResampler(format="flt", rate=track.rate)
    for frame in _frames(file, track):
        for resampled in _resampled(resampler, frame):
            yield resampled.to_ndarray().reshape(-1, channels)


def _frames(file, track) -> Iterator:
    import av

    try:
        yield from file.decode(track)
    except av.FFmpegError as error:
        raise NoAudio(f"cannot be decoded to its end ({_message(error)})") from None


def _resampled(resampler, frame) -> list:
    import av

    try:
        return resampler.resample(frame)
    except (av.FFmpegError, ValueError):  # PyAV refuses a frame with another format than the first
        raise NoAudio("its audio changes rate or channels midway") from None


def _message(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")
