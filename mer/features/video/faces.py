"""Selection of one face per video segment, by tracking.

Boxes of successive frames that overlap by at least 0.3 (intersection over union) belong to one face; the pairs with the
largest overlap are joined first. A face that is not detected for more than a second ends, and a later one is new. The
face with the largest sum of areas is selected, so it is large and visible for long. In a tie it is the face that
appeared first, then the one further left. Frames without the selected face are left out; no other face replaces it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from mer.features.video.detectors import Box, Detect, overlap

MIN_OVERLAP = 0.3
"""The smallest intersection over union of two boxes of one face."""

MAX_GAP_SECONDS = 1.0
"""The longest time that a face may go undetected, in seconds."""

Crop = Callable[[np.ndarray, Box], np.ndarray]
"""A function from a frame and a box to the face, in the size and colours that an extractor reads."""


@dataclass
class _Track:
    """A face: its first and last box, the sum of its areas in pixels, and its crops by frame number."""

    first: Box
    last: Box
    area: int = 0
    crops: dict[int, np.ndarray] = field(default_factory=dict)

    def add(self, number: int, box: Box, crop: np.ndarray) -> None:
        self.last, self.area = box, self.area + box.area
        self.crops[number] = crop

    def frames_since_last(self, number: int) -> int:
        return number - max(self.crops)


def one_face(
    frames: Iterable[np.ndarray], detect: Detect, crop: Crop, per_second: float
) -> tuple[dict[int, np.ndarray], int]:
    """Return the crops of the selected face by frame number, and the number of frames.

    Args:
        frames: RGB of shape (height, width, 3), uint8; read one by one.
        detect: the detector of faces.
        crop: the function that cuts a face out of a frame.
        per_second: the number of frames per second of video.
    """
    tracks: list[_Track] = []
    count, max_gap = 0, max(1, round(MAX_GAP_SECONDS * per_second))
    for number, frame in enumerate(frames):
        count += 1
        boxes = detect(frame)
        continued = dict(_matches([t for t in tracks if t.frames_since_last(number) <= max_gap], boxes))
        for j, box in enumerate(boxes):
            if j not in continued:
                tracks.append(_Track(box, box))
            continued.get(j, tracks[-1]).add(number, box, crop(frame, box))
    selected = max(tracks, key=lambda t: (t.area, -min(t.crops), -t.first.left), default=None)
    return (selected.crops if selected else {}), count


def _matches(tracks: list[_Track], boxes: list[Box]) -> Iterator[tuple[int, _Track]]:
    """Yield the number of a box and the face that it continues; each box and each face occurs at most once."""
    pairs = sorted((-overlap(t.last, box), i, j) for i, t in enumerate(tracks) for j, box in enumerate(boxes))
    used_tracks, used_boxes = set(), set()
    for negative, i, j in pairs:
        if -negative >= MIN_OVERLAP and i not in used_tracks and j not in used_boxes:
            used_tracks.add(i)
            used_boxes.add(j)
            yield j, tracks[i]
