"""Tables and drawings of networks, with Graphviz and without."""

import re
import shutil

import pytest
import torch

from mer.models import NETWORKS, Inputs, build
from mer.models.fusion import count_parameters
from mer.report.figures.networks import NO_GRAPHVIZ, drawing, save_drawing, summary

WIDTHS = {"audio": 6, "video": 4, "text": 5}

needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def network(name="gated", missing="learned", layers=None, **settings):
    return build(name, Inputs(WIDTHS, layers=layers or {}, missing=missing), 3, hidden=8, dropout=0.1, **settings)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("missing", ["none", "learned"])
def test_table_counts_every_parameter_once(name, missing):
    net = network(name, missing, layers={"audio": 2})
    table = summary(net)
    assert table["parameters"].sum() == sum(p.numel() for p in net.parameters())
    absent = table["layer"].str.startswith("absent.")
    assert table.loc[~absent, "parameters"].sum() == count_parameters(net)
    assert table["layer"].is_unique
    assert (table["parameters"] > 0).all()


def test_table_lists_shapes():
    rows = summary(network()).set_index("layer")
    assert tuple(rows.loc["project.video"]) == ("Linear", "(n, 4)", 20)
    assert tuple(rows.loc["gates.0.gate"]) == ("Linear", "(n, 8)", 80)
    assert tuple(rows.loc["absent.text"]) == ("Parameter", "(5,)", 5)
    assert list(rows.index[-4:-3]) == ["classify"]
    robust = summary(network("robust_at")).set_index("layer")
    assert robust.loc["blocks.3.attention.qkv", "output"] == "(n, 4, 24)"


@pytest.mark.parametrize("show", [summary, drawing])
def test_summary_and_drawing_leave_the_network_unchanged(show):
    net = network().train()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    show(net)
    assert torch.equal(torch.rand(3), expected)
    assert net.training
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_sentence_replaces_the_drawing_without_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert save_drawing(network(), tmp_path / "network.svg") == NO_GRAPHVIZ
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NETWORKS)
def test_drawing_names_the_inputs(name):
    nodes = re.findall(r"<TD>([a-z-]+)<BR/>depth:0</TD><TD>(\(.*?\))</TD>", drawing(network(name)).source)
    assert sorted(nodes) == sorted([("output-tensor", "(2, 3)"), *((m, f"(2, {d})") for m, d in WIDTHS.items())])


@needs_graphviz
def test_svg_contains_the_drawing(tmp_path):
    path = tmp_path / "drawings" / "network.svg"
    assert save_drawing(network(), path) is None
    words = re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))
    assert {"audio", "video", "text", "sigmoid", "(2, 4)"} <= set(words)
    assert [p.name for p in path.parent.iterdir()] == ["network.svg"]


@needs_graphviz
def test_png_is_written(tmp_path):
    assert save_drawing(network("concat"), tmp_path / "network.png") is None
    assert (tmp_path / "network.png").read_bytes().startswith(b"\x89PNG")


def test_other_file_types_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"network.jpg: the suffix of a drawing is .svg or .png"):
        save_drawing(network(), tmp_path / "network.jpg")
