"""Any audio file as mono samples at one sampling rate."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mer.media import Unreadable, container, limits

RATE_HZ = 16_000
"""The sampling rate of all decoded recordings, in Hz."""
SILENCE_SECONDS = 1.0
"""The duration, in seconds, of the silence that replaces an unreadable recording if the study asks for it."""

BLOCK_SECONDS = 10
"""The duration, in seconds, of the blocks in which long recordings are read."""

READ_FRAMES = 2**22
"""The number of frames that are read at once. So memory depends on what a file holds, not on what its header states."""

UNKNOWN_FRAMES = 2**48
"""The number of frames from which on libsndfile means that the header does not give the length. No file is so long."""


@dataclass(frozen=True)
class Header:
    """The header of an audio file."""

    seconds: float
    rate: int
    """The sampling rate, in Hz."""
    channels: int


def header(path: Path) -> Header:
    """Read a file's header.

    Raises:
        Unreadable: the file is empty, is no audio, holds no samples, or its header is beyond `limits`.
    """
    if (size := path.stat().st_size) == 0:
        raise Unreadable(path, "the file is empty (0 bytes)")
    result = (_container_header if path.suffix.lower() in container.SUFFIXES else _plain_header)(path)
    if fault := limits.header_fault(result.seconds, result.rate, size):
        raise Unreadable(path, fault)
    return result


def _plain_header(path: Path) -> Header:
    try:
        with _open(path) as file:
            frames, rate, channels = file.frames, file.samplerate, file.channels
    except soundfile.LibsndfileError as error:
        raise Unreadable(path, f"not readable as audio ({_message(error)})") from None
    if frames == 0:
        raise Unreadable(path, "the file holds no samples")
    if frames >= UNKNOWN_FRAMES:
        raise Unreadable(path, "its header does not say how long it is: write it again, to a file and not a pipe")
    return Header(frames / rate, rate, channels)


def _open(path: Path) -> soundfile.SoundFile:
    """Open a file by its absolute path, because libsndfile takes the name `-` for the standard input.

    Raises:
        soundfile.LibsndfileError: libsndfile cannot open it.
    """
    return soundfile.SoundFile(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow links


def _message(error: soundfile.LibsndfileError) -> str:
    return error.error_string.strip().rstrip(".")


def _container_header(path: Path) -> Header:
    try:
        result = Header(*container.header(path))
    except container.NoAudio as error:
        raise Unreadable(path, str(error)) from None
    if result.seconds <= 0:
        raise Unreadable(path, "the file holds no samples")
    return result


def read_mono(path: Path, *, start: float | None = None, end: float | None = None, min_seconds: float = 0.0,
              max_seconds: float | None = None, rate_hz: int = RATE_HZ) -> np.ndarray:  # fmt: skip
    """Return the mean of the channels: float32 samples of shape (n,) in about [-1, 1], resampled to `rate_hz` by soxr.

    Args:
        path: audio file, or video file with an audio track.
        start, end: limits of the segment to read, in seconds; None means the start or the end of the file.
        min_seconds: duration to which shorter audio is padded with zeros at its end, in seconds.
        max_seconds: duration to which longer audio is cropped at its end, in seconds.
        rate_hz: sampling rate of the result, in Hz.

    Raises:
        Unreadable: the file is damaged or empty, or its sampling rate or some samples are beyond `limits`.
        FileNotFoundError: the file does not exist.
    """
    mono, rate = read_native(path, start=start, end=end, max_seconds=max_seconds)
    if rate != rate_hz:
        mono = soxr.resample(mono, rate, rate_hz)
    padding = round(min_seconds * rate_hz) - len(mono)
    return np.pad(mono, (0, padding)) if padding > 0 else mono


def read_native(
    path: Path, *, start: float | None = None, end: float | None = None, max_seconds: float | None = None
) -> tuple[np.ndarray, int]:
    """Return the mean of the channels, float32 of shape (n,) in about [-1, 1], and the file's own sampling rate in Hz.

    Args:
        path, start, end, max_seconds: as in `read_mono`.

    Raises:
        Unreadable, FileNotFoundError: as in `read_mono`.
    """
    if not path.is_file():  # libsndfile would only say "system error"
        raise FileNotFoundError(f"{path}: the recording does not exist any more")
    samples, rate = (_from_container if path.suffix.lower() in container.SUFFIXES else _from_plain)(
        path, start, end, max_seconds
    )
    if len(samples) == 0:
        raise Unreadable(path, "no samples in the requested segment")
    if fault := limits.samples_fault(samples):
        raise Unreadable(path, fault)
    return samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0], rate


def blocks(path: Path, rate_hz: int = RATE_HZ) -> Iterator[np.ndarray]:
    """Yield a whole recording in blocks of some seconds, so that memory does not grow with its length.

    The samples are those of `read_mono`. Files that libsndfile cannot open are decoded by FFmpeg, whatever their
    suffix.

    Raises:
        Unreadable: as in `read_mono`. It may be raised after some blocks if the file is damaged further on.
        FileNotFoundError: the file does not exist.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the recording does not exist any more")
    if path.stat().st_size == 0:
        raise Unreadable(path, "the file is empty (0 bytes)")
    resampler, count = None, 0
    for samples, rate in _joined(_native_blocks(path)):
        if fault := limits.samples_fault(samples):
            raise Unreadable(path, f"{fault}, after {count / rate_hz:.1f} s")
        mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
        if rate != rate_hz:
            resampler = resampler or soxr.ResampleStream(rate, rate_hz, 1, dtype="float32")
            mono = resampler.resample_chunk(mono)
        count += len(mono)
        if len(mono):
            yield mono
    rest = resampler.resample_chunk(np.zeros(0, np.float32), last=True) if resampler else np.zeros(0)
    if len(rest):
        yield rest
    if count + len(rest) == 0:
        raise Unreadable(path, "the file holds no samples")


def _native_blocks(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """Yield samples of shape (n, channels) and the sampling rate of the file, in Hz."""
    if path.suffix.lower() not in container.SUFFIXES:
        try:
            file = _open(path)
        except soundfile.LibsndfileError as error:
            reason = _message(error)
        else:
            yield from _plain_blocks(path, file)
            return
    else:
        reason = None
    try:
        yield from container.blocks(path)
    except container.NoAudio as error:
        raise Unreadable(path, f"not readable as audio ({reason})" if reason else str(error)) from None


def _plain_blocks(path: Path, file: soundfile.SoundFile) -> Iterator[tuple[np.ndarray, int]]:
    n_read = 0
    with file:
        _check_rate(path, file.samplerate)
        try:
            while len(samples := file.read(BLOCK_SECONDS * file.samplerate, dtype="float32", always_2d=True)):
                yield samples, file.samplerate
                n_read += len(samples)
        except soundfile.LibsndfileError as error:
            raise Unreadable(path, f"damaged after {n_read / file.samplerate:.1f} s ({_message(error)})") from None
        if n_read < file.frames < UNKNOWN_FRAMES:
            seconds, total = n_read / file.samplerate, file.frames / file.samplerate
            raise Unreadable(path, f"cut off: {seconds:.1f} of {total:.1f} s could be read")


def _joined(chunks: Iterator[tuple[np.ndarray, int]]) -> Iterator[tuple[np.ndarray, int]]:
    """Yield chunks joined to blocks of about `BLOCK_SECONDS`, because those of FFmpeg last some milliseconds."""
    waiting, size, rate = [], 0, 0
    try:
        for samples, rate in chunks:
            waiting.append(samples)
            size += len(samples)
            if size >= BLOCK_SECONDS * rate:
                yield np.concatenate(waiting), rate
                waiting, size = [], 0
    except Unreadable:
        if waiting:  # the samples before the damage
            yield np.concatenate(waiting), rate
        raise
    if waiting:
        yield np.concatenate(waiting), rate


def _from_plain(
    path: Path, start: float | None, end: float | None, max_seconds: float | None
) -> tuple[np.ndarray, int]:
    try:
        with _open(path) as file:
            _check_rate(path, file.samplerate)
            first = min(file.frames, round((start or 0.0) * file.samplerate))
            last = file.frames if end is None else min(file.frames, round(end * file.samplerate))
            if max_seconds is not None:
                last = min(last, first + round(max_seconds * file.samplerate))
            if first:
                file.seek(first)
            samples, rate = _read_frames(file, max(0, last - first)), file.samplerate
    except soundfile.LibsndfileError as error:
        raise Unreadable(path, f"not readable as audio ({_message(error)})") from None
    if len(samples) < last - first:
        raise Unreadable(path, f"cut off: {len(samples)} of {last - first} samples could be read")
    return samples, rate


def _read_frames(file: soundfile.SoundFile, count: int) -> np.ndarray:
    """Return up to `count` frames, float32 of shape (n, channels)."""
    parts = [file.read(min(count, READ_FRAMES), dtype="float32", always_2d=True)]
    while (left := count - sum(map(len, parts))) > 0 and len(parts[-1]):
        parts.append(file.read(min(left, READ_FRAMES), dtype="float32", always_2d=True))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _check_rate(path: Path, rate: int) -> None:
    if fault := limits.header_fault(0.0, rate, 1):
        raise Unreadable(path, fault)


def _from_container(
    path: Path, start: float | None, end: float | None, max_seconds: float | None
) -> tuple[np.ndarray, int]:
    first, last = start or 0.0, np.inf if end is None else end
    try:
        return container.read(path, first, last if max_seconds is None else min(last, first + max_seconds))
    except container.NoAudio as error:
        raise Unreadable(path, str(error)) from None
