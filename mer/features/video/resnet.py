"""Vectors of faces from a pretrained ResNet-50: torchvision's, or that of EMO-AffectNet."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mer import files
from mer.features.extractor import Resources
from mer.features.video.detectors import Box, NoWeights, opencv
from mer.params.schema import VideoFeatures
from mer.preflight.weights import how_to_get

VERSION = 1
SIDE = 224
"""The side of a face that the networks read, in pixels."""
RESNET50_WIDTH, EMO_AFFECTNET_WIDTH = 2048, 512
"""The number of features of a face."""
BATCH = 32
"""The number of faces per batch. All are of one segment, so a vector does not depend on other segments."""

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Means and standard deviations of red, green and blue, in [0, 1]."""

VGGFACE2_MEAN = (91.4953, 103.8827, 131.0912)
"""The means of blue, green and red, in [0, 255] (Cao et al. 2018)."""

NESTED_KEYS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts store the tensors beside other values."""

FaceFunction = Callable[[np.ndarray], np.ndarray]
"""A function from faces of shape (n, 224, 224, 3), RGB, uint8, to vectors of shape (n, d), float32."""


@dataclass(frozen=True)
class FaceNetwork:
    """A network and the way from faces to its vectors.

    Attributes:
        module: the network.
        embed: function from images, float32 of shape (n, 3, 224, 224), to vectors, shape (n, d).
        prepare: function from faces, float32 of shape (n, 224, 224, 3) in [0, 255], to the numbers of `images`.
    """

    module: Any
    embed: Callable
    prepare: Callable[[np.ndarray], np.ndarray]

    def images(self, faces: np.ndarray, device: Any) -> Any:
        """Return what `embed` reads of faces of shape (n, 224, 224, 3), RGB, uint8: a tensor on a device."""
        import torch

        batch = self.prepare(faces.astype(np.float32))
        return torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2))).to(device)


def smooth_crop(frame: np.ndarray, box: Box) -> np.ndarray:
    """Return the face in 224 × 224, averaged if it is reduced and interpolated if it is enlarged."""
    cv2 = opencv()
    face = frame[box.top : box.bottom, box.left : box.right]
    return cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA if box.area > SIDE**2 else cv2.INTER_LINEAR)


def nearest_crop(frame: np.ndarray, box: Box) -> np.ndarray:
    """Return the face in 224 × 224 by nearest neighbours, as EMO-AffectNet was trained.

    Pixel i is floor((i + 0.5) n / 224) of n. OpenCV's own "nearest" omits the half, which shifts the face.
    """
    rows, columns = (
        first + ((np.arange(SIDE) + 0.5) * (end - first) / SIDE).astype(int)
        for first, end in ((box.top, box.bottom), (box.left, box.right))
    )
    return frame[rows[:, None], columns]


CROPS = {"resnet50": smooth_crop, "emo_affectnet": nearest_crop}
"""For each extractor with a network: how a face is cut out."""


def resnet50(section: VideoFeatures, resources: Resources) -> FaceFunction:
    """Return torchvision's ResNet-50 up to the mean over space, 2,048 features; the classifier is not used.

    Raises:
        NoWeights: the file does not exist or has other tensors.
    """
    return in_batches(_torchvision_network(section), resources.device)


def emo_affectnet(section: VideoFeatures, resources: Resources) -> FaceFunction:
    """Return EMO-AffectNet's ResNet-50 up to the 512 features before the last ReLU.

    Raises:
        NoWeights: the file does not exist or has other tensors.
    """
    return in_batches(_emo_affectnet_network(section), resources.device)


def open_network(section: VideoFeatures) -> FaceNetwork:
    """Return the network of `resnet50` or `emo_affectnet` with its weights.

    Raises:
        NoWeights: the file does not exist or has other tensors.
    """
    return (_torchvision_network if section.extractor == "resnet50" else _emo_affectnet_network)(section)


def _torchvision_network(section: VideoFeatures) -> FaceNetwork:
    import torch
    from torchvision.models import resnet50 as published

    with torch.device("meta"):  # shapes only, because random weights would be replaced at once
        network = published(weights=None)
    network.fc = torch.nn.Identity()
    tensors = {name: value for name, value in _tensors(section).items() if not name.startswith("fc.")}
    _load(network, tensors, section)
    mean, deviation = np.float32(IMAGENET_MEAN), np.float32(IMAGENET_DEVIATION)
    return FaceNetwork(network, network, lambda faces: (faces / np.float32(255) - mean) / deviation)


def _emo_affectnet_network(section: VideoFeatures) -> FaceNetwork:
    import torch

    from mer.features.video.emo_affectnet_network import EmoAffectNet

    tensors = _tensors(section)
    last = tensors.get("fc2.bias")
    with torch.device("meta"):
        network = EmoAffectNet(7 if last is None else last.numel())
    _load(network, tensors, section)
    mean = np.float32(VGGFACE2_MEAN)
    return FaceNetwork(network, network.embed, lambda faces: faces[..., ::-1] - mean)


def describe(section: VideoFeatures) -> dict:
    """Return the digest of the weights, because vectors depend on them."""
    return {"weights_sha256": files.digest_file(_file(section))}


def in_batches(network: FaceNetwork, device: str) -> FaceFunction:
    """Return the function that computes the vectors of faces with a network in evaluation mode, on a device."""
    import torch

    network.module.eval().to(device)

    def vectors(faces: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = (faces[first : first + BATCH] for first in range(0, len(faces), BATCH))
            return np.concatenate([network.embed(network.images(p, device)).float().cpu().numpy() for p in parts])

    return vectors


def _file(section: VideoFeatures) -> Path:
    path = files.from_root(section.weights)
    if not path.is_file():
        advice = how_to_get(section.extractor, section.weights)
        raise NoWeights(f"{section.location}.weights: {section.weights} does not exist; {advice}")
    return path


def _tensors(section: VideoFeatures) -> dict:
    """Return the tensors of a checkpoint by name, without running code from it."""
    import torch

    path, location = _file(section), f"{section.location}.weights: {section.weights}"
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the file is foreign, so the readers may raise anything
        raise NoWeights(f"{location} is not a checkpoint that can be read safely ({type(error).__name__})") from None
    for key in NESTED_KEYS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise NoWeights(f"{location}: expected a state_dict of names and tensors alone")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _load(network, tensors: dict, section: VideoFeatures) -> None:
    try:
        network.load_state_dict(tensors, strict=True, assign=True)
        network.float()
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        location = f"{section.location}.weights: {section.weights} is not of {section.extractor}"
        advice = how_to_get(section.extractor, section.weights)
        raise NoWeights(f"{location} ({reason}); {advice}") from None
