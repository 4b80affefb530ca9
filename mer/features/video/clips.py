"""From a stretch of video to its vector: pictures, one face of theirs, a vector of each, pooled."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from mer.features.extractor import Absent, Compute, Where
from mer.features.video import detectors
from mer.features.video.faces import Crop, one_face
from mer.features.video.pooling import pooled
from mer.media import video

AHEAD = 4
"""clips per thread whose faces may wait for the network: what is held does not grow with the corpus"""


@dataclass(frozen=True)
class Clip:
    """Where a video lies, and which seconds of it count."""

    path: Path
    start: float | None = None
    end: float | None = None
    max_seconds: float | None = None


def faces_of(
    clip: Clip, detect: detectors.Detect, crop: Crop, per_second: float
) -> tuple[dict[int, np.ndarray], int] | Absent:
    """Return the crops of the clip's face by number of the picture, and how many pictures there are.

    Raises:
        FileNotFoundError: the video is not there: no property of its content, so it is no failure to be listed.
    """
    stretch = {"start": clip.start, "end": clip.end, "max_seconds": clip.max_seconds}
    try:
        return one_face(video.frames(clip.path, per_second=per_second, **stretch), detect, crop, per_second)
    except video.Unreadable as error:
        return Absent(error.reason)


def by_face(
    describe: Callable[[BaseModel, Where], Callable[[np.ndarray], np.ndarray]], crop: Crop
) -> Callable[[BaseModel, Where], Compute]:
    """Return the `open` of an extractor that has a vector of every picture's face.

    Videos are read and searched in threads; what a network gets at once is always of one clip.

    Args:
        describe: the section, and where -> a function of faces, (n, …) -> (n, d).
        crop: how a face is cut out for it.
    """

    def open_(section: BaseModel, where: Where) -> Compute:
        detect, vectors = detectors.open_(section), describe(section, where)
        rate, jobs = section.frames_per_second, max(1, where.jobs)

        def look(clip: Clip) -> tuple[dict[int, np.ndarray], int] | Absent:
            return faces_of(clip, detect, crop, rate)

        def vector(seen: tuple[dict[int, np.ndarray], int] | Absent) -> np.ndarray | Absent:
            if isinstance(seen, Absent):
                return seen
            faces, count = seen
            if not faces:
                return Absent(f"no face in any of {count} frames")
            numbers = np.array(list(faces))
            return pooled(vectors(np.stack(list(faces.values()))), numbers, count, rate, section.pooling)

        def compute(clips: Sequence[Clip]) -> list[np.ndarray | Absent]:
            done = []
            with ThreadPoolExecutor(jobs) as pool:
                for first in range(0, len(clips), AHEAD * jobs):
                    done += [vector(seen) for seen in pool.map(look, clips[first : first + AHEAD * jobs])]
            return done

        return compute

    return open_
