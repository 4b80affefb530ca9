"""Which rows an epoch is made of, and in which order: a function of seed and epoch alone."""

import numpy as np

from mer.models import random_numbers


def shares(corpora: np.ndarray, exponent: float = 1.0) -> dict[str, float]:
    """Return corpus -> its share of what is drawn: n_c^a / sum of n^a (Arivazhagan et al. 2019, temperature 1/a).

    >>> shares(np.array(["a"] * 9 + ["b"]), 0.5)
    {'a': 0.75, 'b': 0.25}
    """
    names, counts = np.unique(corpora, return_counts=True)
    powers = counts**exponent
    return {str(name): float(share) for name, share in zip(names, powers / powers.sum(), strict=True)}


def order(corpora: np.ndarray, exponent: float, seed: int, epoch: int) -> np.ndarray:
    """Return the positions that an epoch trains on, shuffled; as many as there are rows.

    A corpus's part is drawn without repetition until it is used up, so its clips are seen equally often, give or
    take one. With exponent 1 this is a permutation.

    Args:
        corpora: of each training row, shape (n,).

    Returns:
        int64 of shape (n,).
    """
    random = np.random.default_rng(abs(random_numbers.key(seed, epoch)))
    if exponent == 1.0:
        return random.permutation(len(corpora))
    quotas = _quotas(shares(corpora, exponent), len(corpora))
    drawn = []
    for name, quota in quotas.items():
        mine = np.flatnonzero(corpora == name)
        rounds, rest = divmod(quota, len(mine))
        drawn += [mine] * rounds + [random.permutation(mine)[:rest]]
    return random.permutation(np.concatenate(drawn))


def class_shares(labels: np.ndarray, corpora: np.ndarray, classes: int, exponent: float) -> np.ndarray:
    """Return how often each class is drawn; shape (classes,), sums to 1."""
    found = np.zeros(classes)
    for name, share in shares(corpora, exponent).items():
        counts = np.bincount(labels[corpora == name], minlength=classes)
        found += share * counts / counts.sum()
    return found


def _quotas(parts: dict[str, float], total: int) -> dict[str, int]:
    """Whole numbers that sum to `total`: the largest remainders are rounded up."""
    exact = {name: share * total for name, share in parts.items()}
    floors = {name: int(value) for name, value in exact.items()}
    up = sorted(exact, key=lambda name: (floors[name] - exact[name], name))[: total - sum(floors.values())]
    return {name: count + (name in up) for name, count in floors.items()}
