"""Video features: the extraction of a manifest's videos, and one module per extractor."""

from pathlib import Path

import numpy as np
import pandas as pd

from mer.features import registry
from mer.features.extractor import Resources, Unavailable, specification
from mer.features.video import detectors, face_store, resnet
from mer.features.video.clips import VideoSegment, crops
from mer.features.video.crop_store import stored_crops
from mer.features.video.extract import extract, keys, segment_function
from mer.features.video.face_store import stored_faces
from mer.params.schema import Data, VideoFeatures

__all__ = ["VideoSegment", "extract", "first_faces", "keys", "spec", "stored_crops", "stored_faces"]


def spec(section: VideoFeatures, data: Data) -> dict:
    """Return everything besides the video that determines its vector."""
    faces = {"faces": face_store.VERSION, "frames_per_second": section.frames_per_second, "pooling": section.pooling}
    common = {"max_seconds": data.max_seconds, **faces, **detectors.describe(section)}
    return specification(section.extractor, registry.of_input(section), section, **common)


def first_faces(
    manifest: pd.DataFrame, raw: Path, folder: Path, section: VideoFeatures, data: Data
) -> dict[str, np.ndarray]:
    """Return the first crop of the face that was selected in each video, for display.

    Args:
        manifest: rows with a video.
        raw: the folder that `video_path` is relative to.
        folder: the folder of all stores, which contain the boxes of faces.
        section: the parameters of an input.
        data: the longest utterance.

    Returns:
        utterance -> RGB, uint8 of shape (height, width, 3).
    """
    stored, addresses = stored_faces(folder, section, data, Resources()), keys(manifest)
    segment = segment_function(manifest, raw, data.max_seconds)
    stored.find(addresses, segment)
    images = {}
    for name, item in zip(manifest["utterance_id"], stored.with_faces(addresses, segment), strict=True):
        face = stored.search(item)
        if not isinstance(face, Unavailable) and face.boxes:
            images[name] = next(crops(item, face, resnet.smooth_crop, section.frames_per_second))
    return images
