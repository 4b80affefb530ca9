"""The methods of `training.adaptation`: factors of the probabilities of one target's rows."""

from collections.abc import Callable, Sequence

import numpy as np

from mer.training.adaptation import gaussians, priors, speaker_clusters
from mer.training.adaptation.rows import Rows, Source, logarithms, restricted


def _prior_em(source: Source, rows: Rows, classes: np.ndarray, steps: Sequence[int]) -> list[np.ndarray]:
    shares = source.prior[classes] / source.prior[classes].sum()
    found = priors.em(restricted(rows.probabilities, classes)[:, classes], shares)
    return [np.tile(logarithms(found) - np.log(shares), (len(rows.probabilities), 1))]


def _prior_bbse(source: Source, rows: Rows, classes: np.ndarray, steps: Sequence[int]) -> list[np.ndarray]:
    if np.isnan(source.confusion[:, classes]).any():  # a class has no source rows, and so no column
        return [np.zeros((len(rows.probabilities), int(classes.sum())))]
    shares = source.prior[classes] / source.prior[classes].sum()
    found = priors.bbse(rows.probabilities, source.confusion, classes)[classes]
    return [np.tile(logarithms(found) - np.log(shares), (len(rows.probabilities), 1))]


def _gaussians(source: Source, rows: Rows, classes: np.ndarray, steps: Sequence[int]) -> list[np.ndarray]:
    shares = restricted(rows.probabilities, classes)[:, classes]
    found = gaussians.log_posteriors(gaussians.described(rows.vectors, logarithms(shares)), shares, steps)
    return [logs - logarithms(shares) for logs in found]  # the Gaussians' probabilities replace the model's


def _speaker_clusters(source: Source, rows: Rows, classes: np.ndarray, steps: Sequence[int]) -> list[np.ndarray]:
    logs = logarithms(restricted(rows.probabilities, classes)[:, classes])
    return [np.eye(int(classes.sum()))[speaker_clusters.matched_classes(logs)]]


METHODS: dict[str, Callable[[Source, Rows, np.ndarray, Sequence[int]], list[np.ndarray]]] = {
    "prior_em": _prior_em, "prior_bbse": _prior_bbse, "gaussians": _gaussians, "speaker_gaussians": _gaussians,
    "speaker_clusters": _speaker_clusters,
}  # fmt: skip
"""`training.adaptation` -> the function that returns the logarithms of factors after each number of steps, each of
shape (n, allowed classes); one array for a method without steps."""
