"""Audio tracks inside mp4, m4a, avi, webm and similar containers, through FFmpeg's libraries (PyAV)."""

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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

    A file is decoded from its start, because samples after a jump would differ. A thread that reads the segments of a
    file in their order decodes it once: each segment goes on where the one before ended.

    Args:
        path: media file.
        first, last: limits of the segment to return, in seconds from the start of the file. `last` may be infinite.

    Raises:
        NoAudio: there is no audio track, or it cannot be decoded to the end of the segment.
    """
    decoder = _decoder(path, first)
    try:
        samples = decoder.segment(first, last)
    except BaseException:
        decoder.close()
        raise
    if decoder.ended:
        decoder.close()
    else:
        _last.decoder = decoder
    return samples, decoder.rate


_last = threading.local()
"""The decoder of the segment that this thread has read last, if its file goes on."""


@atexit.register
def _close_last() -> None:
    """Close the decoder of this thread, before the modules that it needs are taken down."""
    if (decoder := getattr(_last, "decoder", None)) is not None:
        decoder.close()


def _decoder(path: Path, first: float) -> "_Decoder":
    """Return this thread's last decoder if it still has a moment (seconds) of the file, else a new one."""
    version = _version(path)
    last, _last.decoder = getattr(_last, "decoder", None), None
    if last is not None:
        if last.version == version and round(first * last.rate) >= last.kept_from:
            return last
        last.close()
    return _Decoder(path, version)


def _version(path: Path) -> tuple:
    """Return what tells a file from its other versions, and this process from its copies, which share its files."""
    state = path.stat()
    return address(path), state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns, os.getpid()


class _Decoder:
    """A file that is decoded from its start, segment by segment.

    Attributes:
        version: what tells the file from its other versions.
        rate, channels: those of its track.
        ended: whether the file has been decoded to its end.
        kept_from: the number of the first sample that a further segment may have.
    """

    def __init__(self, path: Path, version: tuple) -> None:
        self._resources = ExitStack()
        file, track = self._resources.enter_context(_opened(path))
        self.version, self.rate, self.channels = version, track.rate, track.channels
        self.ended, self.kept_from = False, 0
        self._decoded, self._position = _samples(file, track), 0
        self._kept: list[np.ndarray] = []

    def segment(self, first: float, last: float) -> np.ndarray:
        """Return the samples between two moments in seconds, float32 (n, channels); `last` may be infinite."""
        begin, end = round(first * self.rate), np.inf if np.isinf(last) else round(last * self.rate)
        while self._kept and self.kept_from + len(self._kept[0]) <= begin:
            self.kept_from += len(self._kept.pop(0))
        while self._position < end and not self.ended:
            samples = next(self._decoded, None)
            if samples is None:
                self.ended = True
                break
            self._position += len(samples)
            if self._position > begin:
                self._kept.append(samples)
            else:
                self.kept_from = self._position
        inside = slice(max(0, begin - self.kept_from), int(max(0, min(self._position, end) - self.kept_from)))
        return np.concatenate([np.zeros((0, self.channels), np.float32), *self._kept])[inside].astype(np.float32)

    def close(self) -> None:
        """Close the file."""
        self._decoded.close()
        self._resources.close()


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
