"""Histograms of oriented gradients of a face: hand-crafted, fast, and without weights.

After Dalal and Triggs (2005), "Histograms of oriented gradients for human detection". The face is made grey and
64 × 64. It has 8 × 8 cells of 8 × 8 pixels. Every pixel adds the length of its gradient (differences of its
neighbours, no smoothing; weighted by a Gaussian over the block) to a histogram of nine unsigned directions of 20° each.
The length is shared between the two nearest directions and the nearest cells of the block. Four cells are a block, and
blocks do not overlap. A block's 36 values v become v / (‖v‖ + ε), are clipped at 0.2 and normalised again, to reduce
the effect of lighting.
"""

import numpy as np

from mer.features.extractor import Extractor
from mer.features.video.clips import by_face
from mer.features.video.detectors import Box, opencv

VERSION = 1
SIDE, CELL, BLOCK, BINS = 64, 8, 16, 9
"""The sides of the face, of a cell and of a block in pixels, and the number of directions."""
WIDTH = (SIDE // CELL) ** 2 * BINS
"""The number of features of a face: 576."""


def crop(frame: np.ndarray, box: Box) -> np.ndarray:
    """Return the face in grey, shape (64, 64), uint8; it is not rotated."""
    cv2 = opencv()
    face = cv2.cvtColor(frame[box.top : box.bottom, box.left : box.right], cv2.COLOR_RGB2GRAY)
    return cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA if box.area > SIDE**2 else cv2.INTER_LINEAR)


def gradients(faces: np.ndarray) -> np.ndarray:
    """Return the histograms of faces of shape (n, 64, 64), uint8: shape (n, 576), float32 in [0, 1]."""
    hog = opencv().HOGDescriptor((SIDE, SIDE), (BLOCK, BLOCK), (BLOCK, BLOCK), (CELL, CELL), BINS)
    return np.stack([hog.compute(face).reshape(-1) for face in faces])


EXTRACTOR = Extractor(
    version=VERSION,
    describe=lambda _: {"width": 2 * WIDTH},
    open=by_face(lambda *_: gradients, crop),
    scaling="each",
    trained=False,
)
