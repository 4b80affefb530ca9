"""Clusters of a speaker's rows, each assigned to one class.

A speaker's rows are clustered by the logarithms of the model's probabilities, by Ward's method, into as many clusters
as there are classes. Clusters and classes are matched one to one so that the model's log-probabilities are highest
(Kuhn 1955, the Hungarian method). This assumes that the speaker has rows of every class.
"""

import numpy as np


def matched_classes(log_probabilities: np.ndarray) -> np.ndarray:
    """Return the class of each row's cluster, int64 of shape (n,).

    Args:
        log_probabilities: of the rows of one speaker, shape (n, classes), n at least the number of classes.

    >>> logs = np.log([[0.5, 0.5], [0.6, 0.4], [0.9, 0.1], [0.9, 0.1]])  # the model says 0 for each
    >>> matched_classes(logs)
    array([1, 1, 0, 0])
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.optimize import linear_sum_assignment

    classes = log_probabilities.shape[1]
    cluster = fcluster(linkage(log_probabilities, method="ward"), classes, criterion="maxclust") - 1
    sums = np.zeros((classes, classes))
    np.add.at(sums, cluster, log_probabilities)
    clusters, matched = linear_sum_assignment(-sums)
    of_cluster = np.empty(classes, np.int64)
    of_cluster[clusters] = matched
    return of_cluster[cluster]
