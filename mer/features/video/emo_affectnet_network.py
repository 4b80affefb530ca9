"""The ResNet-50 of EMO-AffectNet, so that its published checkpoint loads (Ryumina et al. 2022, Neurocomputing 514).

It was trained in Keras and converted, and therefore differs from torchvision's: "same" padding adds the odd row and
column after the image, the pooling has no padding, the first of a block's three convolutions has the stride, epsilon is
0.001, and a layer of 512 units precedes the classes. Names of modules are those of the checkpoint.
"""

import torch
from torch import nn
from torch.nn import functional

EMBEDDING = 512
"""The number of units before the classes."""
EPSILON = 1e-3
MOMENTUM = 0.01
"""The share of a batch in the running statistics; Keras's 0.99 is the complement."""


class SamePadded(nn.Conv2d):
    """A convolution that gives ceil(n / stride) rows and columns; odd padding adds one more at the end.

    >>> SamePadded(1, 1, 7, stride=2)(torch.zeros(1, 1, 224, 225)).shape
    torch.Size([1, 1, 112, 113])
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        sides = []
        for size, kernel, stride in zip(images.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            sides += [total // 2, total - total // 2]
        return super().forward(functional.pad(images, sides))


class Block(nn.Module):
    """Three convolutions (1 × 1 with the stride, 3 × 3, 1 × 1) with a shortcut connection."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * planes
        self.conv1, self.batch_norm1 = nn.Conv2d(inputs, planes, 1, stride, bias=False), _norm(planes)
        self.conv2, self.batch_norm2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), _norm(planes)
        self.conv3, self.batch_norm3 = nn.Conv2d(planes, outputs, 1, bias=False), _norm(outputs)
        self.i_downsample = None
        if stride != 1 or inputs != outputs:
            self.i_downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), _norm(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, inputs, h, w) -> (n, 4 * planes, ceil(h / stride), ceil(w / stride))"""
        shortcut = x if self.i_downsample is None else self.i_downsample(x)
        x = self.batch_norm1(self.conv1(x)).relu()
        x = self.batch_norm2(self.conv2(x)).relu()
        return (self.batch_norm3(self.conv3(x)) + shortcut).relu()


class EmoAffectNet(nn.Module):
    """A network from faces to logits; `embed` returns the 512 values that the paper uses as features.

    Args:
        classes: 7 in the published checkpoint: neutral, happiness, sadness, surprise, fear, disgust, anger.
    """

    def __init__(self, classes: int = 7) -> None:
        super().__init__()
        self.conv_layer_s2_same, self.batch_norm1 = SamePadded(3, 64, 7, stride=2, bias=False), _norm(64)
        self.layer1 = _blocks(64, 64, 3, stride=1)
        self.layer2 = _blocks(256, 128, 4, stride=2)
        self.layer3 = _blocks(512, 256, 6, stride=2)
        self.layer4 = _blocks(1024, 512, 3, stride=2)
        self.fc1, self.fc2 = nn.Linear(2048, EMBEDDING), nn.Linear(EMBEDDING, classes)

    def embed(self, faces: torch.Tensor) -> torch.Tensor:
        """Return the values before the last ReLU; shape (n, 512).

        Args:
            faces: shape (n, 3, 224, 224): blue, green, red in 0..255, minus the means of VGGFace2.
        """
        x = self.batch_norm1(self.conv_layer_s2_same(faces)).relu()  # (n, 64, 112, 112)
        x = functional.max_pool2d(x, 3, stride=2)  # (n, 64, 55, 55)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (n, 2048, 7, 7)
        return self.fc1(x.mean(dim=(2, 3)))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Return logits; shape (n, classes)."""
        return self.fc2(self.embed(faces).relu())


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)


def _blocks(inputs: int, planes: int, count: int, stride: int) -> nn.Sequential:
    return nn.Sequential(Block(inputs, planes, stride), *(Block(4 * planes, planes, 1) for _ in range(count - 1)))
