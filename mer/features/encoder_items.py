"""What an encoder that is trained reads of each row of a manifest: decoded recordings, texts, or faces of a video."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mer.features.video.crop_store import CropStore, FaceClips
from mer.media.recordings import AudioClips, Recordings
from mer.params.features import Input

SPEC_FIELDS = ("recordings", "rate_hz", "min_seconds", "max_seconds")
"""The fields of an audio input's specification that say how recordings are decoded."""


@dataclass(frozen=True)
class EncoderItems:
    """The recordings, texts or videos of an input whose encoder is trained, in the order of a manifest's rows.

    Attributes:
        section: the parameters of the input.
        keys: the content address of each row, which is the text itself for a text; None without one.
        clips: decoded recordings, or the faces of videos; None for texts.
        positions: number of each row's recording or video in `clips`, int64 of shape (rows,); -1 without one.
    """

    section: Input
    keys: tuple[str | None, ...]
    clips: AudioClips | FaceClips | None
    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Return the number of samples, characters or faces of some rows; 0 without a recording, text or video."""
        if self.clips is None:
            return np.array([len(self.keys[row] or "") for row in rows], np.int64)
        lengths = np.append(self.clips.lengths, 0)  # the position -1 is that of the 0
        return lengths[self.positions[rows]]

    def select(self, rows: np.ndarray) -> Sequence[Any]:
        """Return the recordings or faces, each read when it is accessed, or the texts of rows that have one."""
        if self.clips is None:
            return [self.keys[row] for row in rows]
        return self.clips[self.positions[rows]]

    def of_rows(self, rows: np.ndarray) -> "EncoderItems":
        """Return the items of some rows; without rows, only the parameters of the input are left."""
        keys, positions = tuple(self.keys[row] for row in rows), self.positions
        return replace(self, keys=keys, clips=self.clips if len(rows) else None,
                       positions=positions[rows] if len(positions) else positions)  # fmt: skip

    def with_item_of(self, row: int, rows: np.ndarray) -> "EncoderItems":
        """Return the same where some rows have the recording, text or video of one row.

        Args:
            row: number of a row.
            rows: which rows, bool of shape (rows,).
        """
        keys = tuple(self.keys[row] if other else key for key, other in zip(self.keys, rows, strict=True))
        if self.clips is None:
            return replace(self, keys=keys)
        return replace(self, keys=keys, positions=np.where(rows, self.positions[row], self.positions))


def load(
    inputs: Mapping[str, Input], keys: Mapping[str, Sequence[str | None]], folder: Path, specs: Mapping[str, dict]
) -> dict[str, EncoderItems]:
    """Return input -> its items, for the inputs whose encoder is trained.

    Args:
        inputs: the section `features`.
        keys: input -> the address of each row.
        folder: the folder of all stores; recordings and videos have been decoded there by step 02.
        specs: input -> specification of its vectors.

    Raises:
        KeyError: a recording or video is not decoded.
    """
    trained = {name: one for name, one in inputs.items() if one.is_trained}
    return {name: _items(one, tuple(keys[name]), folder, specs[name]) for name, one in trained.items()}


def _items(one: Input, keys: tuple[str | None, ...], folder: Path, spec: dict) -> EncoderItems:
    if one.modality == "text":
        return EncoderItems(one, keys, None, np.zeros(0, np.int64))
    is_video = one.modality == "video"
    decoded = CropStore(folder, spec) if is_video else Recordings(folder, {name: spec[name] for name in SPEC_FIELDS})
    errors = decoded.errors(keys)
    readable = [key is not None and error is None for key, error in zip(keys, errors, strict=True)]
    unique = list(dict.fromkeys(key for key, use in zip(keys, readable, strict=True) if use))
    number = {key: n for n, key in enumerate(unique)}
    positions = np.array([number[key] if use else -1 for key, use in zip(keys, readable, strict=True)], np.int64)
    return EncoderItems(one, keys, decoded.select(unique), positions)
