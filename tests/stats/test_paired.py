from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test

from mer.stats import Pair, compare, estimate, holm, macro_f1, sign_flip, uar


def pair(speakers, k=3, seeds=1, seed=0, gain=2):
    """Two systems on the same clips; the first is right `gain` times more often in each cell of each speaker."""
    rng = np.random.default_rng(seed)
    clips = rng.integers(6, 12, (speakers, k))
    sides = []
    for more in (gain, 0):
        matrices = np.zeros((seeds, speakers, k, k), int)
        right = np.minimum(rng.integers(0, 5, (seeds, speakers, k)) + more, clips)
        at = np.arange(k)
        matrices[..., at, at], matrices[..., at, (at + 1) % k] = right, clips - right
        sides.append(matrices)
    return tuple(sides)


def by_loop(pairs, statistic):
    """Share of all ways to swap that differ as much, one way at a time."""
    speakers = [(at, s) for at, (ours, _) in enumerate(pairs) for s in range(ours.shape[1])]
    result = []
    for swapped in product([False, True], repeat=len(speakers)):
        sides = [(ours.copy(), theirs.copy()) for ours, theirs in pairs]
        for (at, s), swap in zip(speakers, swapped, strict=True):
            if swap:
                ours, theirs = sides[at]
                ours[:, s], theirs[:, s] = pairs[at][1][:, s], pairs[at][0][:, s]
        gains = [np.mean(statistic(ours.sum(1))) - np.mean(statistic(theirs.sum(1))) for ours, theirs in sides]
        result.append(np.mean(gains))
    return np.mean(np.abs(result) >= abs(result[0]) - 1e-12)


@pytest.mark.parametrize("statistic", [uar, macro_f1])
def test_sign_flips_agree_with_a_loop(statistic):
    pairs = [pair(4, seeds=2, gain=1), pair(3, seed=1, gain=1)]
    assert sign_flip(pairs, statistic)[0] == pytest.approx(by_loop(pairs, statistic))
    assert sign_flip(pairs, statistic)[1] == 2**-6


def test_sign_flips_agree_with_scipy():
    ours, theirs = pair(8, gain=1)
    # UAR is linear in the speakers, as both systems have the same clips: scipy may flip what each adds to it
    support = ours[0].sum((0, 2))
    added = [(np.einsum("skk->sk", side[0]) / support).mean(axis=1) for side in (ours, theirs)]
    theirs_too = permutation_test(
        added,
        lambda a, b, axis: (a - b).sum(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert sign_flip([(ours, theirs)])[0] == pytest.approx(theirs_too.pvalue)


def test_random_sign_flips_approximate_all_patterns(monkeypatch):
    pairs = [pair(10, gain=0, seed=4)]
    exact, smallest = sign_flip(pairs)
    monkeypatch.setattr("mer.stats.paired.MAX_PATTERNS", 400)
    drawn, least = sign_flip(pairs)
    assert (smallest, least) == (2**-9, 1 / 400)
    assert drawn == pytest.approx(exact, abs=0.08)
    assert sign_flip(pairs) == (drawn, least)  # the seed fixes them


@pytest.mark.parametrize("speakers", [1, 2, 4, 7])
def test_smallest_p_is_reached_if_all_speakers_agree(speakers):
    one = pair(speakers, gain=5)
    result, (flipped, smallest) = compare([one]), sign_flip([one])
    assert flipped == smallest == result.smallest == 2.0 ** -(speakers - 1)
    assert np.isnan(result.low) == np.isnan(result.p) == (speakers < 3)
    assert speakers < 3 or result.p >= smallest


def test_block_size_changes_nothing(monkeypatch):
    pairs = [pair(9, seeds=3, gain=1)]
    whole = compare(pairs)
    monkeypatch.setattr("mer.stats.paired.MAX_BLOCK_VALUES", 100)
    assert compare(pairs) == whole


@pytest.mark.parametrize(("gain", "least", "most"), [(0.0, 0.0, 0.12), (0.08, 0.9, 1.0)])
def test_gains_over_five_corpora_are_significant_at_their_level(gain, least, most):
    rng, result = np.random.default_rng(0), []
    for _ in range(60):
        pairs = []
        for _ in range(5):  # speakers are easier or harder for both systems, and for each
            easy = rng.normal(0, 0.08, 6)
            right = [np.clip(level + easy + rng.normal(0, 0.05, 6), 0, 1) for level in (0.6 + gain, 0.6)]
            hits = [rng.binomial(40, share[:, None].repeat(2, axis=1)) for share in right]
            pairs.append([np.stack([np.diag(h) + np.diag(40 - h)[:, ::-1] for h in side]) for side in hits])
        one = compare(pairs)
        assert one.low <= one.point <= one.high
        result.append(one.p < 0.05)
    assert least <= np.mean(result) <= most


def test_system_does_not_differ_from_itself():
    ours, _ = pair(5)
    result = compare([(ours, ours)])
    assert (result.point, result.p) == (0, 1)
    assert -0.1 < result.low < 0 < result.high == -result.low  # they agree on these clips, and on how many others?


def test_one_seed_is_compared_with_several():
    ours, theirs = pair(5, seeds=3)
    result = compare([(ours, theirs[:1])])
    assert result.point == pytest.approx(estimate(ours).value - estimate(theirs[:1]).value)


@given(st.lists(st.integers(0, 5), min_size=6, max_size=6), st.integers(0, 5))
def test_exchanged_sides_give_the_opposite_difference(moved, seed):
    ours, theirs = pair(6, seed=seed, gain=1)
    order = np.argsort(moved, kind="stable")
    there, back = compare([(ours, theirs)]), compare([(theirs[:, order], ours[:, order])])
    assert (back.point, back.low, back.high, back.p) == pytest.approx((-there.point, -there.high, -there.low, there.p))


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (pair(4)[0], pair(5)[1], "compared"),
        (pair(4)[0], pair(4, seed=1)[1], "same clips"),
        (pair(4, seeds=2)[0], pair(4, seeds=3)[1], "seeds"),
        (pair(4)[0] * 0, pair(4)[1] * 0, "no clips"),
    ],
)
def test_unpaired_confusions_are_refused(ours, theirs, message):
    with pytest.raises(ValueError, match=message):
        sign_flip([(ours, theirs)])


def test_holm_equals_the_textbook_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1) | st.just(np.nan), max_size=8))
def test_holm_agrees_with_a_loop(values):
    tests = sorted(value for value in values if value == value)
    for value, result in zip(values, holm(values), strict=True):
        if value != value:
            assert np.isnan(result)
            continue
        last = max(at for at, other in enumerate(tests) if other <= value)
        assert result == pytest.approx(min(1, max((len(tests) - at) * tests[at] for at in range(last + 1))))


def trained(rng, speakers, seeds, deviation, gain=0.0, base=None):
    """Trainings of one algorithm: each moves the recall of every class for all speakers."""
    base = rng.normal(0, 1, (speakers, 4)) if base is None else base
    moved = base + gain + rng.normal(0, deviation, (seeds, 1, 4)) + rng.normal(0, 0.3, (seeds, speakers, 4))
    right, at = rng.binomial(8, 1 / (1 + np.exp(-moved))), np.arange(4)
    matrices = np.zeros((seeds, speakers, 4, 4), int)
    matrices[..., at, at], matrices[..., at, (at + 1) % 4] = right, 8 - right
    return matrices, base


@pytest.mark.parametrize(("seeds", "gain", "least", "most"), [(2, 0.0, 0, 0.08), (3, 0.0, 0, 0.08), (3, 1.0, 0.7, 1)])
def test_trainings_of_one_algorithm_do_not_differ_and_two_algorithms_do(seeds, gain, least, most, monkeypatch):
    monkeypatch.setattr("mer.stats.paired.MAX_PATTERNS", 400)
    rng, result, alone = np.random.default_rng(seeds), [], []
    for _ in range(100):
        ours, base = trained(rng, 40, seeds, 0.3, gain)
        theirs = trained(rng, 40, seeds, 0.3, base=base)[0]
        result.append(compare([(ours, theirs)]).p <= 0.05)
        alone.append(compare([(ours.sum(0), theirs.sum(0))]).p <= 0.05)  # as if they were one training
    assert least <= np.mean(result) <= most
    assert np.mean(alone) > (0.2 if gain == 0 else 0.9)


def test_corpora_of_one_training_share_its_variation_over_seeds():
    rng = np.random.default_rng(0)
    pairs = [(trained(rng, 8, 3, 0.5)[0], trained(rng, 8, 3, 0.5)[0])] * 2  # the same twice: all is shared
    shared, own = compare([Pair(*pair, trainings=("a", "b")) for pair in pairs]), compare(pairs)
    assert shared.high - shared.low > own.high - own.low
    with pytest.raises(ValueError, match="different numbers of seeds"):
        compare([Pair(*part, trainings=("a", "b")) for part in (pairs[0], [side[:2] for side in pairs[0]])])


def test_larger_p_value_of_two_kinds_of_clusters_counts():
    ours, theirs = pair(12, gain=2)
    people = np.arange(12) // 4
    both = compare([Pair(ours, theirs, (people, np.arange(12)))])
    rows = compare([(ours, theirs)])
    assert both.smallest == 2**-2
    assert both.p >= max(rows.p, sign_flip([tuple(side.reshape(1, 3, 4, 3, 3).sum(2) for side in (ours, theirs))])[0])
