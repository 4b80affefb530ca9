import time

import numpy as np
import pytest
from scipy.stats import t

from mer.stats import cluster_confusions, effective_clusters, jackknife, uar, wa


def speakers(count, k=4, seeds=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 9, (seeds, count, k, k)) + 5 * np.eye(k, dtype=int)


def by_loop(confusions, statistic, confidence):
    """The docstring's formula, one speaker at a time."""
    seeds, s = confusions.shape[:2]
    point = np.mean([statistic(confusions[i].sum(0)) for i in range(seeds)])
    without = [np.mean([statistic(np.delete(confusions[i], j, axis=0).sum(0)) for i in range(seeds)]) for j in range(s)]
    error = np.sqrt((s - 1) / s * sum((value - np.mean(without)) ** 2 for value in without))
    sizes = confusions.sum((0, 2, 3))
    reach = t.ppf((1 + confidence) / 2, sizes.sum() ** 2 / (sizes**2).sum() - 1) * error / point / (1 - point)
    odds = point / (1 - point)
    return point, *(odds * np.exp(x) / (1 + odds * np.exp(x)) for x in (-reach, reach))


@pytest.mark.parametrize("statistic", [uar, wa])
@pytest.mark.parametrize("count", [3, 4, 20])
def test_agrees_with_a_plain_loop(statistic, count):
    confusions = speakers(count, seeds=3)
    ours = jackknife(confusions, statistic, confidence=0.9)
    assert (ours.point, ours.low, ours.high) == pytest.approx(by_loop(confusions, statistic, 0.9))
    assert ours.clusters == count


@pytest.mark.parametrize("count", [1, 2])
def test_no_interval_with_fewer_than_three_speakers(count):
    interval = jackknife(speakers(count)[0])
    assert np.isnan([interval.low, interval.high]).all()
    assert 0 < interval.point < 1


def test_order_of_speakers_and_silent_speakers_do_not_matter():
    confusions = speakers(6)[0]
    more = np.concatenate([confusions[::-1], np.zeros((2, 4, 4), int)])
    assert jackknife(more) == jackknife(confusions)


def test_a_class_spoken_by_one_speaker_only():
    confusions = speakers(5)[0]
    confusions[1:, 2] = 0
    interval = jackknife(confusions)
    assert interval.point == pytest.approx(uar(confusions.sum(0)))
    assert 0 < interval.low < interval.point < interval.high < 1


def test_all_speakers_alike_and_all_perfect():
    alike, perfect = jackknife([[[3, 1], [2, 2]]] * 5), jackknife([np.eye(3, dtype=int)] * 4)
    assert (alike.low, alike.high) == (alike.point, alike.point)
    assert (perfect.low, perfect.high) == (1, 1)


def test_unequal_speakers_widen_the_interval():
    assert effective_clusters([100, 1, 1]) == pytest.approx(102**2 / 10002)
    confusions = speakers(5)[0]
    tail = confusions.copy()
    tail[0] *= 50
    widths = [one.high - one.low for one in map(jackknife, (confusions, tail))]
    assert widths[1] > widths[0]


def test_covers_with_seven_speakers():
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(400):
        right = rng.binomial(10, rng.beta(3, 3, (7, 2)))
        matrices = np.stack([right, 10 - right], -1)
        matrices[:, 1] = matrices[:, 1, ::-1]
        interval = jackknife(matrices)
        hits.append(interval.low <= 0.5 <= interval.high)
    assert 0.91 < np.mean(hits) < 0.99


@pytest.mark.parametrize("shape", [(3, 3), (5, 3, 4), (0, 3, 3), (5, 3, 3)])
def test_refuses_other_shapes_and_no_clips(shape):
    with pytest.raises(ValueError, match=r"confusions|clips"):
        jackknife(np.zeros(shape, int))


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_refuses_a_confidence_that_is_no_share(confidence):
    with pytest.raises(ValueError, match="confidence"):
        jackknife(speakers(4), confidence=confidence)


def test_ten_thousand_rows_take_milliseconds():
    rng = np.random.default_rng(0)
    truth, prediction, speaker = rng.integers(0, 7, (3, 10_000))
    names = np.array([f"speaker-{number}" for number in range(7)], object)[speaker]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        jackknife(cluster_confusions(truth, prediction, names, 7)[0])
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1
