"""Encoders of faces in training: from the crops of a video's face to a vector with gradients."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mer.features.encoder_items import EncoderItems
from mer.features.extractor import Unavailable
from mer.features.pretrained import locations
from mer.features.video import resnet
from mer.features.video.pooling import mean_std
from mer.params.features import STAGES, VideoFeatures
from mer.params.systems import EncoderTraining
from mer.training.finetune import pooling


class VideoEncoder:
    """A ResNet that reads the faces of videos.

    It stays in evaluation mode: its batch normalisation keeps the running statistics of its file, whatever is trained.

    Args:
        section: the parameters of the input.
        folder: the folder of the network in a checkpoint; None for the file of the parameters.
        device: cpu, cuda or mps.

    Attributes:
        padded, computed: the number of faces of padding, which is 0, and of all faces that training has computed.
    """

    def __init__(self, section: VideoFeatures, folder: Path | None, device: str) -> None:
        self.section, self.folder = section, folder
        weights = section.weights if folder is None else str((folder / locations.WEIGHTS[0]).absolute())
        opened = section.model_copy(update={"weights": weights}).named(section._name)
        self.network = resnet.open_network(opened)
        self.model = self.body = self.network.module
        self.padded, self.computed, self._device = 0, 0, device
        self._faces = resnet.in_batches(self.network, device)

    def vectors(self, clips: Sequence[np.ndarray]) -> list[np.ndarray | Unavailable]:
        """Return the vectors of videos from all of their faces, as the extractor of the input computes them."""
        self.model.eval()
        return [mean_std(self._faces(faces)) for faces in clips]

    def store_frozen(self, items: EncoderItems, rows: np.ndarray, training: EncoderTraining) -> None:
        """Do nothing: the activations of a face between two stages take more space than the face."""

    def compute_activations_twice(self) -> None:
        """Compute activations of blocks twice instead of storing them, to save memory."""
        for number in range(1, STAGES + 1):
            for block in self.body.get_submodule(f"layer{number}"):
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)

    def forward(
        self, clips: Sequence[np.ndarray], training: EncoderTraining, keys: Sequence[int],
        names: Sequence[str] | None = None,
    ) -> Tensor:  # fmt: skip
        """Return vectors with gradients, float32 of shape (n, width).

        Args:
            clips: the faces of videos, uint8 of shape (n, 224, 224, 3), of which at most `train_frames` are read.
            keys: fix which frames of a video are drawn.
        """
        drawn = [self._drawn(len(faces), key) for faces, key in zip(clips, keys, strict=True)]
        faces = np.concatenate([faces[frames] for faces, frames in zip(clips, drawn, strict=True)])
        self.computed += len(faces)
        vectors = self.network.embed(self.network.images(faces, self._device))
        parts = vectors.split([len(frames) for frames in drawn])
        return torch.stack([pooling.mean_deviation(p, len(c)) for p, c in zip(parts, clips, strict=True)])

    def _drawn(self, count: int, key: int) -> np.ndarray:
        """Numbers of the frames that are read, in ascending order."""
        if count <= self.section.train_frames:
            return np.arange(count)
        return np.sort(np.random.default_rng(abs(key)).choice(count, self.section.train_frames, replace=False))
