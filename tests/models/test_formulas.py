"""The forward passes of the networks against their equations, which the tests implement again."""

import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm, silu

from mer.acceleration.autograd import normed_linear
from mer.models.inputs import Inputs
from mer.models.layer_mean import LayerMean
from mer.models.networks.attention import AttentionFusion
from mer.models.networks.concat import ConcatFusion
from mer.models.networks.flexible_at import FlexibleAT
from mer.models.networks.robust_at import BLOCKS, HEADS, RobustAT

WIDTHS = {"audio": 6, "text": 5}
ALL = {"audio": 6, "video": 4, "text": 5}
YES, NO = torch.tensor([True]), torch.tensor([False])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def norm(x, layer):
    return layer_norm(x, x.shape[-1:], layer.weight, layer.bias)


def swiglu(x, layer):
    w, b = layer.both.weight, layer.both.bias
    half = len(b) // 2
    return silu(x @ w[:half].T + b[:half]) * (x @ w[half:].T + b[half:])


def disturb(network):
    """Set biases and norms to other values than 0 and 1, which could hide an error of a formula."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def one_row(widths):
    return {m: torch.randn(1, d) for m, d in widths.items()}


@pytest.mark.parametrize("gate", ["sigmoid", "softmax"])
def test_flexible_at_equals_the_fork(gate):
    network = disturb(FlexibleAT(Inputs(WIDTHS, missing="zeros"), 4, 8, gate=gate))
    x = one_row(WIDTHS)
    p = {m: network.project[m](norm(x[m], network.norm[m])) for m in WIDTHS}
    [layers] = network.gates
    scores = torch.cat([p["text"], p["audio"]], dim=1) @ layers.gate.weight.T
    z = scores.sigmoid() if gate == "sigmoid" else scores.softmax(dim=1)
    h = z * (p["text"] @ layers.first.weight.T).tanh() + (1 - z) * (p["audio"] @ layers.second.weight.T).tanh()
    both = network.classify(swiglu(norm(h, network.merge[0]), network.merge[1]))
    torch.testing.assert_close(network(x), both)
    torch.testing.assert_close(network(x, {"audio": YES, "text": YES}), both)
    for there, other in (("audio", "text"), ("text", "audio")):
        alone = network.classify(swiglu(p[there], network.alone[there]))
        torch.testing.assert_close(network(x, {there: YES, other: NO}), alone)
    torch.testing.assert_close(network(x, {"audio": NO, "text": NO})[0], network.classify.bias)


def test_flexible_at_averages_the_present_pairs():
    network = disturb(FlexibleAT(Inputs(ALL, missing="zeros"), 4, 8))
    x = one_row(ALL)
    p = {m: network.project[m](norm(x[m], network.norm[m])) for m in ALL}
    av, vt, ta = (gate(p[a], p[b]) for gate, (a, b) in zip(network.gates, network.pairs, strict=True))
    assert network.pairs == [("audio", "video"), ("video", "text"), ("text", "audio")]
    torch.testing.assert_close(network(x), network.classify(network.merge((av + vt + ta) / 3)))
    without_audio = network(x, {"audio": NO, "video": YES, "text": YES})
    torch.testing.assert_close(without_audio, network.classify(network.merge(vt)))


@pytest.mark.parametrize(
    "there", [(True, True, True), (True, False, True), (False, True, False), (False, False, False)]
)
def test_robust_at_is_a_transformer_over_present_inputs(there):
    """Compare with the attention of torch on the present tokens only."""
    network = disturb(RobustAT(Inputs(ALL, missing="zeros"), 4, 16))
    x = one_row(ALL)
    present = {m: torch.tensor([flag]) for m, flag in zip(ALL, there, strict=True)}
    tokens = [network.first[None] + network.types[0]]
    for number, m in enumerate(ALL, start=1):
        token = swiglu(norm(x[m], network.tokens[m][0]), network.tokens[m][1]) + network.types[number]
        tokens += [token] if present[m] else []
    y = torch.stack(tokens, dim=1)
    assert len(network.blocks) == BLOCKS == 4
    for block in network.blocks:
        attention = nn.MultiheadAttention(16, HEADS, batch_first=True)
        with torch.no_grad():
            attention.in_proj_weight.copy_(block.attention.qkv.weight)
            attention.in_proj_bias.copy_(block.attention.qkv.bias)
            attention.out_proj.weight.copy_(block.attention.out.weight)
            attention.out_proj.bias.copy_(block.attention.out.bias)
        h = norm(y, block.norm)
        y = y + attention(h, h, h, need_weights=False)[0]
        y = y + block.feed[2](swiglu(norm(y, block.feed[0]), block.feed[1]))
    answer = y[:, 0]
    expected = network.classify(answer + swiglu(norm(answer, network.head[0]), network.head[1]))
    torch.testing.assert_close(network(x, present), expected)


def test_attention_weighs_the_present_inputs():
    network = disturb(AttentionFusion(Inputs(ALL, missing="zeros"), 4, 8))
    x = one_row(ALL)
    h = {m: torch.relu(network.encode[m][0](x[m])) for m in ALL}
    hidden = torch.relu(network.weigh[0](torch.cat([h["audio"], torch.zeros(1, 8), h["text"]], dim=1)))
    a, _, t = network.weigh[3](hidden)[0].exp()
    expected = network.classify((a * h["audio"] + t * h["text"]) / (a + t))
    torch.testing.assert_close(network(x, {"audio": YES, "video": NO, "text": YES}), expected)
    nothing = network(x, dict.fromkeys(ALL, NO))
    torch.testing.assert_close(nothing[0], network.classify.bias)


def test_concat_equals_its_formula():
    network = disturb(ConcatFusion(Inputs(WIDTHS, missing="learned"), 4, 8))
    x = one_row(WIDTHS)
    stand_in = network.encode["text"][0](network.absent["text"])[None]
    h = torch.relu(torch.cat([network.encode["audio"][0](x["audio"]), stand_in], dim=1))
    expected = network.classify(torch.relu(network.merge[0](h)))
    torch.testing.assert_close(network(x, {"audio": YES, "text": NO}), expected)


def test_mean_of_layers_starts_with_equal_weights():
    mean, x = LayerMean(3), torch.randn(2, 12)
    layers = x[:, 0:4], x[:, 4:8], x[:, 8:12]
    torch.testing.assert_close(mean(x), sum(layers) / 3)
    with torch.no_grad():
        mean.weights.copy_(torch.tensor([0.0, 1.0, 2.0]).log())  # log 0: not listened to
    torch.testing.assert_close(mean(x), layers[1] / 3 + layers[2] * 2 / 3)


def test_layers_are_averaged_before_the_projection():
    network = disturb(ConcatFusion(Inputs({"audio": 6, "text": 5}, layers={"audio": 3}), 4, 8))
    assert network.encode["audio"][0].in_features == 2
    assert (network.widths, network.fused) == ({"audio": 6, "text": 5}, {"audio": 2, "text": 5})
    plain = ConcatFusion(Inputs({"audio": 2, "text": 5}), 4, 8).eval()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("average.")})
    x = one_row(WIDTHS)
    torch.testing.assert_close(network(x), plain(x | {"audio": network.average["audio"](x["audio"])}))


@pytest.mark.parametrize("wanted", [False, True])
def test_normed_linear_has_the_gradients_of_its_parts(wanted):
    torch.manual_seed(0)
    norm, linear = nn.LayerNorm(6).double(), nn.Linear(6, 4).double()
    nn.init.normal_(norm.weight)
    norm.weight.data[2] = 0.0  # nothing may be divided by it
    nn.init.normal_(norm.bias)
    x = torch.randn(5, 6, dtype=torch.float64, requires_grad=wanted)
    variables = [*norm.parameters(), *linear.parameters(), *([x] if wanted else [])]
    weights, outputs = torch.randn(5, 4, dtype=torch.float64), (normed_linear(norm, linear, x), linear(norm(x)))
    torch.testing.assert_close(*outputs)
    ours, torchs = (torch.autograd.grad((y * weights).sum(), variables) for y in outputs)
    for a, b in zip(ours, torchs, strict=True):
        torch.testing.assert_close(a, b)
