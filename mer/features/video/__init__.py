"""What is seen: extractors, and how a manifest's videos get their vectors."""

from pathlib import Path

import numpy as np
import pandas as pd

from mer.features.extractor import Absent, Extractor, specification
from mer.features.video import detectors, hog, resnet
from mer.features.video.clips import Clip, by_face, faces_of
from mer.features.video.extract import extract, keys
from mer.params.schema import Data, VideoFeatures

EXTRACTORS = {
    "hog": Extractor(
        version=hog.VERSION,
        describe=lambda _: {"width": 2 * hog.WIDTH},
        open=by_face(lambda *_: hog.gradients, hog.crop),
        scaling="each",
        learnt=False,
    ),
    "resnet50": Extractor(
        version=resnet.VERSION,
        describe=lambda section: {"width": 2 * resnet.RESNET50_WIDTH, **resnet.describe(section)},
        open=by_face(resnet.resnet50, resnet.smooth_crop),
        scaling="each",
        learnt=True,
    ),
    "emo_affectnet": Extractor(
        version=resnet.VERSION,
        describe=lambda section: {"width": 2 * resnet.EMO_AFFECTNET_WIDTH, **resnet.describe(section)},
        open=by_face(resnet.emo_affectnet, resnet.nearest_crop),
        scaling="each",
        learnt=True,
    ),
}
"""clips (a video and seconds of it) -> a vector of the one face in each"""

FACES = 1
"""raised whenever the same video gives other pictures, or another face of them"""

__all__ = ["EXTRACTORS", "Clip", "extract", "first_faces", "keys", "spec"]


def spec(section: VideoFeatures, data: Data) -> dict:
    """Return everything that determines a visual vector besides the video."""
    seen = {"faces": FACES, "frames_per_second": section.frames_per_second, "pooling": section.pooling}
    cut = {"max_seconds": data.max_seconds, **seen, **detectors.describe(section)}
    return specification(section.extractor, EXTRACTORS[section.extractor], section, **cut)


def first_faces(manifest: pd.DataFrame, raw: Path, section: VideoFeatures, data: Data) -> dict[str, np.ndarray]:
    """Return the first crop of the face that was chosen in each video, for people to look at.

    Args:
        manifest: rows whose video shows a face.
        raw: the folder that `video_path` is relative to.

    Returns:
        utterance -> RGB, uint8 of shape (height, width, 3).
    """
    detect, found = detectors.open_(section), {}
    for row in manifest.itertuples():
        start, end = (None if pd.isna(v) else float(v) for v in (row.start, row.end))
        clip = Clip(raw / row.video_path, start, end, data.max_seconds)
        seen = faces_of(clip, detect, resnet.smooth_crop, section.frames_per_second)
        if not isinstance(seen, Absent) and seen[0]:
            found[row.utterance_id] = next(iter(seen[0].values()))
    return found
