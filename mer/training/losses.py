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


def cross_entropy(logits: Tensor, targets: Tensor, counts: Tensor, weights: Tensor, shift: Tensor,
                  smoothing: float) -> Tensor:  # fmt: skip
    """Return the mean weighted cross-entropy; for one-hot targets that of `torch.nn.CrossEntropyLoss`.

    L = - sum_i sum_c w_c ((1-e) q_ic + e/K) ln softmax(z_i + s)_c / sum_i sum_c w_c q_ic

    Args:
        logits, targets: shape (n, classes); targets are shares that sum to 1.
        counts: 1 for a row that counts and 0 for one that fills the batch; shape (n,).
        weights, shift: as from `balance`; shape (classes,).
    """
    log_p = functional.log_softmax(logits + shift, dim=1)
    smoothed = targets * (1 - smoothing) + smoothing / targets.shape[1]
    total = -(smoothed * log_p * weights).sum(dim=1) @ counts
    return total / ((targets * weights).sum(dim=1) @ counts).clamp_min(1e-12)


def binary_cross_entropy(logits: Tensor, targets: Tensor, counts: Tensor, weights: Tensor, shift: Tensor,
                         smoothing: float) -> Tensor:  # fmt: skip
    """Return the mean over rows and classes of the binary cross-entropy, for classes that occur together.

    Weights act on the classes, smoothing draws targets towards 1/2. Arguments as above; targets are 0 or 1.
    """
    smoothed = targets * (1 - smoothing) + smoothing / 2
    losses = functional.binary_cross_entropy_with_logits(logits + shift, smoothed, reduction="none") * weights
    return losses.mean(dim=1) @ counts / counts.sum().clamp_min(1.0)
