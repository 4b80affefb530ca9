"""Which rows an epoch is made of, and in which order: a function of seed and epoch alone."""

import numpy as np

from mer.models import random_numbers
from mer.params.schema import Training


def shares(labels: np.ndarray, corpora: np.ndarray, training: Training) -> dict[str, float]:
    """Return corpus -> its share of the rows that are drawn.

    A row of corpus c and class y is drawn in proportion to w_c n_c^(a-1) n_y^(b-1), with w the `corpus_weights`, n_c
    and n_y the number of rows of the corpus and of the class, a the `corpus_exponent` (Arivazhagan et al. 2019, where
    1/a is the temperature) and b the `class_exponent`. With a = 0, the weights alone are the shares of the corpora,
    and b = 0 divides by the number of rows of the class (`weighted` and `dataset_class_balanced` of the fork,
    Vally16768/MER @ c83d916, which draws with replacement).

    Args:
        labels: class number of each training row, shape (n,).
        corpora: corpus of each training row, shape (n,).
        training: has the exponents and the weights.

    >>> nine, one = [0, 0, 0, 0, 0, 0, 0, 0, 1], [1]
    >>> rows = np.array(nine + one), np.array(["a"] * 9 + ["b"])
    >>> shares(*rows, Training(corpus_exponent=0.5))
    {'a': 0.75, 'b': 0.25}
    >>> shares(*rows, Training(corpus_exponent=0, corpus_weights={"b": 4}))
    {'a': 0.2, 'b': 0.8}
    >>> class_shares(*rows, 2, Training(class_exponent=0)).tolist()
    [0.5, 0.5]
    """
    group, share = _groups(labels, corpora, training)
    first = np.unique(group, return_index=True)[1]
    shares_of = dict.fromkeys(map(str, np.unique(corpora)), 0.0)
    for name, value in zip(corpora[first], share, strict=True):
        shares_of[str(name)] += float(value)
    return shares_of


def order(labels: np.ndarray, corpora: np.ndarray, training: Training, seed: int, epoch: int) -> np.ndarray:
    """Return the positions that an epoch trains on, shuffled; as many as there are rows.

    The rows of a corpus, or with a `class_exponent` of a corpus and a class, are drawn without repetition until they
    are used up, so they are drawn equally often, give or take one. With the default parameters this is a permutation.

    Args:
        labels, corpora: of each training row, shape (n,).

    Returns:
        int64 of shape (n,).
    """
    random = np.random.default_rng(abs(random_numbers.key(seed, epoch)))
    if training.corpus_exponent == training.class_exponent == 1.0 and not training.corpus_weights:
        return random.permutation(len(corpora))
    group, share = _groups(labels, corpora, training)
    drawn = []
    for number, quota in enumerate(_quotas(share, len(corpora))):
        mine = np.flatnonzero(group == number)
        rounds, rest = divmod(quota, len(mine))
        drawn += [mine] * rounds + [random.permutation(mine)[:rest]]
    return random.permutation(np.concatenate(drawn))


def class_shares(labels: np.ndarray, corpora: np.ndarray, classes: int, training: Training) -> np.ndarray:
    """Return how often each class is drawn; shape (classes,), sums to 1."""
    group, share = _groups(labels, corpora, training)
    total = np.zeros(classes)
    for number, value in enumerate(share):
        counts = np.bincount(labels[group == number], minlength=classes)
        total += value * counts / counts.sum()
    return total


def balanced_shares(labels: np.ndarray, corpora: np.ndarray, classes: int, training: Training) -> np.ndarray:
    """Return the class shares that `training.balance` corrects: of what is drawn, or of the training rows."""
    if training.balance == "unsampled_class_weights":
        return np.bincount(labels, minlength=classes) / len(labels)
    return class_shares(labels, corpora, classes, training)


def _groups(labels: np.ndarray, corpora: np.ndarray, training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each row's group and the share of each group: a corpus, or a class of a corpus."""
    names, corpus, n_corpus = np.unique(corpora, return_inverse=True, return_counts=True)
    weights = np.array([training.corpus_weights.get(str(name), 1.0) for name in names])
    powers = n_corpus**training.corpus_exponent * weights
    if training.class_exponent == 1.0:
        return corpus, powers / powers.sum()
    _, label, n_label = np.unique(labels, return_inverse=True, return_counts=True)
    cells, group, n_cell = np.unique(corpus * len(n_label) + label, return_inverse=True, return_counts=True)
    c, y = np.divmod(cells, len(n_label))
    of_cells = n_cell * powers[c] / n_corpus[c] * n_label[y] ** (training.class_exponent - 1)
    return group, of_cells / of_cells.sum()


def _quotas(share: np.ndarray, total: int) -> list[int]:
    """Whole numbers that sum to `total`: the largest remainders are rounded up."""
    exact = [float(value) * total for value in share]
    floors = [int(value) for value in exact]
    up = sorted(range(len(exact)), key=lambda number: (floors[number] - exact[number], number))
    raised = set(up[: total - sum(floors)])
    return [count + (number in raised) for number, count in enumerate(floors)]
