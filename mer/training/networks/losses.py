"""Losses: cross-entropy for one class or for shares of classes, binary cross-entropy for several classes at once."""

import numpy as np
from torch import Tensor
from torch.nn import functional


def balance(shares: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Return class weights, and the shift of the logits in training; both float32 of shape (classes,).

    `class_weights`, `unsampled_class_weights`: 1 / (K p_c) over the K classes that occur, 0 for other classes.
    `logit_adjustment`: shift ln p_c (Menon et al. 2021, "Long-tail learning via logit adjustment"), weights 1.

    Args:
        shares: share p of each class, as from `sampling.balanced_shares`, shape (classes,).
        method: `training.balance`; `none` has no effect.

    Raises:
        ValueError: the method does not exist.
    """
    occurs = shares > 0
    weights, shift = np.ones(len(shares)), np.zeros(len(shares))
    if method in ("class_weights", "unsampled_class_weights"):
        weights = np.divide(1.0, shares * occurs.sum(), out=np.zeros(len(shares)), where=occurs)
    elif method == "logit_adjustment":
        shift = np.log(np.where(occurs, shares, shares[occurs].min()))
    elif method != "none":
        raise ValueError(f"training.balance: {method!r} does not exist")
    return weights.astype(np.float32), shift.astype(np.float32)


def weighted_targets(
    targets: Tensor, weights: Tensor, smoothing: float, multi_label: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return smoothed targets, class weights and row weights, as `loss` takes them.

    Targets are smoothed towards equal shares of all classes, or, if classes may occur together, towards 1/2.

    Args:
        targets: shares of the classes that sum to 1, or 1 for a class that occurs and else 0; (..., n, classes).
        weights: class weights, as from `balance`; broadcast with the targets.
        smoothing: share of the smoothing, in [0, 1).

    Returns:
        Targets and class weights of shape (..., n, classes); row weights of shape (..., n).
    """
    even = 1 / 2 if multi_label else 1 / targets.shape[-1]
    class_weights = weights.expand_as(targets)
    row_weights = (class_weights if multi_label else targets * class_weights).sum(dim=-1)
    return targets * (1 - smoothing) + smoothing * even, class_weights, row_weights


def loss(logits: Tensor, targets: Tensor, class_weights: Tensor, row_weights: Tensor, multi_label: bool) -> Tensor:
    """Return the weighted mean of the cross-entropy, or of the binary one over rows and classes.

    L = - sum_i sum_c w_ic q_ic ln softmax(z_i)_c / sum_i m_i, which for one-hot targets is `torch.nn.CrossEntropyLoss`;
    or, for classes that occur together, - sum_i sum_c w_ic (q_ic ln s(z_ic) + (1 - q_ic) ln s(-z_ic)) / sum_i m_i, with
    s the logistic function.

    Args:
        logits: z, shape (n, classes), with the shift of `balance`.
        targets, class_weights, row_weights: q, w and m, as from `weighted_targets`; w and m are 0 for a padding row.
    """
    if multi_label:
        total = functional.binary_cross_entropy_with_logits(logits, targets, class_weights, reduction="sum")
    else:
        total = functional.cross_entropy(logits, targets * class_weights, reduction="sum")
    return total / row_weights.sum().clamp_min(1e-12)
