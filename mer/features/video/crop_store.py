"""The crops of the faces that were selected in videos, stored by content, for the training of encoders.

A video is decoded once for all epochs of all trainings. Networks that read faces in the same form share their crops.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from mer import files
from mer.features.computation import compute_missing
from mer.features.extractor import Unavailable
from mer.features.store import Store
from mer.features.video import resnet
from mer.features.video.clips import VideoSegment, crops
from mer.features.video.face_store import StoredFaces
from mer.media.video import Unreadable
from mer.shards import ShardSlices, mapped

VERSION = 1
"""The version of the crops; it is raised if the same face gives another crop."""
SHARD_FACES = 1024
"""The number of faces of a shard, 147 MiB. An interruption loses at most one shard."""
MAPPED_SHARDS = 64
"""The number of shards that are mapped at a time, each of which holds a file open."""
SPEC_FIELDS = ("faces", "max_seconds", "frames_per_second", "detector", "detector_sha256", "opencv")
"""The fields of a video input's specification that say which frames are read and which face is selected in them."""


def crop_spec(spec: dict) -> dict:
    """Return everything besides the video that determines the crops of an input.

    Args:
        spec: the specification of the input's vectors.
    """
    form = {"crop": resnet.CROPS[spec["extractor"]].__name__, "side": resnet.SIDE}
    return {"extractor": "crops", "version": VERSION, **form, **{name: spec[name] for name in SPEC_FIELDS}}


class CropStore(Store):
    """Faces by video segment, RGB, uint8 of shape (n, 224, 224, 3) each.

    Args:
        folder: the folder of all stores.
        spec: the specification of the vectors of an input that reads these faces.
    """

    more: ClassVar = {"length": "int64"}
    is_shared: ClassVar = False  # pictures of people stay where the corpus is, as decoded recordings do

    def __init__(self, folder: Path, spec: dict) -> None:
        super().__init__(folder, crop_spec(spec))

    def add(self, keys: Sequence[str], faces: Sequence[np.ndarray | None], errors: Sequence[str | None]) -> None:
        """Add one shard; faces that are None have an error instead."""
        readable = np.array([one is not None for one in faces])
        lengths = np.array([0 if one is None else len(one) for one in faces], np.int64)
        side = self.spec["side"]
        array = np.concatenate([np.zeros((0, side, side, 3), np.uint8), *(one for one in faces if one is not None)])
        listing = pd.DataFrame({
            "key": list(keys), "row": np.where(readable, np.cumsum(lengths) - lengths, -1), "length": lengths,
            "error": pd.Series(errors, dtype="str"),
        })  # fmt: skip
        self.append(listing, lambda path: np.save(path, array, allow_pickle=False))

    def select(self, keys: Sequence[str]) -> "FaceClips":
        """Return the faces of video segments, each read from its shard when it is accessed.

        Raises:
            KeyError: a video was never read, or is unreadable.
        """
        index = self.index().reindex(list(keys))
        if not (index["row"] >= 0).all():  # the row of an unknown key is NaN
            wrong = index.index[~(index["row"] >= 0)][0]
            raise KeyError(f"{wrong}: its faces are not among those in {files.to_root(self.folder)}")
        shards, names = pd.factorize(index["shard"])
        starts, lengths = (index[column].to_numpy(np.int64) for column in ("row", "length"))
        return FaceClips([self.folder / f"{name}.npy" for name in names], shards, starts, lengths)


class FaceClips(ShardSlices):
    """The faces of some video segments, uint8 of shape (n, 224, 224, 3) each."""

    def _mapped(self, path: Path) -> np.ndarray:
        return _mapped(path)


_mapped = lru_cache(MAPPED_SHARDS)(mapped)


@dataclass(frozen=True)
class StoredCrops:
    """The crops in a store, and the way to those that it lacks.

    Attributes:
        store: the store.
        faces: the faces that were selected.
    """

    store: CropStore
    faces: StoredFaces

    def find(self, keys: Sequence[str], segment: Callable[[str], VideoSegment]) -> None:
        """Cut the faces out of the videos whose crops are not stored yet, in threads.

        Args:
            keys: the content addresses of the segments.
            segment: the function from an address to its segment.
        """
        self.store.repair(keys)
        self.faces.find(self.store.missing(keys), segment)
        _mapped.cache_clear()  # a recomputed shard is another file of the same name

        def cut(batch: list[str]) -> list[np.ndarray | Unavailable]:
            with ThreadPoolExecutor(max(1, self.faces.jobs)) as pool:
                return list(pool.map(self._cut, self.faces.with_faces(batch, segment)))

        compute_missing(self.store, keys, cut, "crops", self._sizes, SHARD_FACES)

    def with_faces(self, keys: Sequence[str], segment: Callable[[str], VideoSegment]) -> list[VideoSegment]:
        """Return segments with their faces and crops, which `find` has stored."""
        self.faces.find(keys, segment)
        segments, errors = self.faces.with_faces(keys, segment), self.store.errors(keys)
        return [one if error else replace(one, images=self.store.select([key])[0])
                for one, key, error in zip(segments, keys, errors, strict=True)]  # fmt: skip

    def _sizes(self, keys: list[str]) -> list[int]:
        faces = self.faces.store.faces(keys)
        return [0 if isinstance(face, Unavailable) else len(face.boxes) for face in faces]

    def _cut(self, segment: VideoSegment) -> np.ndarray | Unavailable:
        face, spec = self.faces.search(segment), self.store.spec
        if isinstance(face, Unavailable):
            return face
        crop = next(one for one in resnet.CROPS.values() if one.__name__ == spec["crop"])
        try:
            images = list(crops(segment, face, crop, spec["frames_per_second"]))
        except Unreadable as error:
            return Unavailable(error.reason)
        return np.stack(images) if images else Unavailable(f"no face in any of {face.frame_count} frames")


def stored_crops(folder: Path, spec: dict, faces: StoredFaces) -> StoredCrops:
    """Return the crops of an input.

    Args:
        folder: the folder of all stores.
        spec: the specification of the vectors of the input.
        faces: the faces of its search.
    """
    return StoredCrops(CropStore(folder, spec), faces)
