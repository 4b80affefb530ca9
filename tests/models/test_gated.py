import pytest
import torch

from mer.models.gated import GatedFusion, count_parameters

PAPER = {"audio": 512, "video": 1024, "text": 768}


@pytest.mark.parametrize(("hidden", "expected"), [(32, 2_201_095), (64, 2_505_479), (128, 3_132_679)])
@pytest.mark.parametrize("missing", ["none", "learned"])
def test_published_parameter_counts(hidden, expected, missing):
    assert count_parameters(GatedFusion(PAPER, 7, hidden, missing=missing)) == expected


@pytest.mark.parametrize(
    "widths", [{"audio": 6}, {"text": 5}, {"audio": 6, "text": 5}, {"audio": 6, "video": 4, "text": 5}]
)
@pytest.mark.parametrize("gate", ["sigmoid", "softmax"])
def test_any_subset_of_modalities(widths, gate):
    network = GatedFusion(widths, 7, 8, gate=gate, missing="learned")
    inputs = {m: torch.randn(3, d) for m, d in widths.items()}
    present = {m: torch.tensor([True, False, True]) for m in widths}
    assert network(inputs, present).shape == (3, 7)


def test_the_gate_is_the_published_formula():
    network = GatedFusion({"audio": 3, "text": 2}, 4, 5).eval()
    a, t = torch.randn(2, 3), torch.randn(2, 2)
    ha, ht = network.project["audio"](a), network.project["text"](t)
    gate = network.gates[0]
    z = torch.sigmoid(torch.cat([ht, ha], 1) @ gate.gate.weight.T)
    h = z * torch.tanh(ht @ gate.first.weight.T) + (1 - z) * torch.tanh(ha @ gate.second.weight.T)
    expected = network.classify(network.merge(torch.relu(h)))
    torch.testing.assert_close(network({"audio": a, "text": t}), expected)


def test_an_absent_vector_is_not_looked_at():
    network = GatedFusion({"audio": 3, "text": 2}, 4, 5, missing="zeros").eval()
    audio, present = torch.randn(1, 3), {"audio": torch.tensor([True]), "text": torch.tensor([False])}
    one, other = (network({"audio": audio, "text": torch.full((1, 2), v)}, present) for v in (0.0, 9.0))
    torch.testing.assert_close(one, other)


def test_missing_none_refuses():
    network = GatedFusion({"audio": 3, "text": 2}, 4, 5, missing="none")
    inputs = {"audio": torch.randn(1, 3), "text": torch.randn(1, 2)}
    with pytest.raises(ValueError, match="text is missing in 1"):
        network(inputs, {"audio": torch.tensor([True]), "text": torch.tensor([False])})
