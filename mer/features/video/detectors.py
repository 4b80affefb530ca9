"""Detection of faces in one frame, by OpenCV."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mer import files
from mer.files import MissingPackage
from mer.params.schema import VideoFeatures
from mer.preflight.weights import how_to_get

HAAR = "haarcascade_frontalface_alt2.xml"
MAX_SIDE = 480
"""The longest side of a frame that is searched, in pixels; larger frames are reduced to it."""

MIN_FACE_DIVISOR = 12
"""`haar` searches for faces of at least the frame's shorter side divided by this number."""

STEP = 1.1
"""The ratio of successive sizes of faces that `haar` searches for; a larger one is faster and misses more faces."""

NEIGHBOURS = 5
"""The number of windows of `haar` that must agree on a face."""

MIN_CONFIDENCE = 0.5
"""The smallest score of a face of `centerface`, in [0, 1]."""

MAX_OVERLAP = 0.3
"""The largest intersection over union of two boxes of `centerface`; of two that overlap more, one is dropped."""

MAX_FACES = 16
"""The largest number of faces per frame; the largest faces are kept."""


class Box(NamedTuple):
    """A rectangle in pixels of a frame. Right and bottom are the first pixels outside of it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)


Detect = Callable[[np.ndarray], list[Box]]
"""A function from RGB of shape (height, width, 3), uint8, to the boxes of faces, the largest first."""


class NoWeights(FileNotFoundError):
    """A file of weights that the parameters name does not exist or is unusable; the message says how to get it."""


def opencv():
    """Return OpenCV.

    Raises:
        MissingPackage: it is not installed, or is a version without Haar cascades.
    """
    advice = 'pip install -c constraints.txt -e ".[video]"'
    try:
        import cv2
    except ImportError:
        raise MissingPackage(f"inputs of modality video need the package opencv-python-headless: {advice}") from None
    if not (Path(cv2.data.haarcascades) / HAAR).is_file():
        raise MissingPackage(
            f"inputs of modality video need opencv-python-headless below 5, not {cv2.__version__}: {advice}"
        )
    return cv2


def describe(section: VideoFeatures) -> dict:
    """Return what the boxes depend on: the detector, the digest of its weights, and OpenCV's version."""
    cv2 = opencv()
    weights = Path(cv2.data.haarcascades) / HAAR if section.detector == "haar" else _centerface_file(section)
    return {"detector": section.detector, "detector_sha256": files.digest_file(weights), "opencv": cv2.__version__}


def open_detector(section: VideoFeatures) -> Detect:
    """Return the detector. Several threads may call it; each gets a detector of its own."""
    open_one = DETECTORS[section.detector](section)
    open_one()  # an error is raised here and not in a thread
    thread = threading.local()

    def detect(frame: np.ndarray) -> list[Box]:
        if not hasattr(thread, "detect"):
            thread.detect = open_one()
        return thread.detect(frame)

    return detect


def haar() -> Detect:
    """Return the detector of Viola and Jones (2001): frontal faces; its weights come with OpenCV."""
    cv2 = opencv()
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / HAAR))

    def detect(frame: np.ndarray) -> list[Box]:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, MAX_SIDE / max(grey.shape))
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        side = max(24, min(grey.shape) // MIN_FACE_DIVISOR)
        boxes = cascade.detectMultiScale(cv2.equalizeHist(grey), STEP, NEIGHBOURS, minSize=(side, side))
        return _in_frame([(x, y, x + w, y + h) for x, y, w, h in boxes], (1 / scale, 1 / scale), frame)

    return detect


def centerface(path: Path, location: str = "features.video") -> Detect:
    """Return the detector of Xu et al. (2019), "CenterFace: Joint Face Detection and Alignment Using Face as Point".

    Args:
        path: the ONNX file.
        location: the section of the parameters that messages name.

    Raises:
        NoWeights: OpenCV cannot read the file.
    """
    cv2 = opencv()
    try:
        net = cv2.dnn.readNetFromONNX(str(path))
    except cv2.error:
        raise NoWeights(f"{location}.detector_weights: {path} is not an ONNX file that OpenCV can read") from None
    names = sorted(net.getUnconnectedOutLayersNames())  # 537 heat, 538 sizes, 539 offsets, 540 landmarks

    def detect(frame: np.ndarray) -> list[Box]:
        height, width = frame.shape[:2]
        scale = min(1.0, MAX_SIDE / max(height, width))
        size = tuple(max(32, 32 * round(side * scale / 32)) for side in (width, height))
        net.setInput(cv2.dnn.blobFromImage(frame, 1.0, size))  # RGB in 0..255
        heat, sizes, offsets, *_ = net.forward(names)
        return _in_frame(centres(heat[0, 0], sizes[0], offsets[0]), (width / size[0], height / size[1]), frame)

    return detect


def centres(heat: np.ndarray, sizes: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
    """Return CenterFace's boxes (left, top, right, bottom), without overlapping ones.

    A grid position (y, x) covers 4 × 4 pixels. If `heat` is at least 0.5, a face is centred at 4 (x + offset + 0.5)
    and its side is 4 exp(size). Of two boxes that overlap by more than 0.3, the one with the larger `heat` is kept.

    Args:
        heat: scores of faces, shape (rows, columns), in [0, 1].
        sizes, offsets: shape (2, rows, columns) each: vertical, then horizontal.
    """
    rows, columns = np.nonzero(heat >= MIN_CONFIDENCE)
    order = np.argsort(-heat[rows, columns], kind="stable")
    boxes: list[np.ndarray] = []
    for y, x in zip(rows[order], columns[order], strict=True):
        middle = 4 * (np.array([x, y]) + offsets[::-1, y, x] + 0.5)
        half = 2 * np.exp(np.minimum(sizes[::-1, y, x], 20.0))
        box = np.concatenate([middle - half, middle + half])
        if all(overlap(box, other) <= MAX_OVERLAP for other in boxes):
            boxes.append(box)
    return boxes


def overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the intersection over union of two boxes (left, top, right, bottom), in [0, 1].

    >>> overlap((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return float(width * height / (areas - width * height))


def _in_frame(boxes: Sequence, scale: tuple[float, float], frame: np.ndarray) -> list[Box]:
    """Return boxes in pixels of a frame, clipped to it; the largest first, then from left to right."""
    height, width = frame.shape[:2]
    factors, limits = np.array([*scale, *scale]), np.array([width, height, width, height])
    clipped = [Box(*map(int, np.clip(np.rint(np.array(box) * factors), 0, limits))) for box in boxes]
    not_empty = [box for box in clipped if box.right > box.left and box.bottom > box.top]
    return sorted(not_empty, key=lambda box: (-box.area, box))[:MAX_FACES]


def _centerface_file(section: VideoFeatures) -> Path:
    path = files.from_root(section.detector_weights)
    if not path.is_file():
        raise NoWeights(
            f"{section.location}.detector_weights: {section.detector_weights} does not exist; "
            f"{how_to_get('centerface', section.detector_weights)}"
        )
    return path


DETECTORS: dict[str, Callable[[VideoFeatures], Callable[[], Detect]]] = {
    "haar": lambda section: haar,
    "centerface": lambda section: partial(centerface, _centerface_file(section), section.location),
}
"""Name of a detector -> a function from the parameters of the input to the function that opens the detector."""
