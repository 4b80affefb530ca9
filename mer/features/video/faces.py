"""One face out of a stretch of video: whose it is is decided once, and faces are never mixed.

Boxes of successive pictures that overlap by at least 0.3 (intersection over union) are one face's; the pairs that
overlap most are joined first. A face that is not found for more than a second is lost, and what appears later is
another one. Of all faces the one with the greatest sum of areas is taken, which is large and there for long; of two
alike the one that appeared first, then the one further left. Where it is not found nothing stands in its place.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from mer.features.video.detectors import Box, Detect, overlap

SAME = 0.3
"""intersection over union from which on two boxes are one face's"""

LOST_SECONDS = 1.0

Crop = Callable[[np.ndarray, Box], np.ndarray]
"""a picture and a box -> the face, in the size and colours that an extractor takes"""


@dataclass
class _Track:
    """A face: where it was first and last, and its crops by number of the picture."""

    first: Box
    last: Box
    area: int = 0
    crops: dict[int, np.ndarray] = field(default_factory=dict)

    def add(self, number: int, box: Box, crop: np.ndarray) -> None:
        self.last, self.area = box, self.area + box.area
        self.crops[number] = crop

    def lost_for(self, number: int) -> int:
        return number - max(self.crops)


def one_face(
    pictures: Iterable[np.ndarray], detect: Detect, crop: Crop, per_second: float
) -> tuple[dict[int, np.ndarray], int]:
    """Return the crops of the chosen face by number of the picture, and how many pictures there are.

    Args:
        pictures: RGB of shape (height, width, 3), `per_second` of them; looked at one by one.
    """
    tracks: list[_Track] = []
    count, patience = 0, max(1, round(LOST_SECONDS * per_second))
    for number, picture in enumerate(pictures):
        count += 1
        boxes = detect(picture)
        follows = dict(_joined([t for t in tracks if t.lost_for(number) <= patience], boxes))
        for j, box in enumerate(boxes):
            if j not in follows:
                tracks.append(_Track(box, box))
            follows.get(j, tracks[-1]).add(number, box, crop(picture, box))
    chosen = max(tracks, key=lambda t: (t.area, -min(t.crops), -t.first.left), default=None)
    return (chosen.crops if chosen else {}), count


def _joined(tracks: list[_Track], boxes: list[Box]) -> Iterator[tuple[int, _Track]]:
    """Yield the number of a box and the face that it continues, each of both at most once."""
    pairs = sorted((-overlap(t.last, box), i, j) for i, t in enumerate(tracks) for j, box in enumerate(boxes))
    faces, taken = set(), set()
    for negative, i, j in pairs:
        if -negative >= SAME and i not in faces and j not in taken:
            faces.add(i)
            taken.add(j)
            yield j, tracks[i]
