"""Any audio file as mono samples at one rate."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mer.media import container

RATE_HZ = 16_000
SILENCE_SECONDS = 1.0
"""what stands for a recording that cannot be read, where a study asks for silence instead"""

BLOCK_SECONDS = 10
"""read at a time where a recording is too long to be held"""

UNTOLD = 2**48
"""samples, more than any file holds; libsndfile has such a number where a header does not know it"""


class Unreadable(ValueError):
    """A file that is not audio, is damaged or is empty; `reason` says which."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Header:
    """What a file says of itself."""

    seconds: float
    rate: int
    channels: int


def header(path: Path) -> Header:
    """Read a file's header.

    Raises:
        Unreadable: says why.
    """
    if path.stat().st_size == 0:
        raise Unreadable(path, "the file is empty (0 bytes)")
    if path.suffix.lower() in container.SUFFIXES:
        return _container_header(path)
    try:
        info = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        raise Unreadable(path, f"not readable as audio ({error.error_string.strip().rstrip('.')})") from None
    if info.frames == 0:
        raise Unreadable(path, "the file holds no samples")
    if info.frames >= UNTOLD:
        raise Unreadable(path, "its header does not say how long it is: write it again, to a file and not a pipe")
    return Header(info.frames / info.samplerate, info.samplerate, info.channels)


def _container_header(path: Path) -> Header:
    try:
        found = Header(*container.header(path))
    except container.NoSound as error:
        raise Unreadable(path, str(error)) from None
    if found.seconds <= 0:
        raise Unreadable(path, "the file holds no samples")
    return found


def read_mono(path: Path, *, start: float | None = None, end: float | None = None, min_seconds: float = 0.0,
              max_seconds: float | None = None, rate_hz: int = RATE_HZ) -> np.ndarray:  # fmt: skip
    """Return samples as float32 of shape (n,) in about [-1, 1], channels averaged, at `rate_hz`.

    Args:
        start, end: seconds of the file to read; None reads to its edge.
        min_seconds: shorter audio is padded with zeros at its end.
        max_seconds: longer audio is cropped at its end.

    Raises:
        Unreadable: damaged, empty, or with samples that are not numbers.
        FileNotFoundError: it is not there.
    """
    mono, rate = read_native(path, start=start, end=end, max_seconds=max_seconds)
    if rate != rate_hz:
        mono = soxr.resample(mono, rate, rate_hz)
    short = round(min_seconds * rate_hz) - len(mono)
    return np.pad(mono, (0, short)) if short > 0 else mono


def read_native(
    path: Path, *, start: float | None = None, end: float | None = None, max_seconds: float | None = None
) -> tuple[np.ndarray, int]:
    """Return samples as float32 of shape (n,) in about [-1, 1], channels averaged, and the file's own rate in Hz.

    Args:
        start, end, max_seconds: as in `read_mono`.

    Raises:
        Unreadable, FileNotFoundError: as `read_mono`.
    """
    if not path.is_file():  # libsndfile would only say "system error"
        raise FileNotFoundError(f"{path}: the recording is not there any more")
    samples, rate = (_packed if path.suffix.lower() in container.SUFFIXES else _plain)(path, start, end, max_seconds)
    if len(samples) == 0:
        raise Unreadable(path, "no samples in the stretch that was asked for")
    if not np.isfinite(samples).all():
        raise Unreadable(path, "some samples are not numbers")
    return samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0], rate


def blocks(path: Path, rate_hz: int = RATE_HZ) -> Iterator[np.ndarray]:
    """Yield a whole recording, samples as of `read_mono`, in stretches of some seconds: memory does not grow with it.

    What a file is does not go by its name, which only says whether FFmpeg is asked alone or after libsndfile.

    Raises:
        Unreadable: as `read_mono`; maybe after some were yielded, where a file is damaged further on.
        FileNotFoundError: it is not there.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the recording is not there any more")
    if path.stat().st_size == 0:
        raise Unreadable(path, "the file is empty (0 bytes)")
    resampler, count = None, 0
    for samples, rate in _together(_raw_blocks(path)):
        if not np.isfinite(samples).all():
            raise Unreadable(path, f"some samples are not numbers, after {count / rate_hz:.1f} s")
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


def _raw_blocks(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """Yield samples of shape (n, channels), and their rate, as the file has them."""
    if path.suffix.lower() not in container.SUFFIXES:
        try:
            file = soundfile.SoundFile(str(path))
        except soundfile.LibsndfileError as error:
            reason = error.error_string.strip().rstrip(".")
        else:
            yield from _plain_blocks(path, file)
            return
    else:
        reason = None
    try:
        yield from container.blocks(path)
    except container.NoSound as error:
        raise Unreadable(path, f"not readable as audio ({reason})" if reason else str(error)) from None


def _plain_blocks(path: Path, file: soundfile.SoundFile) -> Iterator[tuple[np.ndarray, int]]:
    done = 0
    with file:
        try:
            while len(samples := file.read(BLOCK_SECONDS * file.samplerate, dtype="float32", always_2d=True)):
                yield samples, file.samplerate
                done += len(samples)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.strip().rstrip(".")
            raise Unreadable(path, f"damaged after {done / file.samplerate:.1f} s ({reason})") from None
        if done < file.frames < UNTOLD:
            seconds, told = done / file.samplerate, file.frames / file.samplerate
            raise Unreadable(path, f"cut off: {seconds:.1f} of {told:.1f} s could be read")


def _together(parts: Iterator[tuple[np.ndarray, int]]) -> Iterator[tuple[np.ndarray, int]]:
    """Yield parts joined to about `BLOCK_SECONDS`: those of FFmpeg are of some milliseconds."""
    held, size, rate = [], 0, 0
    try:
        for samples, rate in parts:
            held.append(samples)
            size += len(samples)
            if size >= BLOCK_SECONDS * rate:
                yield np.concatenate(held), rate
                held, size = [], 0
    except Unreadable:
        if held:  # what could be read before the damage
            yield np.concatenate(held), rate
        raise
    if held:
        yield np.concatenate(held), rate


def _plain(path: Path, start: float | None, end: float | None, max_seconds: float | None) -> tuple[np.ndarray, int]:
    try:
        with soundfile.SoundFile(str(path)) as file:
            first = min(file.frames, round((start or 0.0) * file.samplerate))
            last = file.frames if end is None else min(file.frames, round(end * file.samplerate))
            if max_seconds is not None:
                last = min(last, first + round(max_seconds * file.samplerate))
            if first:
                file.seek(first)
            samples, rate = file.read(max(0, last - first), dtype="float32", always_2d=True), file.samplerate
    except soundfile.LibsndfileError as error:
        raise Unreadable(path, f"not readable as audio ({error.error_string.strip().rstrip('.')})") from None
    if len(samples) < last - first:
        raise Unreadable(path, f"cut off: {len(samples)} of {last - first} samples could be read")
    return samples, rate


def _packed(path: Path, start: float | None, end: float | None, max_seconds: float | None) -> tuple[np.ndarray, int]:
    first, last = start or 0.0, np.inf if end is None else end
    try:
        return container.read(path, first, last if max_seconds is None else min(last, first + max_seconds))
    except container.NoSound as error:
        raise Unreadable(path, str(error)) from None
