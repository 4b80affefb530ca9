"""Faces through a pretrained ResNet-50: torchvision's, or that of EMO-AffectNet."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mer import files
from mer.features.extractor import Where
from mer.features.video.detectors import Box, NoWeights, opencv
from mer.params.schema import VideoFeatures

VERSION = 1
SIDE = 224
RESNET50_WIDTH, EMO_AFFECTNET_WIDTH = 2048, 512
BATCH = 32
"""faces at once; all of one clip, so that a vector does not depend on what other clips there are"""

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""of red, green and blue in 0..1"""

VGGFACE2_MEAN = (91.4953, 103.8827, 131.0912)
"""of blue, green and red in 0..255 (Cao et al. 2018)"""

WRAPPINGS = ("state_dict", "model_state_dict", "model")
"""under which checkpoints keep their tensors beside other things"""

PUBLISHED = {
    "resnet50": "",
    "emo_affectnet": "; the published one is FER_static_ResNet50_AffectNet.pt: hf download "
    "ElenaRyumina/face_emotion_recognition FER_static_ResNet50_AffectNet.pt",
}
"""where weights come from"""

Describe = Callable[[np.ndarray], np.ndarray]
"""faces of shape (n, 224, 224, 3), RGB, uint8 -> vectors of shape (n, d), float32"""


def smooth_crop(picture: np.ndarray, box: Box) -> np.ndarray:
    """Return the face in 224 × 224, averaged where it shrinks and interpolated where it grows."""
    cv2 = opencv()
    face = picture[box.top : box.bottom, box.left : box.right]
    return cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA if box.area > SIDE**2 else cv2.INTER_LINEAR)


def nearest_crop(picture: np.ndarray, box: Box) -> np.ndarray:
    """Return the face in 224 × 224, each pixel the nearest one: how EMO-AffectNet gets its faces.

    Pixel i is floor((i + 0.5) n / 224) of n. OpenCV's own "nearest" leaves the half out, which moves the face.
    """
    rows, columns = (
        first + ((np.arange(SIDE) + 0.5) * (end - first) / SIDE).astype(int)
        for first, end in ((box.top, box.bottom), (box.left, box.right))
    )
    return picture[rows[:, None], columns]


def resnet50(section: VideoFeatures, where: Where) -> Describe:
    """Return torchvision's ResNet-50 up to the mean over space, 2,048 numbers; the classes of `weights` do not matter.

    Raises:
        NoWeights: the file is not there or has other tensors.
    """
    import torch
    from torchvision.models import resnet50 as published

    with torch.device("meta"):  # shapes only: no time goes into random weights that are replaced at once
        network = published(weights=None)
    network.fc = torch.nn.Identity()
    tensors = {name: value for name, value in _tensors(section).items() if not name.startswith("fc.")}
    _load(network, tensors, section)
    mean, deviation = np.float32(IMAGENET_MEAN), np.float32(IMAGENET_DEVIATION)
    return _in_batches(network, network, lambda faces: (faces / np.float32(255) - mean) / deviation, where)


def emo_affectnet(section: VideoFeatures, where: Where) -> Describe:
    """Return EMO-AffectNet's ResNet-50 up to the 512 numbers before the last ReLU.

    Raises:
        NoWeights: the file is not there or has other tensors.
    """
    import torch

    from mer.features.video.emo_affectnet import EmoAffectNet

    tensors = _tensors(section)
    last = tensors.get("fc2.bias")
    with torch.device("meta"):
        network = EmoAffectNet(7 if last is None else last.numel())
    _load(network, tensors, section)
    mean = np.float32(VGGFACE2_MEAN)
    return _in_batches(network, network.embed, lambda faces: faces[..., ::-1] - mean, where)


def describe(section: VideoFeatures) -> dict:
    """Return the digest of the weights: other weights give other vectors."""
    return {"weights_sha256": files.digest_file(_file(section))}


def _in_batches(network, embed: Callable, prepare: Callable[[np.ndarray], np.ndarray], where: Where) -> Describe:
    import torch

    device = torch.device(where.device)
    network.eval().to(device)

    def vectors(faces: np.ndarray) -> np.ndarray:
        done = []
        with torch.inference_mode():
            for first in range(0, len(faces), BATCH):
                part = prepare(faces[first : first + BATCH].astype(np.float32))  # (n, 224, 224, 3)
                pictures = torch.from_numpy(np.ascontiguousarray(part.transpose(0, 3, 1, 2))).to(device)
                done.append(embed(pictures).float().cpu().numpy())
        return np.concatenate(done)

    return vectors


def _file(section: VideoFeatures) -> Path:
    place = files.from_root(section.weights)
    if not place.is_file():
        raise NoWeights(f"features.video.weights: {section.weights} is not there{PUBLISHED[section.extractor]}")
    return place


def _tensors(section: VideoFeatures) -> dict:
    """The tensors of a checkpoint by name; nothing in it is run."""
    import torch

    place, named = _file(section), f"features.video.weights: {section.weights}"
    try:
        if place.suffix == ".safetensors":
            from safetensors.torch import load_file

            found = load_file(place)
        else:
            found = torch.load(place, map_location="cpu", weights_only=True)
    except Exception as error:  # foreign bytes: whatever the readers raise is one sentence here
        raise NoWeights(f"{named} is not a checkpoint that can be read safely ({type(error).__name__})") from None
    for name in WRAPPINGS:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise NoWeights(f"{named} does not hold tensors by their names, and nothing else")
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def _load(network, tensors: dict, section: VideoFeatures) -> None:
    try:
        network.load_state_dict(tensors, strict=True, assign=True)
        network.float()
    except RuntimeError as error:
        wrong = " ".join(str(error).split())[:300]
        named = f"features.video.weights: {section.weights} is not of {section.extractor}"
        raise NoWeights(f"{named}{PUBLISHED[section.extractor]} ({wrong})") from None
