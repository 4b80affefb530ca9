"""The pictures of a video at even times, through FFmpeg's libraries (PyAV).

Rates differ between files and, in those from telephones, within one: what is asked for is never "every n-th frame"
but the picture that stands on the screen at a time. Times count from the beginning of the file, as those of its sound.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

SUFFIXES = (".avi", ".flv", ".mkv", ".mov", ".mp4", ".webm")
"""what is looked into for pictures"""

FORMATS = "avi,flv,matroska,mov,mp4,mpeg,mpegts,ogg,webm"
"""FFmpeg's names of what a file may be, whatever its suffix: no still picture, and no list that leads to other files"""

SEEK_SECONDS = 2.0
"""a stretch that begins later is sought and not decoded up to"""

CUT_SECONDS = 1.0
"""by how much pictures may end before their track says so"""

LONGEST_SECONDS = 3600.0
"""for which one picture may stand: more is a damaged time"""

MOST_PIXELS = 8192 * 8192
NEAR = 1e-6
"""seconds, far below the steps in which containers count, and above what fractions lose as floats"""


class Unreadable(ValueError):
    """A file without moving pictures, or that FFmpeg cannot read; `reason` says which."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


def holds_pictures(path: Path) -> bool:
    """Return whether a file's header names a track of moving pictures; nothing is decoded."""
    try:
        with _opened(path):
            return True
    except (Unreadable, FileNotFoundError):
        return False


def seconds(path: Path) -> float | None:
    """Return how long a file says its pictures go on; None where it does not say.

    Raises:
        Unreadable, FileNotFoundError: as `frames`.
    """
    with _opened(path) as (file, track):
        if track.duration is not None:
            return float(track.duration * track.time_base)
        return file.duration / 1_000_000 if file.duration else None  # FFmpeg's own unit


def frames(path: Path, *, per_second: float = 5.0, start: float | None = None, end: float | None = None,
           max_seconds: float | None = None) -> Iterator[np.ndarray]:  # fmt: skip
    """Yield what is on the screen at `start + k / per_second`, k = 0, 1, …, as RGB of shape (height, width, 3), uint8.

    Before the first picture of a file stands that picture; the last one stands for its own duration. A slower video
    gives pictures more than once. Each is turned as the file says it was filmed. One is held at a time, so that a long
    file takes no more memory than a short one.

    Args:
        per_second: how many, whatever the rate of the file.
        start, end: seconds of the file; None goes to its edge. `end` itself is not in the stretch.
        max_seconds: a longer stretch is cropped at its end.

    Raises:
        Unreadable: no moving pictures, none in the stretch, or damaged before its end; maybe after some were yielded.
            A cut-off mkv, webm or flv does not say how long it was, and ends where it ends.
        FileNotFoundError: it is not there.
    """
    first = start or 0.0
    last = min(np.inf if end is None else end, np.inf if max_seconds is None else first + max_seconds)
    count, shown = 0, None
    for time, frame in _timed(path, first, last):
        if shown is not None:  # the one before stands until this one
            if time - shown[0] > LONGEST_SECONDS:
                raise Unreadable(path, f"its pictures jump by {time - shown[0]:.0f} s: the times in it are damaged")
            new = _instants(count, first, per_second, min(time, last))
            yield from _repeated(shown[1], new)
            count += new
            if time >= last - NEAR:
                shown = None
                break
        shown = time, frame
    if shown is not None:
        new = _instants(count, first, per_second, min(shown[0] + _duration(shown[1]), last))
        yield from _repeated(shown[1], new)
        count += new
    if count == 0:
        raise Unreadable(path, "no pictures in the stretch that was asked for")


def _instants(done: int, first: float, per_second: float, until: float) -> int:
    """How many instants lie before a time, besides those that are done."""
    return max(0, int(np.ceil((until - first - NEAR) * per_second)) - done)


def _repeated(frame, times: int) -> Iterator[np.ndarray]:
    if times:
        turned = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))
        for _ in range(times):
            yield turned


def _duration(frame) -> float:
    """Seconds for which the last picture stands; a moment where it does not say."""
    return max(float((frame.duration or 0) * frame.time_base), 2 * NEAR)


def _timed(path: Path, first: float, last: float) -> Iterator[tuple]:
    """Yield seconds and picture, from at or before `first` where there is one; not all that lies before."""
    if first > SEEK_SECONDS:
        with _opened(path) as (file, track):
            found = _sought(path, file, track, first)
            if found is not None:
                yield found
                yield from _decoded(path, file, track, last, found[0])
                return
    with _opened(path) as (file, track):
        yield from _decoded(path, file, track, last)


def _sought(path: Path, file, track, first: float) -> tuple | None:
    """The first picture after a jump to before `first`; None where the file's index leads elsewhere."""
    import av

    try:
        file.seek(round(first * 1_000_000) + (file.start_time or 0))
        found = next(_decoded(path, file, track, first, timed_only=True), None)
    except (av.FFmpegError, Unreadable):
        return None
    return found if found is not None and found[0] <= first + NEAR else None


def _decoded(
    path: Path, file, track, last: float, previous: float | None = None, timed_only: bool = False
) -> Iterator[tuple]:
    """Yield seconds and picture to the end of the track, which must not come before `last` unless it was announced."""
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
                raise Unreadable(path, "it says neither when its pictures are shown nor how many there are per second")
            else:
                time = 0.0 if previous is None else previous + 1 / rate
            previous = time if previous is None else max(previous, time)
            end = previous + _duration(frame)
            yield previous, frame
    except av.FFmpegError as error:
        raise Unreadable(path, f"cannot be decoded to its end ({_said(error)})") from None
    if track.duration is not None:
        told = float((track.duration + (track.start_time or 0)) * track.time_base) - zero
        if end < min(told, last) - CUT_SECONDS:
            raise Unreadable(path, f"cut off: pictures for {end:.1f} of {told:.1f} s")


@contextmanager
def _opened(path: Path) -> Iterator[tuple]:
    """Yield a file and its first track of moving pictures; FFmpeg's errors become ours."""
    import av
    from av.stream import Disposition

    if not path.is_file():
        raise FileNotFoundError(f"{path}: the video is not there any more")
    if path.stat().st_size == 0:
        raise Unreadable(path, "the file is empty (0 bytes)")
    try:
        file = av.open(str(path), metadata_errors="replace", options={"format_whitelist": FORMATS})
    except av.ArgumentError:  # what FFmpeg says where a format is not on the list
        raise Unreadable(path, "not a video, whatever its name says: a picture, a list or the like") from None
    except (av.FFmpegError, OSError) as error:
        raise Unreadable(path, f"not readable as a video ({_said(error)})") from None
    with file:
        still = Disposition.attached_pic | Disposition.timed_thumbnails
        moving = [track for track in file.streams.video if not track.disposition & still]
        if not moving:
            raise Unreadable(path, "no pictures in it" + (" but a cover" if file.streams.video else ""))
        track = moving[0]
        if track.codec_context is None:
            raise Unreadable(path, "its pictures are coded in a way that FFmpeg does not know")
        if not 0 < track.codec_context.width * track.codec_context.height <= MOST_PIXELS:
            size = f"{track.codec_context.width} × {track.codec_context.height}"
            raise Unreadable(path, f"its pictures are said to be of {size} pixels: the file is damaged")
        yield file, track


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")
