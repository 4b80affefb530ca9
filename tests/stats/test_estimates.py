import numpy as np
import pytest
from scipy.stats import t

from mer.stats import Estimate, combined, estimate, jackknife, uar, wa, weighted_f1


def counts(speakers, k=3, seeds=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 9, (seeds, speakers, k, k)) + 4 * np.eye(k, dtype=int)


def by_loop(ours, theirs, statistic):
    """Value and variance of a difference, one speaker at a time."""

    def gain(kept):
        one = np.mean([statistic(seed[kept].sum(0)) for seed in ours])
        return one - np.mean([statistic(seed[kept].sum(0)) for seed in theirs])

    everyone = list(range(ours.shape[1]))
    without = [gain([other for other in everyone if other != left]) for left in everyone]
    s = len(everyone)
    return gain(everyone), (s - 1) / s * sum((value - np.mean(without)) ** 2 for value in without)


@pytest.mark.parametrize("statistic", [uar, wa, weighted_f1])
@pytest.mark.parametrize(("speakers", "seeds"), [(3, 1), (8, 4)])
def test_difference_agrees_with_a_loop(statistic, speakers, seeds):
    ours, theirs = counts(speakers, seeds=seeds), counts(speakers, seed=1)
    result = estimate(ours, statistic, less=theirs)
    assert (result.value, result.variance) == pytest.approx(by_loop(ours, theirs, statistic))
    assert result.clusters == speakers


def test_variance_of_a_mean_is_the_textbook_variance():
    # as many clips of each class for each speaker: leaving one out of UAR is leaving one value out of a mean
    rng, clips = np.random.default_rng(0), 10_000  # so many that nothing is known beforehand
    right = rng.integers(2000, 8000, (9, 2))
    matrices = np.zeros((9, 2, 2), int)
    matrices[:, [0, 1], [0, 1]], matrices[:, [0, 1], [1, 0]] = right, clips - right
    values = right.mean(axis=1) / clips
    result = estimate(matrices)
    assert result.value == pytest.approx(values.mean())
    assert result.variance == pytest.approx(values.var(ddof=1) / 9, rel=1e-3)
    assert result.degrees_of_freedom == pytest.approx(8, rel=0.15)


def test_mean_over_corpora_agrees_with_welch():
    parts = [estimate(counts(n, seed=n)) for n in (4, 9, 30)]
    interval = combined(parts, confidence=0.9)
    shares = [part.variance / 9 for part in parts]
    freedom = sum(shares) ** 2 / sum(
        share**2 / part.degrees_of_freedom for share, part in zip(shares, parts, strict=True)
    )
    reach = t.ppf(0.95, freedom) * sum(shares) ** 0.5
    middle = np.mean([part.value for part in parts])
    assert (interval.low, interval.point, interval.high) == pytest.approx((middle - reach, middle, middle + reach))
    assert interval.clusters == 43


def test_gap_of_two_groups_has_the_variance_of_both():
    one, other = Estimate(0.8, 0.02, 5, 6), Estimate(0.5, 0.01, 7, 8)
    gap = combined([one, other], [1, -1])
    assert gap.point == pytest.approx(0.3)
    assert gap.high - gap.low > 2 * 1.96 * 0.03**0.5


@pytest.mark.parametrize("speakers", [1, 2])
def test_too_few_speakers_have_a_value_without_variance(speakers):
    one = estimate(counts(speakers))
    assert np.isfinite(one.value)
    assert np.isnan(one.variance)
    whole = combined([one, estimate(counts(9))])
    assert np.isfinite(whole.point)
    assert np.isnan([whole.low, whole.high]).all()


def test_clusters_without_clips_on_both_sides_do_not_count():
    ours, theirs = counts(5), counts(5, seed=1)
    ours[:, 0], theirs[:, 1] = 0, 0
    silent = np.zeros((1, 2, 3, 3), int)
    more = [np.concatenate([side, silent], axis=1) for side in (ours, theirs)]
    assert estimate(more[0], less=more[1]) == estimate(ours, less=theirs)
    assert estimate(ours, less=theirs).clusters == 5


def test_no_variance_if_no_clip_remains_without_one_speaker():
    ours, theirs = counts(4), counts(4, seed=1)
    theirs[:, 1:] = 0
    assert np.isnan(estimate(ours, less=theirs).variance)


def test_interval_of_a_score_is_that_of_its_estimate():
    one, interval = estimate(counts(7)), jackknife(counts(7))
    assert (one.value, one.clusters) == (interval.point, interval.clusters)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1])
def test_invalid_counts_are_refused(bad):
    matrices = counts(4).astype(float)
    matrices[0, 0, 0, 0] = bad
    for function in (estimate, jackknife):
        with pytest.raises(ValueError, match="counts"):
            function(matrices)


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [(counts(4), counts(5), "compared"), (counts(4) * 0, counts(4) * 0, "no clips"), (counts(4)[0, 0], None, "are")],
)
def test_invalid_arguments_are_refused(ours, theirs, message):
    with pytest.raises(ValueError, match=message):
        estimate(ours, less=theirs)


def test_no_estimates_cannot_be_combined():
    with pytest.raises(ValueError, match="no estimates"):
        combined([])
