"""The published fusion weights: names, shapes and forward pass; other files are refused."""

import os
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.dataset.manifest import labels
from mer.models import published_weights
from mer.models.fusion import count_parameters

PAPER = {"audio": 512, "video": 1024, "text": 768}
SMALL = {"audio": 5, "video": 7, "text": 6}


def weights(widths=SMALL, hidden=4, classes=7):
    """A state dict with the published names and shapes."""
    generator = torch.Generator().manual_seed(hidden)
    a, v, t = widths["audio"], widths["video"], widths["text"]
    shapes = {
        "fc_audio.weight": (a, a), "fc_audio.bias": (a,),
        "fc_video.weight": (v, v), "fc_video.bias": (v,),
        "fc_text.weight": (t, t), "fc_text.bias": (t,),
        "gal_av.WF1": (a, hidden), "gal_av.WF2": (v, hidden), "gal_av.WF": (a + v, hidden),
        "gal_vt.WF1": (v, hidden), "gal_vt.WF2": (t, hidden), "gal_vt.WF": (v + t, hidden),
        "gal_ta.WF1": (t, hidden), "gal_ta.WF2": (a, hidden), "gal_ta.WF": (t + a, hidden),
        "fc_avt.weight": (hidden, 3 * hidden), "fc_avt.bias": (hidden,),
        "classifier.weight": (classes, hidden), "classifier.bias": (classes,),
    }  # fmt: skip
    return {name: torch.randn(shape, generator=generator) / shape[0] ** 0.5 for name, shape in shapes.items()}


def published(w, audio, video, text):
    """The published forward pass in float64, from its equations."""
    w = {name: tensor.double().numpy() for name, tensor in w.items()}

    def gate(name, one, other):
        scores = np.concatenate([one, other], axis=1) @ w[f"{name}.WF"]
        z = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return z * np.tanh(one @ w[f"{name}.WF1"]) + (1 - z) * np.tanh(other @ w[f"{name}.WF2"])

    a, v, t = (
        x @ w[f"fc_{m}.weight"].T + w[f"fc_{m}.bias"]
        for m, x in (("audio", audio), ("video", video), ("text", text))
    )  # fmt: skip
    h = np.concatenate([gate("gal_av", a, v), gate("gal_vt", v, t), gate("gal_ta", t, a)], axis=1)
    h = np.maximum(h, 0) @ w["fc_avt.weight"].T + w["fc_avt.bias"]
    return h @ w["classifier.weight"].T + w["classifier.bias"]


def saved(folder, state, **how):
    torch.save(state, folder / "fusion.pth", **how)
    return folder / "fusion.pth"


@pytest.mark.parametrize(
    ("widths", "hidden", "classes"), [(PAPER, 32, 7), (PAPER, 64, 7), (PAPER, 128, 7), (SMALL, 4, 6)]
)
def test_forward_pass_equals_the_published_one(tmp_path, widths, hidden, classes):
    state = weights(widths, hidden, classes)
    network = published_weights.load(saved(tmp_path, state))
    generator = torch.Generator().manual_seed(1)
    inputs = {m: torch.randn(5, d, generator=generator) for m, d in widths.items()}
    expected = published(state, *(inputs[m].double().numpy() for m in ("audio", "video", "text")))
    with torch.inference_mode():
        result = network.double()({m: x.double() for m, x in inputs.items()})
        single = network.float()(inputs)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(single, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert count_parameters(network) == sum(tensor.numel() for tensor in state.values())
    assert network.widths == widths
    assert not network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_parameters_have_the_published_number():
    assert sum(tensor.numel() for tensor in weights(PAPER, 64).values()) == 2_505_479


def test_seven_logits_are_the_published_classes():
    assert published_weights.CLASSES == labels.CLASSES


def test_older_format_and_half_precision_are_read(tmp_path):
    state = weights()
    halves = {name: tensor.half() for name, tensor in state.items()}
    network = published_weights.load(saved(tmp_path, halves, _use_new_zipfile_serialization=False))
    assert network.classify.bias.dtype == torch.float32
    torch.testing.assert_close(network.classify.bias.data, halves["classifier.bias"].float())


def test_all_wrong_names_are_reported_together(tmp_path):
    state = weights()
    state["gal_at.WF"] = state.pop("gal_ta.WF")
    del state["classifier.bias"]
    with pytest.raises(
        ValueError, match=r"classifier.bias is missing; gal_ta.WF is missing; 'gal_at.WF' is unexpected"
    ):
        published_weights.load(saved(tmp_path, state))


def test_all_wrong_shapes_are_reported_together(tmp_path):
    state = weights()
    state["gal_vt.WF"] = state["gal_vt.WF"].T
    state["fc_avt.weight"] = torch.zeros(4, 11)
    with pytest.raises(ValueError, match=r"fc_avt.weight .*\(4, 11\).*require \(4, 12\); gal_vt.WF .*\(13, 4\)"):
        published_weights.load(saved(tmp_path, state))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (torch.full((7,), torch.nan), "classifier.bias holds NaN"),
        (torch.zeros(7, dtype=torch.int64), "classifier.bias is not a dense tensor of floats"),
        ("seven", "classifier.bias is not a dense tensor of floats"),
        (torch.zeros(0), "classifier.bias has another number of bytes"),
        (torch.zeros(1).expand(10**12), "classifier.bias has another number of bytes"),
        (torch.zeros(7, 1), r"classifier.bias has the shape \(7, 1\)"),
    ],
)
def test_invalid_tensors_are_refused(tmp_path, value, reason):
    with pytest.raises(ValueError, match=reason):
        published_weights.load(saved(tmp_path, weights() | {"classifier.bias": value}))


class Code:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_code_is_not_run(tmp_path, zipped):
    ran = tmp_path / "ran"
    state = weights() | {"classifier.bias": Code(str(ran))}
    with pytest.raises(ValueError, match="code that runs when it is loaded; not loaded"):
        published_weights.load(saved(tmp_path, state, _use_new_zipfile_serialization=zipped))
    assert not ran.exists()


@pytest.mark.parametrize("content", [b"", b"<html>too many downloads</html>", b"PK\x05\x06" + bytes(18)])
def test_foreign_file_is_refused(tmp_path, content):
    (tmp_path / "fusion.pth").write_bytes(content)
    with pytest.raises(ValueError, match=r"fusion.pth: (damaged|holds more)"):
        published_weights.load(tmp_path / "fusion.pth")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_file_is_refused(tmp_path, share, zipped):
    path = saved(tmp_path, weights(), _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"fusion.pth: (damaged|holds more)"):
        published_weights.load(path)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), zipped=st.booleans())
def test_file_with_wrong_bytes_is_refused_or_read(tmp_path_factory, data, zipped):
    path = saved(tmp_path_factory.mktemp("bytes"), weights(), _use_new_zipfile_serialization=zipped)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(ValueError):
        network = published_weights.load(path)
        assert all(p.isfinite().all() for p in network.parameters())


def test_compressed_archive_is_refused(tmp_path):
    with zipfile.ZipFile(saved(tmp_path, weights())) as plain, zipfile.ZipFile(
        tmp_path / "small.pth", "w", zipfile.ZIP_DEFLATED
    ) as small:  # fmt: skip
        for name in plain.namelist():
            small.writestr(name, plain.read(name))
    with pytest.raises(ValueError, match=r"small.pth: damaged, or not written by torch"):
        published_weights.load(tmp_path / "small.pth")


def test_value_without_names_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a list instead of tensors by name"):
        published_weights.load(saved(tmp_path, [torch.zeros(1)]))
    with pytest.raises(ValueError, match=r"fc_text.bias is missing.*1 more"):
        published_weights.load(saved(tmp_path, {1: torch.zeros(1), 2: torch.zeros(1)}))


def test_missing_file_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        published_weights.load(tmp_path / "none.pth")
