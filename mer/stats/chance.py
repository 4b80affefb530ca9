"""The UAR that is expected if labels are independent of the predictions."""

import numpy as np
from numpy.typing import ArrayLike


def permuted(confusions: ArrayLike) -> tuple[float, float]:
    r"""Return expectation and standard deviation of the UAR over all permutations of the labels within each cluster.

    .. math::
        \text{E} = \sum_c w_c \sum_s \frac{n_{sc} a_{sc}}{N_s}, \qquad
        \text{Var} = \sum_s \frac{\sum_c w_c^2 n_{sc} a_{sc} (N_s - n_{sc}) (N_s - a_{sc})
        + \sum_{c \neq d} w_c w_d n_{sc} n_{sd} a_{sc} a_{sd}}{N_s^2 (N_s - 1)}

    with :math:`n_{sc}` clips of class c in cluster s, :math:`a_{sc}` clips predicted as c, :math:`N_s` all clips of the
    cluster, and :math:`w_c` one over the number of classes times the clips of class c. Correct predictions are
    hypergeometric. The expectation is above one over the number of classes if predictions depend on the cluster and
    clusters differ in their labels.

    The predictions are fixed. In cross-validation, the labels of each cluster influence predictions for the others, and
    the variance is up to twice this.

    Args:
        confusions: counts per cluster, (s, k, k), rows are the truth.

    Raises:
        ValueError: there are no clips.

    Examples:
        >>> permuted([[[1, 1], [1, 1]]])  # correct clips of a class are 0, 1 or 2 of 2, with odds 1, 4 and 1 of 6
        (0.5, 0.28867513459481287)
        >>> permuted([[[2, 0], [0, 0]], [[0, 0], [0, 2]]])  # the cluster determines the class
        (1.0, 0.0)
    """
    counts = np.asarray(confusions, float)
    counts = counts[counts.sum((1, 2)) > 0]
    if not len(counts):
        raise ValueError("there are no clips")
    labelled, predicted, clips = counts.sum(2), counts.sum(1), counts.sum((1, 2))[:, None]
    total = labelled.sum(0)
    weight = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0) / (total > 0).sum()
    both = weight * labelled * predicted
    mean = (both / clips).sum()
    same = weight * both * (clips - labelled) * (clips - predicted)
    other = both.sum(1, keepdims=True) * both - both**2
    variance = (same + other).sum(1, keepdims=True) / (clips**2 * np.maximum(clips - 1, 1))
    return float(mean), float(np.sqrt(variance.sum()))
