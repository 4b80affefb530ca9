import pytest
import torch

from mer.models.fusion import count_parameters
from mer.models.inputs import Inputs
from mer.models.networks.gated import Gate, GatedFusion

PAPER = {"audio": 512, "video": 1024, "text": 768}


@pytest.mark.parametrize(("hidden", "expected"), [(32, 2_201_095), (64, 2_505_479), (128, 3_132_679)])
@pytest.mark.parametrize("missing", ["none", "learned"])
def test_published_parameter_counts(hidden, expected, missing):
    with torch.device("meta"):
        network = GatedFusion(Inputs(PAPER, missing=missing), 7, hidden)
    assert count_parameters(network) == expected
    assert sum(p.numel() for p in network.absent.values()) == (0 if missing == "none" else sum(PAPER.values()))


def test_gate_equals_the_published_formula():
    network = GatedFusion(Inputs({"audio": 3, "text": 2}), 4, 5).eval()
    a, t = torch.randn(2, 3), torch.randn(2, 2)
    ha, ht = network.project["audio"](a), network.project["text"](t)
    gate = network.gates[0]
    z = torch.sigmoid(torch.cat([ht, ha], 1) @ gate.gate.weight.T)
    h = z * torch.tanh(ht @ gate.first.weight.T) + (1 - z) * torch.tanh(ha @ gate.second.weight.T)
    expected = network.classify(network.merge(torch.relu(h)))
    torch.testing.assert_close(network({"audio": a, "text": t}), expected)


def test_softmax_gate_sums_to_one_over_features():
    """The softmax over g features leaves the second input a weight of g - 1 in total."""
    gate = Gate(3, 2, 8, "softmax")
    a, b = torch.randn(4, 3), torch.randn(4, 2)
    z = (gate(a, b) - torch.tanh(gate.second(b))) / (torch.tanh(gate.first(a)) - torch.tanh(gate.second(b)))
    torch.testing.assert_close(z.sum(dim=1), torch.ones(4), rtol=0, atol=1e-3)


def test_unknown_gate_is_refused():
    with pytest.raises(ValueError, match="gate is 'tanh'; it may be sigmoid or softmax"):
        Gate(3, 2, 8, "tanh")


def test_single_input_has_no_gate():
    network = GatedFusion(Inputs({"video": 3}), 4, 5).eval()
    x = torch.randn(2, 3)
    h = torch.relu(torch.tanh(network.project["video"](x) @ network.alone.weight.T))
    torch.testing.assert_close(network({"video": x}), network.classify(network.merge(h)))
