"""Ridge classifiers trained on coalitions of corpora, and their correct predictions, for exact Shapley values."""

import numpy as np

from mer import stats
from mer.training.baselines import least_squares, ridge
from mer.training.scaling.standardise import require_finite
from mer.training.task import Task

MAX_BLOCK_VALUES = 2**24
"""The largest number of decision values that are in memory at once."""


def train_coalitions(
    task: Task, train: np.ndarray, coalitions: list[tuple], inputs: tuple[str, ...], penalty: float
) -> dict[tuple, tuple[np.ndarray, np.ndarray]]:
    """Return coalition -> ridge classifier, as slopes (width, classes) and biases (inputs + 1, classes).

    Slopes and biases apply to features without standardisation, which is folded in. Each input has its own bias, which
    is left out together with the input if a row does not have it; the last bias is common. The classes of each
    coalition have equal weight.

    Args:
        task: features and classes.
        train: row numbers.
        coalitions: tuples of corpora of the training rows.
        inputs: names of the inputs.
        penalty: λ per training row.
    """
    names = sorted(set(task.corpora[train]))
    groups = np.searchsorted(names, task.corpora[train])
    sums = least_squares.collect(task.features, train, inputs, task.labels[train], groups)
    subsets = np.array([np.isin(names, c) for c in coalitions])
    penalties = penalty * (subsets @ np.bincount(groups, minlength=len(names)))
    models = ridge.solve(sums, subsets, penalties, task.classes, balanced=True)
    starts = np.cumsum([0, *sums.widths.values()])[:-1]
    trained = {}
    for coalition, model in zip(coalitions, models, strict=True):
        mean, scale = (np.concatenate(m) for m in zip(*model.standardiser.moments.values(), strict=True))
        slopes = (model.weights / scale).T
        trained[coalition] = slopes, np.vstack([-np.add.reduceat(mean[:, None] * slopes, starts), model.bias])
    return trained


def correct_counts(
    task: Task, rows: np.ndarray, clusters: np.ndarray, inputs: tuple[str, ...], models: list[tuple]
) -> tuple[np.ndarray, np.ndarray]:
    """Return correct restricted predictions, (1 + models, clusters, k), and utterances, (clusters, k), of k classes.

    The classes are those of the rows. The first model is the empty coalition: it is correct in 1/k of the utterances.

    Args:
        task: features and classes.
        rows: row numbers of one test corpus.
        clusters: the cluster of each row.
        inputs: names of the inputs.
        models: classifiers, as from `train_coalitions`.
    """
    require_finite(task.features, rows, inputs)
    classes, truth = np.unique(task.labels[rows], return_inverse=True)
    confusions, names = stats.cluster_confusions(truth, truth, clusters, len(classes))
    support = np.einsum("sii->si", confusions)
    cluster_and_class = np.searchsorted(names, clusters) * len(classes) + truth
    x = np.concatenate([task.features.arrays[m][rows] for m in inputs], axis=1).astype(np.float64)
    present = np.stack([*(task.features.present[m][rows] for m in inputs), np.ones(len(rows))], axis=1)
    counts = [support / len(classes)]
    step = max(1, MAX_BLOCK_VALUES // (len(rows) * len(classes)))
    for first in range(0, len(models), step):
        block = models[first : first + step]
        slopes = np.concatenate([s[:, classes] for s, _ in block], axis=1)
        values = (x @ slopes).reshape(len(rows), len(block), -1)
        for number, (_, bias) in enumerate(block):
            untrained = np.isneginf(bias[-1, classes])
            decision = values[:, number] + present @ np.where(untrained, 0, bias[:, classes])
            decision[:, untrained] = -np.inf
            is_correct = decision.argmax(axis=1) == truth
            counts.append(np.bincount(cluster_and_class, is_correct, minlength=support.size).reshape(support.shape))
    return np.stack(counts), support


def uar_of_counts(correct: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the UAR over the classes with support.

    Args:
        correct: correct predictions of each class, (..., classes).
        support: utterances of each class, in a shape that broadcasts to it.
    """
    has_support = support > 0
    shape = np.broadcast_shapes(correct.shape, support.shape)
    recalls = np.divide(correct, support, out=np.zeros(shape), where=has_support)
    return recalls.sum(axis=-1) / has_support.sum(axis=-1)
