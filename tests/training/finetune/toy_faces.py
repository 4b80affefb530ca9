"""Tasks for the training of a small ResNet: faces whose colour reveals the class."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torchvision.models.resnet import Bottleneck, ResNet

from mer.features import Features, encoder_items
from mer.features.extractor import Resources
from mer.features.video import resnet
from mer.features.video.crop_store import CropStore
from mer.features.video.pooling import mean_std
from mer.params.features import read_inputs
from mer.params.schema import System, Training
from mer.training.job import Job
from mer.training.task import Task

SIDE = 32
SPEC = {"extractor": "resnet50", "faces": 1, "max_seconds": 30.0, "frames_per_second": 5.0, "detector": "haar",
        "detector_sha256": "", "opencv": ""}  # fmt: skip
COLOURS = np.array([[60, 10, 10], [10, 60, 10], [10, 10, 60]])


def network(weights=None, num_classes: int = 1000) -> ResNet:
    """The outputs of torchvision's ResNet-50 from one narrow block in each of its stages."""
    return ResNet(Bottleneck, [1, 1, 1, 1], num_classes, width_per_group=4)


@contextmanager
def small():
    """Let the extractor `resnet50` be this network, and let it read small faces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchvision.models, "resnet50", network)
        patch.setattr(resnet, "SIDE", SIDE)
        yield


def weights(folder: Path) -> Path:
    """Save a network whose running statistics are those of no batch."""
    torch.manual_seed(0)
    one = network()
    for module in one.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    torch.save(one.state_dict(), folder / "resnet50.pt")
    return folder / "resnet50.pt"


def faces(count: int, seed: int = 0) -> list[np.ndarray]:
    """Two to six faces for each video, with noise; the colour follows from the class, which is the number modulo 3."""
    random = np.random.default_rng(seed)
    return [random.integers(0, 190, (2 + n % 5, SIDE, SIDE, 3)).astype(np.uint8) + COLOURS[n % 3].astype(np.uint8)
            for n in range(count)]  # fmt: skip


def task(folder: Path, file: Path, videos: list[np.ndarray], **options) -> Task:
    """A task of these videos; the network is that of `file`."""
    sections = read_inputs({"video": {"extractor": "resnet50", "weights": str(file), "train": "all", **options}})
    keys, count = [f"v{n}" for n in range(len(videos))], len(videos)
    store = CropStore(folder, SPEC)
    store.add(keys, videos, [None] * count)
    items = encoder_items.load(sections, {"video": keys}, folder, {"video": SPEC})
    compute = resnet.resnet50(sections["video"], Resources())
    arrays = {"video": np.stack([mean_std(compute(one)) for one in videos])}
    features = Features(arrays, {"video": np.ones(count, bool)}, {"video": "resnet50"}, items=items)
    return Task(features, np.arange(count) % 3, np.where(np.arange(count) < count // 2, "one", "two"), 4)


def job(count: int, **training) -> Job:
    """A job on the first three quarters of the rows, validated on the rest."""
    values = {"epochs": 2, "batch_size": 8, "hidden": 8, "dropout": 0.0, "modality_dropout": 0.0,
              "label_smoothing": 0.0, "learning_rate": 1e-2, "encoders": {"learning_rate": 1e-2},
              **training}  # fmt: skip
    rows = np.arange(count)
    train, rest = rows[: count * 3 // 4], rows[count * 3 // 4 :]
    return Job("tuned", None, System(model="concat", inputs=("video",)), Training.model_validate(values), 0, train,
               rest, rest)  # fmt: skip
