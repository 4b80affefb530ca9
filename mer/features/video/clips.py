"""From a video segment to its vector: its face, a vector per frame, pooled."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from mer import files
from mer.features.extractor import Resources, Unavailable, VectorFunction
from mer.features.video import detectors
from mer.features.video.detectors import Box
from mer.features.video.faces import Face, select_face
from mer.features.video.pooling import pooled
from mer.media import video
from mer.params.schema import VideoFeatures

PREFETCH = 4
"""The number of segments per thread whose faces may wait for the network. It bounds the memory."""

Crop = Callable[[np.ndarray, Box], np.ndarray]
"""A function from a frame and a box to the face, in the size and colours that an extractor reads."""


@dataclass(frozen=True)
class VideoSegment:
    """The path of a video, and the seconds and the part of its frames that are used.

    Attributes:
        half: `left` or `right` for a half of the frames; None for whole frames.
        faces: key of a search -> the face that it has selected, or the reason why the video cannot be read. Inputs with
            the same search share it, so that a segment is searched once.
        images: the crops of this face as an extractor reads them, uint8 of shape (n, height, width, channels), if they
            are stored; None to read them from the video.
    """

    path: Path
    start: float | None = None
    end: float | None = None
    max_seconds: float | None = None
    half: str | None = None
    faces: dict[str, Face | Unavailable] = field(default_factory=dict, compare=False, repr=False)
    images: np.ndarray | None = field(default=None, compare=False, repr=False)

    def frames(self, per_second: float) -> Iterator[np.ndarray]:
        """Yield the frames as `mer.media.video.frames` does, or their half."""
        times = {"start": self.start, "end": self.end, "max_seconds": self.max_seconds}
        frames = video.frames(self.path, per_second=per_second, **times)
        return frames if self.half is None else (half_of(frame, self.half) for frame in frames)


def half_of(frame: np.ndarray, half: str) -> np.ndarray:
    """Return the `left` or the `right` half of a frame; a middle column of an odd width belongs to the right half.

    >>> half_of(np.arange(5)[None], "left").tolist(), half_of(np.arange(5)[None], "right").tolist()
    ([[0, 1]], [[2, 3, 4]])

    Args:
        frame: shape (height, width, …).
        half: the name of the half.

    Raises:
        ValueError: there is no such half.
    """
    if half not in ("left", "right"):
        raise ValueError(f"a frame has a left and a right half, but no {half!r}")
    middle = frame.shape[1] // 2
    return frame[:, :middle] if half == "left" else frame[:, middle:]


class FaceSearch:
    """The selection of the face of video segments, with the detector and the frame rate of an input.

    Attributes:
        key: identifies everything that the selected face depends on, except the segment.
    """

    def __init__(self, section: VideoFeatures) -> None:
        self.key = files.digest({"frames_per_second": section.frames_per_second, **detectors.describe(section)})
        self._per_second, self._detect = section.frames_per_second, detectors.open_detector(section)

    def __call__(self, segment: VideoSegment) -> Face | Unavailable:
        """Return the face of a segment, or the reason why the video cannot be read.

        Raises:
            FileNotFoundError: the video does not exist. The content cannot be judged, so this is no listed failure.
        """
        if self.key not in segment.faces:
            try:
                face = select_face(segment.frames(self._per_second), self._detect, self._per_second)
            except video.Unreadable as error:
                face = Unavailable(error.reason)
            segment.faces[self.key] = face
        return segment.faces[self.key]


def crops(segment: VideoSegment, face: Face, crop: Crop, per_second: float) -> Iterator[np.ndarray]:
    """Yield the crops of a face in the order of its frames.

    Raises:
        Unreadable: the video cannot be read.
    """
    last = max(face.boxes, default=-1)
    if last < 0:
        return
    for number, frame in enumerate(segment.frames(per_second)):
        if number in face.boxes:
            yield crop(frame, face.boxes[number])
        if number == last:
            return


def by_face(
    describe: Callable[[BaseModel, Resources], Callable[[np.ndarray], np.ndarray]], crop: Crop
) -> Callable[[BaseModel, Resources], VectorFunction]:
    """Return the `open` of an extractor that computes one vector per frame from the face in it.

    Videos are searched and decoded in threads. A network's batch contains faces of one segment only.

    Args:
        describe: a function from the section and the resources to a function of faces, (n, …) -> (n, d).
        crop: the function that cuts a face out of a frame.
    """

    def open_extractor(section: BaseModel, resources: Resources) -> VectorFunction:
        search, vectors = FaceSearch(section), describe(section, resources)
        rate, jobs = section.frames_per_second, max(1, resources.jobs)

        def read(segment: VideoSegment) -> tuple[Face | Unavailable, list[np.ndarray]]:
            face = search(segment)
            if isinstance(face, Unavailable):
                return face, []
            if segment.images is not None:
                return face, list(segment.images)
            try:
                return face, list(crops(segment, face, crop, rate))
            except video.Unreadable as error:
                return Unavailable(error.reason), []

        def vector(face: Face | Unavailable, images: list[np.ndarray]) -> np.ndarray | Unavailable:
            if isinstance(face, Unavailable):
                return face
            if not images:
                return Unavailable(f"no face in any of {face.frame_count} frames")
            return pooled(
                vectors(np.stack(images)), np.array(list(face.boxes)), face.frame_count, rate, section.pooling
            )

        def compute(segments: Sequence[VideoSegment]) -> list[np.ndarray | Unavailable]:
            results = []
            with ThreadPoolExecutor(jobs) as pool:
                for first in range(0, len(segments), PREFETCH * jobs):
                    batch = segments[first : first + PREFETCH * jobs]
                    results += [vector(*face_and_images) for face_and_images in pool.map(read, batch)]
            return results

        return compute

    return open_extractor
