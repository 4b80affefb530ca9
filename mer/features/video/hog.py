"""Histograms of oriented gradients of a face: hand-made, fast, and without weights.

After Dalal and Triggs (2005), "Histograms of oriented gradients for human detection". The face is made grey and
64 × 64. In each of 8 × 8 cells of 8 × 8 pixels, every pixel adds the length of its gradient (differences of its
neighbours, no smoothing; weighted by a Gaussian over the block) to a histogram of nine directions of 20° each, without
sign, shared between the two nearest directions and the nearest cells of its block. Four cells are a block, and blocks
do not overlap. A block's 36 numbers v become v / (‖v‖ + ε), are cut at 0.2 and normalised again, so that lighting
matters little.
"""

import numpy as np

from mer.features.video.detectors import Box, opencv

VERSION = 1
SIDE, CELL, BLOCK, BINS = 64, 8, 16, 9
WIDTH = (SIDE // CELL) ** 2 * BINS
"""576 per picture"""


def crop(picture: np.ndarray, box: Box) -> np.ndarray:
    """Return the face as grey of shape (64, 64), uint8; not turned upright."""
    cv2 = opencv()
    face = cv2.cvtColor(picture[box.top : box.bottom, box.left : box.right], cv2.COLOR_RGB2GRAY)
    return cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA if box.area > SIDE**2 else cv2.INTER_LINEAR)


def gradients(faces: np.ndarray) -> np.ndarray:
    """Return the histograms of faces of shape (n, 64, 64), uint8: shape (n, 576), float32 in [0, 1]."""
    hog = opencv().HOGDescriptor((SIDE, SIDE), (BLOCK, BLOCK), (BLOCK, BLOCK), (CELL, CELL), BINS)
    return np.stack([hog.compute(face).reshape(-1) for face in faces])
