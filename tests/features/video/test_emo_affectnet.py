"""The network of EMO-AffectNet and its published checkpoint."""

import pytest
import torch
from torch import nn

from mer.features.video.emo_affectnet_network import EmoAffectNet, SamePadded

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))


def published() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the tensors of FER_static_ResNet50_AffectNet.pt."""
    shapes: dict[str, tuple[int, ...]] = {"conv_layer_s2_same.weight": (64, 3, 7, 7)} | norm("batch_norm1", 64)
    inputs = 64
    for stage, (planes, count) in enumerate(STAGES, start=1):
        for block in range(count):
            path = f"layer{stage}.{block}"
            for number, shape in enumerate(
                [(planes, inputs, 1, 1), (planes, planes, 3, 3), (4 * planes, planes, 1, 1)], start=1
            ):
                shapes |= {f"{path}.conv{number}.weight": shape} | norm(f"{path}.batch_norm{number}", shape[0])
            if block == 0:
                shapes[f"{path}.i_downsample.0.weight"] = (4 * planes, inputs, 1, 1)
                shapes |= norm(f"{path}.i_downsample.1", 4 * planes)
            inputs = 4 * planes
    return shapes | {"fc1.weight": (512, 2048), "fc1.bias": (512,), "fc2.weight": (7, 512), "fc2.bias": (7,)}


def norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{kind}": (channels,) for kind in vectors} | {f"{name}.num_batches_tracked": ()}


def test_published_names_and_shapes_load():
    shapes = published()
    tensors = {
        name: torch.zeros(shape, dtype=torch.long if name.endswith("tracked") else torch.float32)
        for name, shape in shapes.items()
    }
    assert len(shapes) == 322
    with torch.device("meta"):
        network = EmoAffectNet()
    network.load_state_dict(tensors, strict=True, assign=True)
    assert sum(p.numel() for p in network.parameters()) == 24_560_711  # 23,508,032 of a ResNet-50, 512 and 7 behind it
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 53
    assert {m.eps for m in norms} == {1e-3}
    strides = {name: m.stride[0] for name, m in network.named_modules() if isinstance(m, nn.Conv2d) and m.stride[0] > 1}
    assert strides == {"conv_layer_s2_same": 2} | {
        f"layer{i}.0.{name}": 2 for i in (2, 3, 4) for name in ("conv1", "i_downsample.0")
    }


@pytest.mark.parametrize(("size", "before", "after"), [(8, 2, 3), (7, 3, 3)])
def test_padding_equals_that_of_keras(size, before, after):
    torch.manual_seed(0)
    layer = SamePadded(1, 1, 7, stride=2, bias=False)
    row, kernel = torch.randn(size), torch.zeros(7, 7)
    kernel[3] = torch.randn(7)  # one row, so that columns can be summed by hand
    layer.weight.data = kernel[None, None]
    padded = [0.0] * before + row.tolist() + [0.0] * after
    by_hand = [sum(kernel[3, k].item() * padded[2 * i + k] for k in range(7)) for i in range(4)]
    image = torch.zeros(1, 1, size, size)
    image[0, 0, 3 - before + 2] = row  # the row on which the middle of the kernel lies for the second row of outputs
    torch.testing.assert_close(layer(image)[0, 0, 1], torch.tensor(by_hand))


def test_embedding_precedes_the_last_relu_and_sizes_equal_those_of_keras():
    torch.manual_seed(0)
    network, widths = EmoAffectNet(classes=6).eval(), {}
    last = []
    for name in ("conv_layer_s2_same", "layer1", "layer2", "layer4"):
        network.get_submodule(name).register_forward_hook(lambda _, __, out, n=name: widths.update({n: out.shape[-1]}))
    network.fc2.register_forward_pre_hook(lambda _, inputs: last.append(inputs[0]))
    with torch.inference_mode():
        embedded = network.embed(50 * torch.randn(1, 3, 224, 224))
        assert widths == {"conv_layer_s2_same": 112, "layer1": 55, "layer2": 28, "layer4": 7}
        small = torch.randn(2, 3, 32, 32)
        assert network(small).shape == (2, 6)
        torch.testing.assert_close(last[-1], network.embed(small).relu())
    assert embedded.shape == (1, 512)
    assert (embedded < 0).any()
