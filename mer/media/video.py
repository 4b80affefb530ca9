"""The frames of a video at equally spaced times, through FFmpeg's libraries (PyAV).

Frame rates differ between files, and files from telephones have variable rates. A frame is therefore selected by the
time at which it is shown and not by its number. Times count from the start of the file, as those of its audio do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mer.media import Unreadable
from mer.media.container import address, local_options

SUFFIXES = (".avi", ".flv", ".mkv", ".mov", ".mp4", ".webm")
"""The suffixes of files that may hold video."""

FORMATS = "avi,flv,matroska,mov,mp4,mpeg,mpegts,ogg,webm"
"""FFmpeg's names of the formats that are read, whatever the suffix. Still images, and playlists, which lead to other
files, are not among them."""

SEEK_SECONDS = 2.0
"""The start of a segment, in seconds, from which on the reader seeks instead of decoding all frames before it."""

CUT_SECONDS = 1.0
"""The largest difference between the stated and the actual end of a complete video track, in seconds."""

MAX_FRAME_SECONDS = 3600.0
"""The longest time for which one frame may be shown, in seconds. A longer one means that the times are damaged."""

MAX_PIXELS = 8192 * 8192
TIME_TOLERANCE = 1e-6
"""The tolerance of times, in seconds: below the time units of containers and above rounding errors of floats."""


def has_video(path: Path) -> bool:
    """Return whether a file's header names a video track. Nothing is decoded."""
    try:
        with _opened(path):
            return True
    except (Unreadable, FileNotFoundError):
        return False


def seconds(path: Path) -> float | None:
    """Return the duration of the video track in seconds, as the file states it; None if it does not.

    Raises:
        Unreadable, FileNotFoundError: as in `frames`.
    """
    with _opened(path) as (file, track):
        if track.duration is not None:
            return float(track.duration * track.time_base)
        return file.duration / 1_000_000 if file.duration else None  # FFmpeg's own unit


def frames(path: Path, *, per_second: float = 5.0, start: float | None = None, end: float | None = None,
           max_seconds: float | None = None) -> Iterator[np.ndarray]:  # fmt: skip
    """Yield the frames shown at `start + k / per_second`, k = 0, 1, …, as RGB of shape (height, width, 3), uint8.

    The first frame of a file is also shown before its time, and the last one is shown for its own duration. A video
    with a lower frame rate yields frames more than once. Frames are rotated as the file states. Only one frame is in
    memory at a time.

    Args:
        path: video file.
        per_second: number of frames per second of the result, whatever the frame rate of the file.
        start, end: limits of the segment, in seconds; None means the start or the end of the file. `end` is excluded.
        max_seconds: duration to which a longer segment is cropped at its end, in seconds.

    Raises:
        Unreadable: there is no video track, no frame in the segment, or the file is damaged before the segment's end.
            It may be raised after some frames. A truncated mkv, webm or flv cannot be recognised, because it does not
            state its duration.
        FileNotFoundError: the file does not exist.
    """
    first = start or 0.0
    last = min(np.inf if end is None else end, np.inf if max_seconds is None else first + max_seconds)
    count, shown = 0, None
    for time, frame in _timed(path, first, last):
        if shown is not None:  # the previous frame is shown until this one
            if time - shown[0] > MAX_FRAME_SECONDS:
                raise Unreadable(path, f"its frames jump by {time - shown[0]:.0f} s: the times in it are damaged")
            new = _instants(count, first, per_second, min(time, last))
            yield from _repeated(shown[1], new)
            count += new
            if time >= last - TIME_TOLERANCE:
                shown = None
                break
        shown = time, frame
    if shown is not None:
        new = _instants(count, first, per_second, min(shown[0] + _duration(shown[1]), last))
        yield from _repeated(shown[1], new)
        count += new
    if count == 0:
        raise Unreadable(path, "no frames in the requested segment")


def _instants(emitted: int, first: float, per_second: float, until: float) -> int:
    """Return how many instants of the result lie before the time `until`, without those already emitted."""
    return max(0, int(np.ceil((until - first - TIME_TOLERANCE) * per_second)) - emitted)


def _repeated(frame, times: int) -> Iterator[np.ndarray]:
    if times:
        rotated = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))
        for _ in range(times):
            yield rotated


def _duration(frame) -> float:
    """Return for how long the last frame is shown, in seconds; a moment if the frame does not say."""
    return max(float((frame.duration or 0) * frame.time_base), 2 * TIME_TOLERANCE)


def _timed(path: Path, first: float, last: float) -> Iterator[tuple]:
    """Yield time in seconds and frame, from the last frame at or before `first` or from an earlier one."""
    if first > SEEK_SECONDS:
        with _opened(path) as (file, track):
            start = _seek(path, file, track, first)
            if start is not None:
                yield start
                yield from _decoded(path, file, track, last, start[0])
                return
    with _opened(path) as (file, track):
        yield from _decoded(path, file, track, last)


def _seek(path: Path, file, track, first: float) -> tuple | None:
    """Return time and frame of a keyframe at or before `first`; None if the file's index leads elsewhere."""
    import av

    try:
        file.seek(round(first * 1_000_000) + (file.start_time or 0))
        start = next(_decoded(path, file, track, first, timed_only=True), None)
    except (av.FFmpegError, Unreadable):
        return None
    return start if start is not None and start[0] <= first + TIME_TOLERANCE else None


def _decoded(
    path: Path, file, track, last: float, previous: float | None = None, timed_only: bool = False
) -> Iterator[tuple]:
    """Yield time in seconds and frame to the end of the track.

    Raises:
        Unreadable: the track ends before both `last` and its stated end.
    """
    import av

    zero = (file.start_time or 0) / 1_000_000  # FFmpeg's own unit
    rate = float(track.average_rate or track.guessed_rate or 0)
    end = previous + 1 / rate if previous and rate else 0.0
    try:
        for frame in file.decode(track):
            if frame.time is not None:
                time = frame.time - zero
            elif timed_only:
                return
            elif not rate:
                raise Unreadable(path, "it states neither the times nor the rate of its frames")
            else:
                time = 0.0 if previous is None else previous + 1 / rate
            previous = time if previous is None else max(previous, time)
            end = previous + _duration(frame)
            yield previous, frame
    except av.FFmpegError as error:
        raise Unreadable(path, f"cannot be decoded to its end ({_message(error)})") from None
    if track.duration is not None:
        stated = float((track.duration + (track.start_time or 0)) * track.time_base) - zero
        if end < min(stated, last) - CUT_SECONDS:
            raise Unreadable(path, f"cut off: frames for {end:.1f} of {stated:.1f} s")


@contextmanager
def _opened(path: Path) -> Iterator[tuple]:
    """Yield a file and its first video track. FFmpeg's errors become `Unreadable`."""
    import av
    from av.stream import Disposition

    if not path.is_file():
        raise FileNotFoundError(f"{path}: the video does not exist any more")
    if path.stat().st_size == 0:
        raise Unreadable(path, "the file is empty (0 bytes)")
    try:
        file = av.open(address(path), metadata_errors="replace", options=local_options(FORMATS))
    except av.ArgumentError:  # FFmpeg's error for a format that is not in the list
        raise Unreadable(path, "not a video, whatever its name says: an image, a playlist or the like") from None
    except (av.FFmpegError, OSError) as error:
        raise Unreadable(path, f"not readable as a video ({_message(error)})") from None
    with file:
        still = Disposition.attached_pic | Disposition.timed_thumbnails
        moving = [track for track in file.streams.video if not track.disposition & still]
        if not moving:
            raise Unreadable(path, "it has no video track" + (" but a cover image" if file.streams.video else ""))
        track = moving[0]
        if track.codec_context is None:
            raise Unreadable(path, "its video has a codec that FFmpeg does not know")
        if not 0 < track.codec_context.width * track.codec_context.height <= MAX_PIXELS:
            size = f"{track.codec_context.width} × {track.codec_context.height}"
            raise Unreadable(path, f"its header states frames of {size} pixels: the file is damaged")
        yield file, track


def _message(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")
