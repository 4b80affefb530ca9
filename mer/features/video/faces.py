"""Selection of one face per video segment, by tracking.

Boxes of successive frames that overlap by at least 0.3 (intersection over union) belong to one face; the pairs with the
largest overlap are joined first. A face that is not detected for more than a second ends, and a later one is new. The
face with the largest sum of areas is selected, so it is large and visible for long. In a tie it is the face that
appeared first, then the one further left. Frames without the selected face are left out; no other face replaces it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from mer.features.video.detectors import Box, Detect, overlap

MIN_OVERLAP = 0.3
"""The smallest intersection over union of two boxes of one face."""

MAX_GAP_SECONDS = 1.0
"""The longest time that a face may go undetected, in seconds."""


@dataclass(frozen=True)
class Face:
    """The selected face of a video segment.

    Attributes:
        boxes: number of a frame -> the box of the face in it, in ascending order; empty without a face.
        frame_count: the number of frames of the segment, with or without the face.
    """

    boxes: Mapping[int, Box]
    frame_count: int


@dataclass
class _Track:
    """A face: the sum of its areas in pixels, and its boxes by frame number."""

    area: int = 0
    boxes: dict[int, Box] = field(default_factory=dict)

    @property
    def last_number(self) -> int:
        return next(reversed(self.boxes))

    def add(self, number: int, box: Box) -> None:
        self.area += box.area
        self.boxes[number] = box


def select_face(frames: Iterable[np.ndarray], detect: Detect, per_second: float) -> Face:
    """Return the selected face.

    Args:
        frames: RGB of shape (height, width, 3), uint8; read one by one.
        detect: the detector of faces.
        per_second: the number of frames per second of video.
    """
    tracks: list[_Track] = []
    count, max_gap = 0, max(1, round(MAX_GAP_SECONDS * per_second))
    for number, frame in enumerate(frames):
        count += 1
        boxes = detect(frame)
        continued = dict(_matches([t for t in tracks if number - t.last_number <= max_gap], boxes))
        for j, box in enumerate(boxes):
            if j not in continued:
                tracks.append(_Track())
            continued.get(j, tracks[-1]).add(number, box)
    selected = max(tracks, key=_rank, default=_Track())
    return Face(selected.boxes, count)


def _rank(track: _Track) -> tuple[int, int, int]:
    number, box = next(iter(track.boxes.items()))
    return track.area, -number, -box.left


def _matches(tracks: list[_Track], boxes: list[Box]) -> Iterator[tuple[int, _Track]]:
    """Yield the number of a box and the face that it continues; each box and each face occurs at most once."""
    pairs = sorted(
        (-overlap(t.boxes[t.last_number], box), i, j) for i, t in enumerate(tracks) for j, box in enumerate(boxes)
    )
    used_tracks, used_boxes = set(), set()
    for negative, i, j in pairs:
        if -negative >= MIN_OVERLAP and i not in used_tracks and j not in used_boxes:
            used_tracks.add(i)
            used_boxes.add(j)
            yield j, tracks[i]
