"""What is minimised, for one class, shares of classes, or several classes at once."""

import numpy as np
from torch import Tensor
from torch.nn import functional


def balance(shares: np.ndarray, way: str) -> tuple[np.ndarray, np.ndarray]:
    """Return weights of the classes and what is added to their logits in training; both float32, shape (classes,).

    `class_weights`: 1 / (K p_c) over the K classes that occur, 0 for others, which no example asks for.
    `logit_adjustment`: ln p_c (Menon et al. 2021, "Long-tail learning via logit adjustment"), weights 1.

    Args:
        shares: of the classes among what is drawn.
        way: `training.balance`.
    """
    occurs = shares > 0
    weights, shift = np.ones(len(shares)), np.zeros(len(shares))
    if way == "class_weights":
        weights = np.divide(1.0, shares * occurs.sum(), out=np.zeros(len(shares)), where=occurs)
    elif way == "logit_adjustment":
        shift = np.log(np.where(occurs, shares, shares[occurs].min()))
    return weights.astype(np.float32), shift.astype(np.float32)


def goal(targets: Tensor, weights: Tensor, smoothing: float, multi_label: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the answers to some rows are measured by, as `loss` takes it.

    Targets are drawn towards equal shares of all classes, or, where classes may occur together, towards 1/2.

    Args:
        targets: shares of the classes that sum to 1, or 1 where a class occurs and else 0; (..., n, classes).
        weights: of the classes, as from `balance`; broadcasts with the targets.

    Returns:
        what is wanted, and how much each number of it counts, both (..., n, classes); how much a row counts, (..., n).
    """
    even = 1 / 2 if multi_label else 1 / targets.shape[-1]
    cells = weights.expand_as(targets)
    mass = (cells if multi_label else targets * cells).sum(dim=-1)
    return targets * (1 - smoothing) + smoothing * even, cells, mass


def loss(logits: Tensor, wanted: Tensor, cells: Tensor, mass: Tensor, multi_label: bool) -> Tensor:
    """Return the weighted mean of the cross-entropy, or of the binary one over rows and classes.

    L = - sum_i sum_c w_ic q_ic ln softmax(z_i)_c / sum_i m_i, which for one-hot targets is `torch.nn.CrossEntropyLoss`;
    or, for classes that occur together, - sum_i sum_c w_ic (q_ic ln s(z_ic) + (1 - q_ic) ln s(-z_ic)) / sum_i m_i, with
    s the logistic function.

    Args:
        logits: z, shape (n, classes), with what `balance` adds to them.
        wanted, cells, mass: q, w and m, as from `goal`; w and m are 0 for a row that fills a batch.
    """
    if multi_label:
        total = functional.binary_cross_entropy_with_logits(logits, wanted, cells, reduction="sum")
    else:
        total = functional.cross_entropy(logits, wanted * cells, reduction="sum")
    return total / mass.sum().clamp_min(1e-12)
