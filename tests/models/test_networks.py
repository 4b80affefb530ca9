"""Properties of all fusion networks: any inputs, any of them missing, alone and stacked."""

import itertools
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call, grad, stack_module_state, vmap

from mer.models import NETWORKS, Inputs, build
from mer.models.fusion import count_parameters
from mer.models.inputs import MODALITIES
from mer.training.networks import batches
from mer.training.networks.batches import DropoutMasks

CLASSES = 3
WIDTHS = {"audio": 6, "video": 4, "text": 5}
SUBSETS = [tuple(m for k, m in enumerate(MODALITIES) if mask >> k & 1) for mask in range(1, 8)]
LEAVES_OUT = ("flexible_at", "robust_at", "attention")

every_network = pytest.mark.parametrize("name", NETWORKS)
every_subset = pytest.mark.parametrize("modalities", SUBSETS, ids="+".join)


def network(name, widths=None, seed=0, modalities=None, layers=None, missing="learned", **options):
    torch.manual_seed(seed)
    inputs = Inputs(widths or WIDTHS, modalities or {}, layers or {}, missing)
    return build(name, inputs, CLASSES, **{"hidden": 8, "dropout": 0.0} | options)


def vectors(widths=None, n=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randn(n, d, generator=generator) for m, d in (widths or WIDTHS).items()}


def all_patterns(modalities):
    """Return every combination of present inputs, one per row; the first row has none."""
    flags = torch.tensor([[bool(row >> k & 1) for k in range(len(modalities))] for row in range(2 ** len(modalities))])
    return {m: flags[:, k] for k, m in enumerate(modalities)}


@every_network
@every_subset
@pytest.mark.parametrize("missing", ["zeros", "learned"])
def test_every_subset_of_modalities_may_be_missing(name, modalities, missing):
    widths = {m: WIDTHS[m] for m in modalities}
    net = network(name, widths, missing=missing)
    present = all_patterns(modalities)
    logits = net(vectors(widths, 2 ** len(modalities)), present)
    assert logits.shape == (2 ** len(modalities), CLASSES)
    assert logits.isfinite().all()


@every_network
@pytest.mark.parametrize("gate", ["sigmoid", "softmax"])
@settings(max_examples=10, deadline=None)
@given(
    widths=st.dictionaries(st.sampled_from(MODALITIES), st.integers(1, 9), min_size=1),
    hidden=st.sampled_from([8, 16]),
    classes=st.integers(1, 9),
    n=st.integers(1, 4),
)
def test_any_widths_and_sizes_are_accepted(name, gate, widths, hidden, classes, n):
    net = build(name, Inputs(widths, missing="zeros"), classes, hidden=hidden, dropout=0.1, gate=gate)
    inputs = vectors(widths, n)
    net.check(inputs)
    assert net(inputs).shape == (n, classes)
    assert net.eval()(inputs).isfinite().all()
    assert count_parameters(net) == sum(p.numel() for p in net.parameters())


NAMED = {"keys": 4, "text": 5, "whisper": 6, "audio": 3, "merged": 2}
NAMED_MODALITIES = {"keys": "video", "text": "text", "whisper": "audio", "audio": "audio", "merged": "text"}


@every_network
@pytest.mark.parametrize("missing", ["zeros", "learned"])
def test_any_number_of_named_inputs_may_be_missing(name, missing):
    net = network(name, NAMED, modalities=NAMED_MODALITIES, missing=missing)
    assert list(net.widths) == ["whisper", "audio", "keys", "text", "merged"]
    inputs, present = vectors(NAMED, 32), all_patterns(NAMED)
    net.check(inputs, present)
    expected = net(inputs, present)
    assert expected.isfinite().all()
    for hidden in NAMED:  # whatever stands in place of a missing vector
        foreign = {**inputs, hidden: torch.where(present[hidden][:, None], inputs[hidden], torch.nan)}
        assert torch.equal(net(foreign, present), expected)


@every_network
def test_names_of_inputs_change_neither_weights_nor_logits(name):
    """Three inputs of three modalities make the published network under any names."""
    names = {"audio": "voice", "video": "items", "text": "type"}
    widths, modalities = {names[m]: d for m, d in WIDTHS.items()}, {n: m for m, n in names.items()}
    plain, renamed = network(name), network(name, widths, modalities=modalities)
    keys = {f"input_{n}": m for n, m in modalities.items()}
    weights = {".".join(keys.get(part, part) for part in n.split(".")): v for n, v in renamed.state_dict().items()}
    assert weights.keys() == plain.state_dict().keys()
    assert all(torch.equal(weights[n], value) for n, value in plain.state_dict().items())
    inputs, present = vectors(n=8), all_patterns(MODALITIES)
    by_name = ({names[m]: x for m, x in values.items()} for values in (inputs, present))
    assert torch.equal(plain(inputs, present), renamed(*by_name))


@every_network
def test_order_of_widths_counts_within_a_modality_only(name):
    shuffled = {m: NAMED[m] for m in ("merged", "whisper", "keys", "audio", "text")}
    net = network(name, shuffled, modalities=NAMED_MODALITIES)
    assert list(net.widths) == ["whisper", "audio", "keys", "merged", "text"]


def test_gates_take_every_pair_in_the_published_order():
    net = network("gated", NAMED, modalities=NAMED_MODALITIES)
    names = {key: name for name, key in net.keys.items()}
    assert [(names[a], names[b]) for a, b in net.pairs] == [
        ("whisper", "keys"), ("audio", "keys"), ("keys", "text"), ("keys", "merged"), ("text", "whisper"),
        ("text", "audio"), ("merged", "whisper"), ("merged", "audio"), ("whisper", "audio"), ("text", "merged"),
    ]  # fmt: skip


def test_input_without_a_modality_is_refused():
    with pytest.raises(ValueError, match="each of a modality among audio, video, text"):
        network("concat", {"whisper": 3})


@every_network
def test_all_present_equals_no_mask(name):
    inputs = vectors()
    for missing in ("none", "zeros", "learned"):
        net = network(name, missing=missing)
        present = {m: torch.ones(6, dtype=torch.bool) for m in WIDTHS}
        torch.testing.assert_close(net(inputs, present), net(inputs))


@every_network
@every_subset
def test_values_of_missing_vectors_have_no_effect(name, modalities):
    widths = {m: WIDTHS[m] for m in modalities}
    net = network(name, widths, layers={modalities[0]: 2 if modalities[0] != "text" else 5})
    present = all_patterns(modalities)
    clean = vectors(widths, 2 ** len(modalities))
    hidden = {m: torch.where(present[m][:, None], x, torch.nan) for m, x in clean.items()}
    torch.testing.assert_close(net(hidden, present), net(clean, present), rtol=0, atol=0)
    net(hidden, present).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


@every_network
def test_row_does_not_depend_on_the_others(name):
    net = network(name)
    inputs, present = vectors(n=8), all_patterns(MODALITIES)
    alone = [
        net({m: x[i : i + 1] for m, x in inputs.items()}, {m: p[i : i + 1] for m, p in present.items()})
        for i in range(8)
    ]
    torch.testing.assert_close(torch.cat(alone), net(inputs, present))


@every_network
def test_logits_depend_on_every_present_input(name):
    net = network(name, gate="sigmoid")
    inputs, present = vectors(n=8), all_patterns(MODALITIES)
    for modality in MODALITIES:
        changed = net(inputs | {modality: inputs[modality].square()}, present) - net(inputs, present)
        assert torch.equal(changed.abs().sum(dim=1) > 0, present[modality])


@every_network
def test_every_parameter_has_a_gradient(name):
    net = network(name, layers={"audio": 2})
    net(vectors(n=8), all_patterns(MODALITIES)).logsumexp(dim=1).sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@every_network
@pytest.mark.parametrize("modalities", [m for m in SUBSETS if len(m) == 1], ids="+".join)
def test_every_parameter_has_a_gradient_with_one_modality(name, modalities):
    net = network(name, {m: WIDTHS[m] for m in modalities}, missing="none")
    net(vectors(net.widths, 8)).logsumexp(dim=1).sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@every_network
def test_order_of_the_widths_mapping_does_not_matter(name):
    there, back = network(name), network(name, dict(reversed(WIDTHS.items())))
    torch.testing.assert_close(there(vectors()), back(vectors()), rtol=0, atol=0)


def drop(net, key, rows=6):
    """Give the dropout layers their masks by a key."""
    masks = DropoutMasks(net, rows)
    masks.install(masks.draw(torch.tensor(key, dtype=torch.int32)), rows)
    return net


@every_network
def test_seed_and_keys_determine_weights_logits_and_dropout(name):
    present = {m: torch.arange(6) > 0 for m in WIDTHS}
    nets = [drop(network(name, seed=3, dropout=0.3), key) for key in (0, 0, 1)]
    first, second, other = (net(vectors(), all_patterns(MODALITIES) | present) for net in nets)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert not torch.equal(network(name, seed=3)(vectors()), network(name, seed=5)(vectors()))


@every_network
@pytest.mark.parametrize("at_once", [1, 2**17])
def test_each_layer_has_its_own_mask_of_its_shape(name, at_once, monkeypatch):
    monkeypatch.setattr(batches, "MAX_DRAWN", at_once)
    net = network(name, dropout=0.5)
    masks = DropoutMasks(net, 6)
    drawn = masks.draw(torch.arange(3, dtype=torch.int32))
    assert [m.shape for m in drawn] == [(3, 6, layer.width) for layer in masks.layers.values()]
    assert not DropoutMasks(network(name, dropout=0.0), 6).draw(torch.arange(3, dtype=torch.int32))
    one_by_one = list(masks.steps(torch.arange(3, dtype=torch.int32)))
    for step, together in enumerate(zip(*drawn, strict=True)):
        for alone, mask in zip(one_by_one[step], together, strict=True):
            assert torch.equal(alone, mask)
    for number, first in enumerate(drawn):
        for second in drawn[:number]:
            assert not torch.equal(first[0].flatten()[:24], second[0].flatten()[:24])


@every_network
def test_each_layer_drops_its_own_share(name):
    net, keys = network(name, dropout=0.5), torch.arange(2, dtype=torch.int32)
    shares = [0.1, 0.75, 0.5, 0.25]
    layers = list(DropoutMasks(net, 64).layers.values())
    for layer, p in zip(layers, itertools.cycle(shares)):
        layer.p = p
    for p, mask in zip(itertools.cycle(shares), DropoutMasks(net, 64).draw(keys)):
        assert mask.eq(0).double().mean() == pytest.approx(p, abs=0.03)
        assert mask.max() == pytest.approx(1 / (1 - p), rel=0.01)
    for share in shares:  # a layer's mask does not depend on what the others drop
        alike = network(name, dropout=share)
        for layer, mask, same in zip(
            layers, DropoutMasks(net, 64).draw(keys), DropoutMasks(alike, 64).draw(keys), strict=True
        ):
            assert layer.p != share or torch.equal(mask, same)
    layers[0].p = 0.0
    assert len(DropoutMasks(net, 64).draw(keys)) == len(layers) - 1


@pytest.mark.parametrize(
    "layer",
    [
        lambda share: torch.nn.Dropout(share),
        lambda share: torch.nn.AlphaDropout(share),
        lambda share: torch.nn.MultiheadAttention(8, 2, dropout=share),
        lambda share: torch.nn.GRU(8, 8, num_layers=2, dropout=share),
    ],
)
def test_dropout_of_torch_is_refused(layer):
    net = network("concat", dropout=0.5)
    net.merge.append(layer(0.0))
    DropoutMasks(net, 4)
    net.merge.append(layer(0.1))
    with pytest.raises(
        ValueError, match=r"merge.4 of the network is torch's \w+: take mer.models.random_numbers.Dropout"
    ):
        DropoutMasks(net, 4)


def stacked(name, **options):
    """Three networks, their stacked parameters, and the loss of one of them as a function of its parameters."""
    nets = [network(name, seed=seed, layers={"text": 5}, **options) for seed in range(3)]
    parameters, buffers = stack_module_state(nets)
    assert not buffers

    def loss(one, inputs, present):
        return functional_call(nets[0], one, (inputs, present)).logsumexp(dim=1).mean()

    return nets, parameters, loss


@every_network
@pytest.mark.parametrize("missing", ["none", "zeros", "learned"])
@pytest.mark.parametrize("gate", ["sigmoid", "softmax"])
def test_stacked_and_single_agree(name, missing, gate):
    """Values and gradients agree to 1e-12 in float64. Each network has its own rows and missing inputs."""
    nets, parameters, loss = stacked(name, missing=missing, gate=gate)
    parameters = {key: p.double() for key, p in parameters.items()}
    inputs = {m: torch.stack([vectors(n=8, seed=k)[m].double() for k in range(3)]) for m in WIDTHS}
    there = {m: p if missing != "none" else torch.ones_like(p) for m, p in all_patterns(MODALITIES).items()}
    present = {m: torch.stack([p.roll(k) for k in range(3)]) for m, p in there.items()}
    values = vmap(loss)(parameters, inputs, present)
    gradients = vmap(grad(loss))(parameters, inputs, present)
    for k, net in enumerate(nets):
        own = {m: x[k] for m, x in inputs.items()}, {m: p[k] for m, p in present.items()}
        value = net.double()(*own).logsumexp(dim=1).mean()
        value.backward()
        torch.testing.assert_close(values[k], value, rtol=0, atol=1e-12)
        for key, parameter in net.named_parameters():
            expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            torch.testing.assert_close(gradients[key][k], expected, rtol=0, atol=1e-12)


@every_network
def test_stacked_networks_accept_shared_rows_without_a_mask(name):
    nets, parameters, _ = stacked(name)
    logits = vmap(lambda one, inputs: functional_call(nets[0], one, (inputs,)), (0, None))(parameters, vectors())
    for k, net in enumerate(nets):
        torch.testing.assert_close(logits[k], net(vectors()), rtol=0, atol=1e-5)


@every_network
def test_stacked_networks_have_separate_dropout(name):
    nets, parameters, loss = stacked(name, dropout=0.5)
    same, masks = {key: p[:1].expand_as(p) for key, p in parameters.items()}, DropoutMasks(nets[0], 8)
    drawn = dict(zip((f"{n}.mask" for n in masks.layers), masks.draw(torch.arange(3, dtype=torch.int32)), strict=True))
    args = vectors(n=8), all_patterns(MODALITIES)
    assert len(vmap(loss, (0, None, None))({**same, **drawn}, *args).unique()) == 3
    gradients = vmap(grad(lambda p, k, *rest: loss({**p, **k}, *rest)), (0, 0, None, None))(same, drawn, *args)
    assert all(g.isfinite().all() for g in gradients.values())


@every_network
def test_missing_none_gives_nan_for_missing_inputs(name):
    net = network(name, missing="none")
    inputs, present = vectors(n=2), {m: torch.tensor([True, m != "text"]) for m in WIDTHS}
    with pytest.raises(ValueError, match=r"text is missing in 1 utterances; training.missing may be zeros or learned"):
        net.check(inputs, present)
    logits = net(inputs, present)  # what was not checked has no answer
    assert logits[0].isfinite().all()
    assert logits[1].isnan().all()


def test_learned_vectors_are_not_counted_as_parameters():
    for name in NETWORKS:
        none, learned = network(name, missing="none"), network(name, missing="learned", layers={"audio": 3})
        assert count_parameters(learned) - 3 <= count_parameters(none)
        assert sum(p.numel() for p in learned.absent.values()) == (0 if name in LEAVES_OUT else 2 + 4 + 5)


@pytest.mark.parametrize(
    ("inputs", "present", "reason"),
    [
        ({"audio": torch.zeros(2, 6)}, None, "text is not passed, and the network takes audio, text"),
        ({"audio": torch.zeros(2, 6), "text": torch.zeros(2, 4)}, None, r"text has the shape \(2, 4\).*width 5"),
        ({"audio": torch.zeros(2, 6), "text": torch.zeros(5)}, None, r"text has the shape \(5,\).*width 5"),
        (vectors(n=2), {"audio": torch.ones(2, dtype=torch.bool)}, "text is not passed"),
        (
            vectors(n=2),
            {m: torch.ones(2) for m in WIDTHS},
            r"present: audio is torch.float32 of shape \(2,\), not bool",
        ),
        (
            vectors(n=2),
            {m: torch.ones(1, dtype=torch.bool) for m in WIDTHS},
            r"present: audio is .* not bool of \(2,\)",
        ),
    ],
)
def test_unfitting_inputs_are_refused(inputs, present, reason):
    with pytest.raises(ValueError, match=reason):
        network("concat", {"audio": 6, "text": 5}).check(inputs, present)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"widths": {}}, "at least one"),
        ({"widths": {"smell": 3}}, "widths of .'smell'.*audio, video, text"),
        ({"layers": {"smell": 3}}, "layers of .'smell'"),
        ({"layers": {"audio": 4}}, "audio: vectors of width 6 do not hold 4 equal layers"),
        ({"layers": {"audio": 0}}, "do not hold 0 equal layers"),
        ({"missing": "mean"}, "missing is 'mean'; it may be none, zeros or learned"),
        ({"name": "robust_at", "hidden": 12}, "hidden is 12; it has to be a multiple of its 8 heads"),
        ({"name": "gatted"}, "no network 'gatted'; there are gated, flexible_at"),
    ],
)
def test_impossible_networks_are_refused(options, reason):
    options = {"name": "concat", "widths": WIDTHS, "hidden": 8} | options
    of_inputs = {key: value for key, value in options.items() if key not in ("name", "hidden")}
    with pytest.raises(ValueError, match=reason):
        build(options["name"], Inputs(**of_inputs), 7, hidden=options["hidden"], dropout=0.0)


def test_networks_have_the_sizes_of_the_fork():
    """Audio 160 and text 768 (mfcc, hashed words), as in its README; 80 is the width of its saved summary."""
    with torch.device("meta"):
        for name, hidden, audio, expected in (
            ("flexible_at", 128, 160, 1_128_039),
            ("flexible_at", 128, 80, 1_067_639),
            ("robust_at", 256, 160, 4_824_647),
        ):
            net = build(name, Inputs({"audio": audio, "text": 768}), 7, hidden=hidden, dropout=0.0)
            assert count_parameters(net) == expected


def test_initial_logits_are_of_similar_size():
    """Standardised vectors of real widths neither saturate nor vanish."""
    widths = {"audio": 512, "video": 1024, "text": 768}
    for name in NETWORKS:
        scale = float(network(name, widths, hidden=64)(vectors(widths, 64)).detach().std())
        assert 0.01 < scale < 5, (name, scale)


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, mer.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", ["gated", "concat"])
def test_learned_vector_has_the_gradients_of_a_substituted_one(name):
    network = build(name, Inputs({"audio": 5, "text": 4}, missing="learned"), 3, hidden=6, dropout=0.0).double()
    inputs = {m: torch.randn(8, d, dtype=torch.float64) for m, d in network.widths.items()}
    present = {"audio": torch.arange(8) % 3 > 0, "text": torch.arange(8) % 4 > 0}
    with torch.no_grad():
        for token in network.absent.values():
            token.normal_()
    network(inputs, present).square().sum().backward()
    result = {n: p.grad for n, p in network.named_parameters()}
    network.zero_grad()
    filled = {m: torch.where(present[m][:, None], inputs[m], network.absent[m]) for m in inputs}
    network(filled, None).square().sum().backward()
    for n, p in network.named_parameters():
        torch.testing.assert_close(result[n], p.grad, msg=n)
