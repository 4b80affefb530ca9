import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.training.networks import sampling

counts = st.lists(st.integers(1, 60), min_size=1, max_size=5)
exponents = st.floats(0, 1)


def corpora(sizes):
    names = np.repeat([f"c{n}" for n in range(len(sizes))], sizes)
    return np.random.default_rng(0).permutation(names)


@given(counts, exponents)
def test_shares_are_powers_of_the_counts_and_sum_to_one(sizes, exponent):
    found = sampling.shares(corpora(sizes), exponent)
    assert sum(found.values()) == pytest.approx(1)
    for n, size in enumerate(sizes):
        assert found[f"c{n}"] / found["c0"] == pytest.approx((size / sizes[0]) ** exponent)


@settings(max_examples=50)
@given(counts, exponents, st.integers(0, 2**31), st.integers(0, 1000))
def test_an_epoch_has_its_quotas_and_covers_a_corpus_evenly(sizes, exponent, seed, epoch):
    names = corpora(sizes)
    order = sampling.order(names, exponent, seed, epoch)
    assert len(order) == len(names)
    wanted = sampling.shares(names, exponent)
    for name in wanted:
        drawn = np.bincount(order, minlength=len(names))[names == name]
        assert abs(drawn.sum() - wanted[name] * len(names)) < 1 + 1e-9  # a quota is a share, rounded
        assert drawn.max() - drawn.min() <= 1
    assert (order == sampling.order(names, exponent, seed, epoch)).all()


@given(counts, st.integers(0, 2**31))
def test_exponent_one_is_a_permutation(sizes, seed):
    order = sampling.order(corpora(sizes), 1.0, seed, 0)
    assert sorted(order) == list(range(sum(sizes)))


def test_epochs_and_seeds_shuffle_differently():
    names = corpora([100])
    orders = {tuple(sampling.order(names, 1.0, seed, epoch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


@given(counts, exponents)
def test_shares_of_classes_are_those_of_what_is_drawn(sizes, exponent):
    names = corpora(sizes)
    labels = np.arange(len(names)) % 3
    found = sampling.class_shares(labels, names, 4, exponent)
    assert found.sum() == pytest.approx(1)
    assert found[3] == 0
    if exponent == 1:
        np.testing.assert_allclose(found, np.bincount(labels, minlength=4) / len(labels))
    if exponent == 0:
        each = [np.bincount(labels[names == c], minlength=4) / (names == c).sum() for c in np.unique(names)]
        np.testing.assert_allclose(found, np.mean(each, axis=0))
