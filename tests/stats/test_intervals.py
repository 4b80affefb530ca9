import numpy as np
import pytest
from scipy.stats import beta, norm, t

from mer.stats import (
    effective_clusters,
    estimate,
    interval,
    jackknife,
    macro_f1,
    p_value,
    uar,
    wa,
    weighted_f1,
)


def speakers(count, k=4, seeds=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 9, (seeds, count, k, k)) + 5 * np.eye(k, dtype=int)


def by_loop(confusions, statistic, confidence):
    """The docstrings' formulas, one speaker at a time."""
    seeds, s, k = confusions.shape[:3]
    point = np.mean([statistic(confusions[i].sum(0)) for i in range(seeds)])
    without = [np.mean([statistic(np.delete(confusions[i], j, axis=0).sum(0)) for i in range(seeds)]) for j in range(s)]
    variance = (s - 1) / s * sum((value - np.mean(without)) ** 2 for value in without)
    said = confusions.sum(-1).mean(0)
    worth = 1 / (k * said.sum(0)) if statistic is uar else np.full(k, 1 / said.sum())  # of one clip
    clips = 1 / np.sum(said * worth**2)
    near = (clips * point + 0.5) / (clips + 1)
    independent = near * (1 - near) / clips
    errors = clips * min(point, 1 - point)
    seen = errors / (errors + 2)
    alike = 1 + (clips * sum((said[j] @ worth) ** 2 for j in range(s)) - 1) * min(0.05, 3 * (errors + 2) / clips)
    effect = max(seen * variance / independent + (1 - seen) * alike, 1)
    side = np.einsum("isaa->sa", confusions) / seeds
    side = said - side if point > 0.5 else side
    own = [said[:, a].sum() ** 2 / sum(said[:, a] ** 2) for a in range(k)]
    parts = [(said[:, a].sum() * worth[a]) ** 2 / own[a] for a in range(k)]
    freedom = min(
        effective_clusters(said @ worth) - 1,
        sum(parts) ** 2 / sum(part**2 / (n - 1) for part, n in zip(parts, own, strict=True)),
        effective_clusters(side @ worth) + 1,
    )
    freedom = max(freedom, 1) * (effect / (seen * variance / independent)) ** 2
    quantile, n = t.ppf((1 + confidence) / 2, freedom), near * (1 - near) / (effect * independent)
    right, wrong = n * point + 0.5, n * (1 - point) + 0.5
    low, high = (1 / (1 + wrong / right * np.exp(way * np.sqrt(1 / right + 1 / wrong) * quantile)) for way in (1, -1))
    fewer = n * (norm.ppf((1 + confidence) / 2) / quantile) ** 2
    ends = beta.ppf([(1 - confidence) / 2, (1 + confidence) / 2], fewer * point + 0.5, fewer * (1 - point) + 0.5)
    third = [1 / (1 + (1 / a - 1) ** (2 / 3) * (1 / b - 1) ** (1 / 3)) for a, b in zip((low, high), ends, strict=True)]
    return (point, low, max(high, third[1])) if point > 0.5 else (point, min(low, third[0]), high)


@pytest.mark.parametrize("statistic", [uar, wa])
@pytest.mark.parametrize("count", [3, 4, 20])
def test_agrees_with_a_loop(statistic, count):
    confusions = speakers(count, seeds=3)
    ours = jackknife(confusions, statistic, confidence=0.9)
    assert (ours.point, ours.low, ours.high) == pytest.approx(by_loop(confusions, statistic, 0.9))
    assert ours.clusters == count


@pytest.mark.parametrize("count", [1, 2])
def test_no_interval_with_fewer_than_three_speakers(count):
    interval = jackknife(speakers(count)[0])
    assert np.isnan([interval.low, interval.high]).all()
    assert 0 < interval.point < 1


def test_order_of_speakers_and_speakers_without_clips_do_not_matter():
    confusions = speakers(6)[0]
    more = np.concatenate([confusions[::-1], np.zeros((2, 4, 4), int)])
    assert jackknife(more) == jackknife(confusions)


def test_class_of_one_speaker_has_no_interval_and_of_two_a_wide_one():
    confusions = speakers(12)[0]
    alone, two = confusions.copy(), confusions.copy()
    alone[1:, 2], two[2:, 2] = 0, 0
    result = jackknife(alone)
    assert result.point == pytest.approx(uar(alone.sum(0)))
    assert np.isnan([result.low, result.high]).all()
    wide, narrow = (one.high - one.low for one in (jackknife(two), jackknife(confusions)))
    assert wide > 1.3 * narrow


@pytest.mark.parametrize("statistic", [uar, wa, macro_f1, weighted_f1])
@pytest.mark.parametrize("clips", [1, 10])
def test_intervals_have_positive_width_and_change_continuously_with_errors(statistic, clips):
    right = np.stack([np.eye(3, dtype=int) * clips] * 5)
    for matrices in (right, right[:, [1, 2, 0]]):  # all right, all wrong
        result = jackknife(matrices, statistic)
        assert result.low < result.high
        assert 0 <= result.low <= result.point <= result.high <= 1
    one, widths = right * 20, []
    for wrong in range(6):  # one more of each speaker
        if wrong:
            one[wrong - 1, 0, :2] += [-1, 1]
        result = jackknife(one, statistic)
        widths.append(result.high - result.low)
    assert max(widths) < 1.5 * min(widths)


def test_p_value_is_the_level_at_which_the_interval_ends():
    result = estimate(speakers(6)[0])
    for against in (0.36, 0.38, 0.45):
        one = interval(result, 1 - p_value(result, against))
        assert min(abs(one.low - against), abs(one.high - against)) < 1e-6
    assert p_value(result, result.value) > 0.9
    assert np.isnan(p_value(estimate(speakers(2)[0]), 0.25))


@pytest.mark.parametrize("count", [4, 12])
@pytest.mark.parametrize("recall", [0.04, 0.97, 0.99])
def test_interval_covers_with_few_errors_or_few_correct_predictions(count, recall):
    rng, hits, at = np.random.default_rng(0), [], np.arange(4)
    for _ in range(300):
        right = rng.binomial(10, rng.beta(20 * recall, 20 * (1 - recall), (count, 4)))
        matrices = np.zeros((count, 4, 4), int)
        matrices[:, at, at], matrices[:, at, (at + 1) % 4] = right, 10 - right
        one = jackknife(matrices)
        hits.append(one.low <= recall <= one.high)
    assert np.mean(hits) > 0.92


def test_speakers_and_dialogues_are_both_left_out():
    rng, hits, narrow = np.random.default_rng(0), [], []
    person, dialogue = rng.integers(0, 6, 120), np.arange(120) // 2
    for _ in range(120):
        own = 1 / (1 + np.exp(-rng.normal(0, 0.8, 6)))[person]
        right = rng.binomial(6, own[:, None].repeat(2, axis=1))
        matrices = np.zeros((120, 2, 2), int)
        matrices[:, [0, 1], [0, 1]], matrices[:, [0, 1], [1, 0]] = right, 6 - right
        both, one = jackknife(matrices, groupings=(person, dialogue)), jackknife(matrices, groupings=(dialogue,))
        hits.append(both.low <= 0.5 <= both.high)
        narrow.append(one.low <= 0.5 <= one.high)
        assert both.high - both.low >= one.high - one.low
        assert (both.clusters, one.clusters) == (6, 60)
    assert np.mean(hits) > 0.9
    assert np.mean(narrow) < 0.75


def test_unequal_numbers_of_clips_widen_the_interval():
    assert effective_clusters([100, 1, 1]) == pytest.approx(102**2 / 10002)
    confusions = speakers(5)[0]
    tail = confusions.copy()
    tail[0] *= 50
    widths = [one.high - one.low for one in map(jackknife, (confusions, tail))]
    assert widths[1] > widths[0]


def test_interval_covers_with_seven_speakers():
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
def test_other_shapes_and_no_clips_are_refused(shape):
    with pytest.raises(ValueError, match=r"confusions|clips"):
        jackknife(np.zeros(shape, int))


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_outside_0_and_1_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        jackknife(speakers(4), confidence=confidence)
