"""Sufficient statistics against the rows that they summarise."""

import numpy as np
import pytest

from mer.features import Features
from mer.training.baselines import least_squares
from mer.training.scaling import standardise

BOTH = ("audio", "text")
ROWS = np.arange(240)


@pytest.fixture
def groups():
    return ROWS % 7


def test_stratum_has_the_statistics_of_its_rows(task, groups):
    cells = least_squares.collect(task.features, ROWS, BOTH, task.labels, groups)
    assert cells.counts.sum() == 240
    for cell in range(len(cells.counts)):
        mine = (task.labels == cells.labels[cell]) & (groups == cells.groups[cell])
        mine &= task.features.present["text"] == cells.present[cell, 1]
        x = np.concatenate([task.features.arrays[m][mine] for m in BOTH], axis=1).astype(np.float64)
        assert cells.counts[cell] == mine.sum()
        np.testing.assert_allclose(cells.means[cell], x.mean(axis=0), atol=1e-14)
        centred = x - x.mean(axis=0)
        np.testing.assert_allclose(cells.scatters[cell], centred.T @ centred, atol=1e-11)


@pytest.mark.parametrize("chosen", [[0], [1, 4], range(7)])
@pytest.mark.parametrize("extractor", ["hashing", "tfidf", "encoder"])
def test_standardiser_of_statistics_equals_that_of_rows(task, groups, chosen, extractor):
    task.features.extractors["text"] = extractor
    task.features.arrays["text"][:] = np.maximum(task.features.arrays["text"], 0)
    task.features.arrays["audio"][:, 5] = 0.1  # constant
    task.features.arrays["audio"][:, 6] += 1e4
    cells = least_squares.collect(task.features, ROWS, BOTH, task.labels, groups)
    result = least_squares.standardiser(cells, np.isin(cells.groups, chosen))
    wanted = standardise.fit(task.features, ROWS[np.isin(groups, chosen)], BOTH)
    for modality in BOTH:
        for a, b in zip(result.moments[modality], wanted.moments[modality], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_missing_input_has_mean_0_and_scale_1(task, groups):
    task.features.present["text"][:] = False
    task.features.arrays["text"][:] = 0
    cells = least_squares.collect(task.features, ROWS, BOTH, task.labels, groups)
    mean, scale = least_squares.standardiser(cells, cells.groups >= 0).moments["text"]
    assert (mean == 0).all()
    assert (scale == 1).all()


def _merged(task, rows):
    return least_squares.merge(least_squares.collect(task.features, rows, BOTH, task.labels[rows], rows % 7))


def _close(one, other, digits):
    assert (one.labels == other.labels).all()
    assert (one.present == other.present).all()
    assert (one.counts == other.counts).all()
    np.testing.assert_allclose(one.means, other.means, rtol=digits, atol=digits)
    np.testing.assert_allclose(one.scatters, other.scatters, atol=digits * np.abs(other.scatters).max())


def test_merged_groups_are_one_group(task):
    at_once = least_squares.collect(task.features, ROWS, BOTH, task.labels, np.zeros(240, int))
    _close(_merged(task, ROWS), at_once, 1e-14)


def test_large_means_keep_their_digits():
    generator = np.random.default_rng(1)
    x = (generator.integers(0, 8, (500, 3)) / 8 + 2**20).astype(np.float32)  # exact in float32
    features = Features({"audio": x}, {"audio": np.ones(500, bool)})
    cells = least_squares.collect(features, np.arange(500), ("audio",), np.zeros(500, int), np.arange(500) % 9)
    _, scale = least_squares.standardiser(cells, cells.groups >= 0).moments["audio"]
    wanted = (x.astype(np.float64) - 2**20).std(axis=0)
    np.testing.assert_allclose(scale, wanted, rtol=1e-10)
    raw = np.sqrt((x.astype(np.float64) ** 2).mean(axis=0) - x.astype(np.float64).mean(axis=0) ** 2)
    assert (np.abs(raw / wanted - 1) > 1e-5).any()  # what plain sums of squares would have left


def test_row_with_nan_is_named(task, groups):
    task.features.arrays["text"][31, 2] = np.nan
    with pytest.raises(ValueError, match=r"text: 1 of 240 rows hold NaN or infinity, first row 31"):
        least_squares.collect(task.features, ROWS, BOTH, task.labels, groups)
