"""The faces that were selected in videos, stored by content: all inputs with the same search read them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from mer.features.computation import compute_missing
from mer.features.extractor import Resources, Unavailable
from mer.features.store import Store
from mer.features.video import detectors
from mer.features.video.clips import FaceSearch, VideoSegment
from mer.features.video.detectors import Box
from mer.features.video.faces import Face
from mer.params.schema import Data, VideoFeatures

VERSION = 1
"""The version of decoding and face tracking; it is raised if the same video gives other frames or another face."""
SHARD = 128
"""The number of segments per shard. An interruption loses at most one shard, up to a second of work per segment."""


def search_spec(section: VideoFeatures, data: Data) -> dict:
    """Return everything besides the video that determines the selected face."""
    rate = {"frames_per_second": section.frames_per_second}
    return {"extractor": "faces", "version": VERSION, "max_seconds": data.max_seconds, **rate,
            **detectors.describe(section)}  # fmt: skip


class FaceStore(Store):
    """The boxes of selected faces. A row of an array has the number of a frame and the box in it."""

    shard = SHARD
    more: ClassVar = {"length": "int64", "frame_count": "int64"}

    def add(self, keys: Sequence[str], faces: Sequence[Face | None], errors: Sequence[str | None]) -> None:
        """Add one shard; a face that is None has an error instead."""
        boxes = [[(number, *box) for number, box in face.boxes.items()] if face else [] for face in faces]
        lengths = np.array([len(of_face) for of_face in boxes], np.int64)
        array = np.array([row for of_face in boxes for row in of_face], np.int32).reshape(-1, 5)
        readable = np.array([face is not None for face in faces])
        listing = pd.DataFrame({
            "key": list(keys), "row": np.where(readable, np.cumsum(lengths) - lengths, -1), "length": lengths,
            "frame_count": [face.frame_count if face else 0 for face in faces],
            "error": pd.Series(errors, dtype="str"),
        })  # fmt: skip
        self.append(listing, lambda path: np.save(path, array, allow_pickle=False))

    def faces(self, keys: Sequence[str]) -> list[Face | Unavailable]:
        """Return the face of each key, or the reason why its video cannot be read.

        Raises:
            KeyError: a segment was never searched.
            DamagedShard: a shard is not what was written.
        """
        return [self._face(entry) for entry in self.index().loc[list(keys)].itertuples()]

    def _face(self, entry) -> Face | Unavailable:
        if entry.row < 0:
            return Unavailable(str(entry.error))
        rows = self.array(entry.shard)[entry.row : entry.row + entry.length].tolist()
        return Face({number: Box(*box) for number, *box in rows}, int(entry.frame_count))


@dataclass(frozen=True)
class StoredFaces:
    """The faces of one search: those in the store, and the search for the others.

    Attributes:
        store: the store.
        search: the search.
        jobs: the number of threads of the search.
    """

    store: FaceStore
    search: FaceSearch
    jobs: int = 1

    def find(self, keys: Sequence[str], segment: Callable[[str], VideoSegment]) -> None:
        """Search the segments whose faces are not stored yet.

        Args:
            keys: the content addresses of the segments.
            segment: the function from an address to its segment.
        """

        def search(batch: list[str]) -> list[Face | Unavailable]:
            with ThreadPoolExecutor(max(1, self.jobs)) as pool:
                return list(pool.map(self.search, map(segment, batch)))

        compute_missing(self.store, keys, search, "faces", lambda batch: [1] * len(batch), SHARD)

    def with_faces(self, keys: Sequence[str], segment: Callable[[str], VideoSegment]) -> list[VideoSegment]:
        """Return segments with their faces, which `find` has stored."""
        segments = [segment(key) for key in keys]
        for item, face in zip(segments, self.store.faces(keys), strict=True):
            item.faces[self.search.key] = face
        return segments


def stored_faces(folder: Path, section: VideoFeatures, data: Data, resources: Resources) -> StoredFaces:
    """Return the faces of an input's search.

    Args:
        folder: the folder of all stores.
        section: the parameters of the input.
        data: the longest utterance.
        resources: the number of threads.
    """
    return StoredFaces(FaceStore(folder, search_spec(section, data)), FaceSearch(section), resources.jobs)
