"""From a video segment to its vector: its frames, one face in them, a vector per frame, pooled."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from mer.features.extractor import Resources, Unavailable, VectorFunction
from mer.features.video import detectors
from mer.features.video.faces import Crop, one_face
from mer.features.video.pooling import pooled
from mer.media import video

PREFETCH = 4
"""The number of segments per thread whose faces may wait for the network. It bounds the memory."""


@dataclass(frozen=True)
class VideoSegment:
    """The path of a video, and the seconds of it that are used."""

    path: Path
    start: float | None = None
    end: float | None = None
    max_seconds: float | None = None


def faces_of(
    segment: VideoSegment, detect: detectors.Detect, crop: Crop, per_second: float
) -> tuple[dict[int, np.ndarray], int] | Unavailable:
    """Return the crops of the segment's face by frame number, and the number of frames.

    Raises:
        FileNotFoundError: the video does not exist. The content cannot be judged, so this is no listed failure.
    """
    times = {"start": segment.start, "end": segment.end, "max_seconds": segment.max_seconds}
    try:
        return one_face(video.frames(segment.path, per_second=per_second, **times), detect, crop, per_second)
    except video.Unreadable as error:
        return Unavailable(error.reason)


def by_face(
    describe: Callable[[BaseModel, Resources], Callable[[np.ndarray], np.ndarray]], crop: Crop
) -> Callable[[BaseModel, Resources], VectorFunction]:
    """Return the `open` of an extractor that computes one vector per frame from the face in it.

    Videos are decoded and searched in threads. A network's batch holds faces of one segment only.

    Args:
        describe: a function from the section and the resources to a function of faces, (n, …) -> (n, d).
        crop: the function that cuts a face out of a frame.
    """

    def open_extractor(section: BaseModel, resources: Resources) -> VectorFunction:
        detect, vectors = detectors.open_detector(section), describe(section, resources)
        rate, jobs = section.frames_per_second, max(1, resources.jobs)

        def find_face(segment: VideoSegment) -> tuple[dict[int, np.ndarray], int] | Unavailable:
            return faces_of(segment, detect, crop, rate)

        def vector(crops: tuple[dict[int, np.ndarray], int] | Unavailable) -> np.ndarray | Unavailable:
            if isinstance(crops, Unavailable):
                return crops
            faces, count = crops
            if not faces:
                return Unavailable(f"no face in any of {count} frames")
            numbers = np.array(list(faces))
            return pooled(vectors(np.stack(list(faces.values()))), numbers, count, rate, section.pooling)

        def compute(segments: Sequence[VideoSegment]) -> list[np.ndarray | Unavailable]:
            vectors_of_all = []
            with ThreadPoolExecutor(jobs) as pool:
                for first in range(0, len(segments), PREFETCH * jobs):
                    batch = segments[first : first + PREFETCH * jobs]
                    vectors_of_all += [vector(crops) for crops in pool.map(find_face, batch)]
            return vectors_of_all

        return compute

    return open_extractor
