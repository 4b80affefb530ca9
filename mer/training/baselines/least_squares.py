"""Sums from which least squares are solved without the rows: they add up over corpora, speakers and folds.

Rows are summed in cells: one group (a corpus, a speaker, a fold), one class, one set of modalities that are there.
A cell keeps its count, mean and scatter about its own mean [Chan, Golub and LeVeque 1983] and not the raw XᵀX, from
which a mean of many deviations would cancel all digits. So no shift has to be chosen beforehand, which would have to
look at rows that are held out. Class weights and standardisation differ from subset to subset; both follow from the
cells, as does the zero that stands in for a modality that is not there.
"""

from dataclasses import dataclass, replace

import numpy as np

from mer.features import Features
from mer.features.extractor import Scaling
from mer.training.scaling import standardise
from mer.training.scaling.standardise import Standardiser, require_finite


@dataclass(frozen=True)
class SufficientStatistics:
    """Cells; an empty one is not kept. They take 8 · cells · width² bytes: 0.34 GB for 7 corpora, 7 classes and 928.

    Attributes:
        widths: modality -> width, in the order of the columns; together they are `width`.
        scaling: modality -> how its features are scaled.
        groups, labels: int64 of shape (cells,).
        counts: rows, float64 of shape (cells,).
        present: whether the cell's rows have a modality, bool of shape (cells, modalities).
        means: float64 of shape (cells, width); zero where the modality is absent.
        documents: how many rows have a feature other than zero, int64 of shape (cells, width).
        scatters: sums of squares and products about the mean, float64 of shape (cells, width, width).
        equal: whether each scaled input is divided by the square root of its width.
    """

    widths: dict[str, int]
    scaling: dict[str, Scaling]
    groups: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    present: np.ndarray
    means: np.ndarray
    documents: np.ndarray
    scatters: np.ndarray
    equal: bool = False

    def columns(self) -> np.ndarray:
        """Return `present` per feature: bool of shape (cells, width)."""
        return np.repeat(self.present, list(self.widths.values()), axis=1)


def collect(
    features: Features,
    rows: np.ndarray,
    inputs: tuple[str, ...],
    labels: np.ndarray,
    groups: np.ndarray,
    *,
    equal: bool = False,
) -> SufficientStatistics:
    """Read the rows once and return their sums.

    Args:
        labels: class number of each of `rows`.
        groups: group number of each of `rows`.
        equal: as for `standardise.fit`.

    Raises:
        ValueError: a row holds NaN or infinity; names the modality.
    """
    require_finite(features, rows, inputs)
    present = np.stack([features.present[m][rows] for m in inputs], axis=1)
    keys = np.column_stack([groups, labels, present]).astype(np.int64)
    cells, which = np.unique(keys, axis=0, return_inverse=True)
    widths = features.widths(inputs)
    width = sum(widths.values())
    means, scatters = np.zeros((len(cells), width)), np.empty((len(cells), width, width))
    documents = np.zeros((len(cells), width), np.int64)
    for cell in range(len(cells)):
        mine = rows[which == cell]
        x = np.concatenate([features.arrays[m][mine] for m in inputs], axis=1).astype(np.float64)
        x *= np.repeat(cells[cell, 2:], list(widths.values()))
        documents[cell] = np.count_nonzero(x, axis=0)
        means[cell] = x[0] + (x - x[0]).mean(axis=0)  # exact for a constant, whose scatter then is exactly zero
        x -= means[cell]
        np.matmul(x.T, x, out=scatters[cell])
    counts = np.bincount(which, minlength=len(cells)).astype(np.float64)
    there = cells[:, 2:].astype(bool)
    scaling = {m: features.scaling(m) for m in inputs}
    return SufficientStatistics(
        widths, scaling, cells[:, 0], cells[:, 1], counts, there, means, documents, scatters, equal
    )


def merge(sums: SufficientStatistics) -> SufficientStatistics:
    """Return the same rows as a single group, number 0."""
    cells, which = np.unique(np.column_stack([sums.labels, sums.present]), axis=0, return_inverse=True)
    members = [np.flatnonzero(which == cell) for cell in range(len(cells))]
    counts = np.array([sums.counts[m].sum() for m in members])
    means = np.stack([average(sums.means[m], sums.counts[m, None]) for m in members])
    scatters = np.stack([
        sums.scatters[m].sum(axis=0) + _between_groups(sums.means[m] - mean, sums.counts[m])
        for m, mean in zip(members, means, strict=True)
    ])  # fmt: skip
    return replace(
        sums, groups=np.zeros(len(cells), np.int64), labels=cells[:, 0].astype(np.int64), counts=counts,
        present=cells[:, 1:].astype(bool), means=means, scatters=scatters,
        documents=np.stack([sums.documents[m].sum(axis=0) for m in members]),
    )  # fmt: skip


def subtract(total: SufficientStatistics, part: SufficientStatistics) -> SufficientStatistics:
    """Return what is left of `total` when the rows of `part` leave it (downdating).

    It saves the cells of every speaker where one after another is left out: the total takes one cell per class. But
    it subtracts: digits go as the part's share of the scatter grows, about one where nine tenths leave and three where
    999 of 1,000 do, and a feature that varied only in the part keeps a spread of rounding errors. Where the cells of
    what remains fit into memory, sum those.

    Args:
        total: merged.
        part: merged; its rows are among those of `total`.

    Raises:
        ValueError: `part` has rows that `total` lacks.
    """
    keys = [tuple(k) for k in np.column_stack([total.labels, total.present]).tolist()]
    counts, means, scatters = total.counts.copy(), total.means.copy(), total.scatters.copy()
    documents = total.documents.copy()
    for at, key in enumerate(np.column_stack([part.labels, part.present]).tolist()):
        cell = keys.index(tuple(key)) if tuple(key) in keys else -1
        if cell < 0 or part.counts[at] > counts[cell]:
            raise ValueError(f"the part has {part.counts[at]:.0f} rows of class {key[0]} that the total lacks")
        counts[cell] -= part.counts[at]
        documents[cell] -= part.documents[at]
        if counts[cell]:
            shift = (total.means[cell] - part.means[at]) * part.counts[at] / counts[cell]
            means[cell] += shift
            apart = means[cell] - part.means[at]
            weight = counts[cell] * part.counts[at] / total.counts[cell]
            scatters[cell] -= part.scatters[at] + weight * np.outer(apart, apart)
    left = counts > 0
    return replace(
        total, groups=total.groups[left], labels=total.labels[left], counts=counts[left], present=total.present[left],
        means=means[left], documents=documents[left], scatters=scatters[left],
    )  # fmt: skip


def standardiser(sums: SufficientStatistics, chosen: np.ndarray) -> Standardiser:
    """Return what `standardise.fit` returns for the rows of the chosen cells.

    Args:
        chosen: bool of shape (cells,).
    """
    there = sums.columns()[chosen] * sums.counts[chosen, None]  # (chosen, width)
    mean = average(sums.means[chosen], there)
    spread = np.einsum("cii->ci", sums.scatters)[chosen] * (there > 0) + there * (sums.means[chosen] - mean) ** 2
    deviation = np.sqrt(spread.sum(axis=0) / np.maximum(there.sum(axis=0), 1))
    documents = sums.documents[chosen].sum(axis=0)
    moments, first = {}, 0
    for modality, width in sums.widths.items():
        own = slice(first, first + width)
        rows = there[:, first].sum()
        method = sums.scaling[modality]
        scale = standardise.scale(method, deviation[own], documents[own], rows) if rows else np.ones(width)
        moments[modality] = (mean[own], scale)
        first += width
    found = Standardiser(moments)
    return standardise.equalised(found) if sums.equal else found


def average(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean over the first axis, exact where all values with weight are equal; 0 without weight.

    >>> average(np.array([[0.1], [0.1], [7.0]]), np.array([[3.0], [1.0], [0.0]]))
    array([0.1])
    """
    weights = np.broadcast_to(weights, values.shape)
    first = np.take_along_axis(values, (weights > 0).argmax(axis=0)[None], axis=0)[0]
    total = weights.sum(axis=0)
    moved = (weights * (values - first)).sum(axis=0)
    return np.where(total > 0, first + moved / np.where(total > 0, total, 1), 0.0)


def _between_groups(deviations: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return (deviations * counts[:, None]).T @ deviations
