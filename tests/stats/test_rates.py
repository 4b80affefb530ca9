import numpy as np
import pytest

from mer.stats import rate, rate_difference


@pytest.mark.parametrize(("speakers", "words", "mean", "spread"), [(4, 100, 0.05, 0.7), (20, 48, 0.03, 1.0),
                                                                   (90, 6, 0.6, 0.4)])  # fmt: skip
def test_intervals_of_rates_and_differences_hold_the_truth(speakers, words, mean, spread):
    rng, hits, repeats = np.random.default_rng(0), np.zeros(2), 300
    for _ in range(repeats):
        own = rng.gamma(1 / spread**2, mean * spread**2, speakers)
        sizes = rng.poisson(words, speakers) + 1
        calm, shouted = rng.poisson(own * sizes), rng.poisson(1.5 * own * sizes)
        one, more = rate(calm, sizes), rate_difference(shouted, sizes, calm, sizes)
        hits += one.low <= mean <= one.high, more.low <= 0.5 * mean <= more.high
    assert (hits / repeats > 0.92).all()
    assert (hits / repeats < 0.99).all()


def test_rate_is_of_the_sums_and_may_exceed_one():
    assert rate([3, 0], [1, 9]).point == pytest.approx(0.3)
    many = rate([12, 11, 13, 12], [4, 4, 4, 4])
    assert many.low > 1
    assert many.point == 3


def test_two_speakers_have_no_interval_and_the_third_gives_one():
    assert np.isnan(rate([1, 2], [10, 10]).low)
    assert np.isnan(rate([1, 2, 0], [10, 10, 0]).high)
    assert rate([1, 2, 0], [10, 10, 10]).low < 0.1 < rate([1, 2, 0], [10, 10, 10]).high


def test_difference_is_paired_and_speakers_of_one_side_have_no_pair():
    speakers, gain = np.array([50, 200, 600, 900]), 80
    paired = rate_difference(speakers + gain, [1000] * 4, speakers, [1000] * 4)
    shuffled = rate_difference(speakers + gain, [1000] * 4, speakers[[2, 3, 0, 1]], [1000] * 4)
    assert paired.point == shuffled.point == pytest.approx(0.08)
    assert paired.low > 0 > shuffled.low
    assert np.isnan(rate_difference([1, 1, 1, 0], [9, 9, 9, 0], [1, 1, 0, 0], [9, 9, 0, 9]).low)


@pytest.mark.parametrize(
    ("events", "units"), [([1], [0]), ([-1, 1], [2, 2]), ([1, 2], [3]), ([np.nan], [1]), ([], []), ([1, 0], [0, 5])]
)
def test_what_is_no_rate_is_refused(events, units):
    with pytest.raises(ValueError, match=r"events|units"):
        rate(events, units)
