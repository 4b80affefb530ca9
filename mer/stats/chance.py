"""What a UAR would be if labels had nothing to do with the answers."""

import numpy as np
from numpy.typing import ArrayLike


def permuted(confusions: ArrayLike) -> tuple[float, float]:
    r"""Expectation and standard deviation of the UAR over all orders of the labels within each cluster, the answers as
    given.

    .. math::
        \text{E} = \sum_c w_c \sum_s \frac{n_{sc} a_{sc}}{N_s}, \qquad
        \text{Var} = \sum_s \frac{\sum_c w_c^2 n_{sc} a_{sc} (N_s - n_{sc}) (N_s - a_{sc})
        + \sum_{c \neq d} w_c w_d n_{sc} n_{sd} a_{sc} a_{sd}}{N_s^2 (N_s - 1)}

    with :math:`n_{sc}` clips of class c in cluster s, :math:`a_{sc}` of which c is answered, :math:`N_s` all of the
    cluster's, and :math:`w_c` one over the number of classes times the clips of class c: hits are hypergeometric. The
    expectation is above one over the number of classes where answers follow the clusters and these differ in their
    labels.

    The answers are taken as given: where clusters take turns to train and to test, each one's labels are in the others'
    answers, and the variance is up to twice this.

    Args:
        confusions: counts per cluster, (s, k, k), rows are the truth.

    Raises:
        ValueError: there are no clips.

    Examples:
        >>> permuted([[[1, 1], [1, 1]]])  # hits of a class are 0, 1 or 2 of 2, with chances 1, 4 and 1 of 6
        (0.5, 0.28867513459481287)
        >>> permuted([[[2, 0], [0, 0]], [[0, 0], [0, 2]]])  # who knows the cluster knows the class
        (1.0, 0.0)
    """
    counts = np.asarray(confusions, float)
    counts = counts[counts.sum((1, 2)) > 0]
    if not len(counts):
        raise ValueError("no clips: there is nothing to expect")
    spoken, answered, clips = counts.sum(2), counts.sum(1), counts.sum((1, 2))[:, None]
    total = spoken.sum(0)
    weight = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0) / (total > 0).sum()
    both = weight * spoken * answered
    mean = (both / clips).sum()
    same = weight * both * (clips - spoken) * (clips - answered)
    other = both.sum(1, keepdims=True) * both - both**2
    variance = (same + other).sum(1, keepdims=True) / (clips**2 * np.maximum(clips - 1, 1))
    return float(mean), float(np.sqrt(variance.sum()))
