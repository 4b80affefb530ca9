"""Video features: the extraction of a manifest's videos, and one module per extractor."""

from pathlib import Path

import numpy as np
import pandas as pd

from mer.features import registry
from mer.features.extractor import Unavailable, specification
from mer.features.video import detectors, resnet
from mer.features.video.clips import VideoSegment, faces_of
from mer.features.video.extract import extract, keys
from mer.params.schema import Data, VideoFeatures

FACES = 1
"""The version of decoding and face tracking; it is raised if the same video gives other frames or another face."""

__all__ = ["VideoSegment", "extract", "first_faces", "keys", "spec"]


def spec(section: VideoFeatures, data: Data) -> dict:
    """Return everything besides the video that determines its vector."""
    faces = {"faces": FACES, "frames_per_second": section.frames_per_second, "pooling": section.pooling}
    common = {"max_seconds": data.max_seconds, **faces, **detectors.describe(section)}
    return specification(section.extractor, registry.of_input(section), section, **common)


def first_faces(manifest: pd.DataFrame, raw: Path, section: VideoFeatures, data: Data) -> dict[str, np.ndarray]:
    """Return the first crop of the face that was selected in each video, for display.

    Args:
        manifest: rows with a video.
        raw: the folder that `video_path` is relative to.

    Returns:
        utterance -> RGB, uint8 of shape (height, width, 3).
    """
    detect, faces = detectors.open_detector(section), {}
    for row in manifest.itertuples():
        start, end = (None if pd.isna(v) else float(v) for v in (row.start, row.end))
        segment = VideoSegment(raw / row.video_path, start, end, data.max_seconds)
        crops = faces_of(segment, detect, resnet.smooth_crop, section.frames_per_second)
        if not isinstance(crops, Unavailable) and crops[0]:
            faces[row.utterance_id] = next(iter(crops[0].values()))
    return faces
