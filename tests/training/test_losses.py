import numpy as np
import pytest
import torch
from torch import nn

from mer.training.networks import losses

N, K = 50, 7
SHARES = np.array([0.3, 0.05, 0.2, 0.0, 0.25, 0.1, 0.1])


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, 2, 4, 5, 6])[torch.randint(0, 6, (N,), generator=generator)]
    return torch.randn(N, K, generator=generator, dtype=torch.float64) * 3, labels


def one_hot(labels):
    return nn.functional.one_hot(labels, K).double()


def balanced(way):
    return [torch.as_tensor(v).double() for v in losses.balance(SHARES, way)]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("way", ["none", "class_weights"])
def test_cross_entropy_equals_torch(batch, way, smoothing):
    logits, labels = batch
    weights, shift = balanced(way)
    logits.requires_grad_()
    result = losses.loss(logits + shift, *losses.weighted_targets(one_hot(labels), weights, smoothing, False), False)
    expected = nn.CrossEntropyLoss(weight=weights, label_smoothing=smoothing)(logits, labels)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits)[0] for loss in (result, expected)))


def test_soft_targets_equal_torch(batch):
    logits, _ = batch
    targets = torch.softmax(torch.randn(N, K, dtype=torch.float64), dim=1)
    result = losses.loss(logits, *losses.weighted_targets(targets, torch.ones(K).double(), 0.1, False), False)
    torch.testing.assert_close(result, nn.CrossEntropyLoss(label_smoothing=0.1)(logits, targets))


@pytest.mark.parametrize("multi_label", [False, True])
def test_padding_rows_do_not_count(batch, multi_label):
    logits, labels = batch
    weights, counts = balanced("class_weights")[0], (torch.arange(N) < 20).double()
    whole = losses.loss(
        logits, *losses.weighted_targets(one_hot(labels), weights * counts[:, None], 0.1, multi_label), multi_label
    )
    part = losses.weighted_targets(one_hot(labels[:20]), weights, 0.1, multi_label)
    torch.testing.assert_close(whole, losses.loss(logits[:20], *part, multi_label))


def test_class_weights_equal_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 2], [10, 30, 60])
    weights, shift = losses.balance(np.bincount(labels, minlength=4) / 100, "class_weights")
    np.testing.assert_allclose(weights[:3], compute_class_weight("balanced", classes=np.arange(3), y=labels), rtol=1e-6)
    assert weights[3] == 0
    assert not shift.any()


def test_logit_adjustment_gives_the_prior_for_equal_logits():
    weights, shift = losses.balance(SHARES, "logit_adjustment")
    assert (weights == 1).all()
    occurs = SHARES > 0
    np.testing.assert_allclose(np.exp(shift[occurs]), SHARES[occurs], rtol=1e-6)
    assert shift[3] == shift[occurs].min()  # finite where nothing is known
    # With all logits equal the loss is the entropy of the prior, its lowest: nothing pulls towards frequent classes.
    labels = torch.as_tensor(np.repeat(np.arange(K), np.round(SHARES * 20).astype(int)))
    logits = torch.zeros(len(labels), K, dtype=torch.float64, requires_grad=True)
    shift[3] = -100
    targets = losses.weighted_targets(one_hot(labels), torch.as_tensor(weights).double(), 0.0, False)
    loss = losses.loss(logits + torch.as_tensor(shift).double(), *targets, False)
    assert loss.item() == pytest.approx(-(SHARES[occurs] * np.log(SHARES[occurs])).sum(), rel=1e-6)
    [gradient] = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient.sum(dim=0), torch.zeros(K).double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_cross_entropy_equals_torch(batch, smoothing):
    logits, _ = batch
    targets = (torch.rand(N, K, generator=torch.Generator().manual_seed(1)) < 0.3).double()
    weights = balanced("class_weights")[0]
    result = losses.loss(logits, *losses.weighted_targets(targets, weights, smoothing, True), True)
    wanted = targets * (1 - smoothing) + smoothing / 2
    each = nn.BCEWithLogitsLoss(weight=weights, reduction="sum")(logits, wanted)
    torch.testing.assert_close(result, each / (N * weights.sum()))
