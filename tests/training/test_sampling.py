from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mer import params
from mer.params.schema import Training
from mer.training.networks import losses, sampling

counts = st.lists(st.integers(1, 60), min_size=1, max_size=5)
exponents = st.floats(0, 1)
EARLIER = {
    1.0: [3, 0, 7, 4, 5, 12, 6, 2, 1, 8, 10, 9, 11],
    0.5: [5, 12, 10, 2, 7, 11, 8, 3, 1, 11, 9, 4, 0],
}
weights = st.dictionaries(st.sampled_from(["c0", "c1", "c2", "elsewhere"]), st.floats(0.25, 8))


def corpora(sizes):
    names = np.repeat([f"c{n}" for n in range(len(sizes))], sizes)
    return np.random.default_rng(0).permutation(names)


def rows(sizes):
    names = corpora(sizes)
    return np.random.default_rng(1).integers(0, 3, len(names)), names


def forks_weights(labels, names, dataset_weights, class_power):
    """The fork's weight of each row for torch's WeightedRandomSampler (train.py, `_build_train_sampler`)."""
    of_corpus, of_class = Counter(names.tolist()), Counter(labels.tolist())
    return np.array([dataset_weights.get(c, 1.0) / of_corpus[c] / of_class[y] ** class_power
                     for y, c in zip(labels.tolist(), names.tolist(), strict=True)])  # fmt: skip


@given(counts, exponents)
def test_shares_are_powers_of_the_counts_and_sum_to_one(sizes, exponent):
    result = sampling.shares(*rows(sizes), Training(corpus_exponent=exponent))
    assert sum(result.values()) == pytest.approx(1)
    for n, size in enumerate(sizes):
        assert result[f"c{n}"] / result["c0"] == pytest.approx((size / sizes[0]) ** exponent)


@settings(max_examples=50)
@given(counts, weights, exponents)
def test_rows_are_drawn_with_the_forks_probabilities(sizes, dataset_weights, class_power):
    labels, names = rows(sizes)
    training = Training(corpus_exponent=0, corpus_weights=dataset_weights, class_exponent=1 - class_power)
    expected = forks_weights(labels, names, dataset_weights, class_power)
    expected /= expected.sum()
    result = sampling.shares(labels, names, training)
    assert result == pytest.approx({name: expected[names == name].sum() for name in np.unique(names)})
    per_class = [expected[labels == y].sum() for y in range(4)]
    np.testing.assert_allclose(sampling.class_shares(labels, names, 4, training), per_class)


@settings(max_examples=50)
@given(counts, exponents, weights, st.integers(0, 2**31), st.integers(0, 1000))
def test_an_epoch_has_its_quotas_and_covers_a_corpus_evenly(sizes, exponent, corpus_weights, seed, epoch):
    labels, names = rows(sizes)
    training = Training(corpus_exponent=exponent, corpus_weights=corpus_weights)
    order = sampling.order(labels, names, training, seed, epoch)
    assert len(order) == len(names)
    wanted = sampling.shares(labels, names, training)
    for name in wanted:
        drawn = np.bincount(order, minlength=len(names))[names == name]
        assert abs(drawn.sum() - wanted[name] * len(names)) < 1 + 1e-9  # a quota is a share, rounded
        assert drawn.max() - drawn.min() <= 1
    assert (order == sampling.order(labels, names, training, seed, epoch)).all()


@settings(max_examples=50)
@given(counts, st.floats(0, 0.99), weights, st.integers(0, 1000))
def test_a_class_exponent_draws_each_class_of_a_corpus_by_its_quota(sizes, exponent, corpus_weights, seed):
    labels, names = rows(sizes)
    training = Training(corpus_exponent=0.5, corpus_weights=corpus_weights, class_exponent=exponent)
    order = sampling.order(labels, names, training, seed, 0)
    drawn, n = np.bincount(order, minlength=len(names)), len(names)
    assert drawn.sum() == n
    of_classes = sampling.class_shares(labels, names, 4, training)
    cells = len(np.unique(names))
    for y in range(4):
        assert abs(drawn[labels == y].sum() - of_classes[y] * n) < cells + 1e-9
        for name in np.unique(names):
            cell = drawn[(labels == y) & (names == name)]
            assert not len(cell) or cell.max() - cell.min() <= 1


@given(counts, st.integers(0, 2**31))
def test_the_defaults_give_a_permutation(sizes, seed):
    order = sampling.order(*rows(sizes), Training(), seed, 0)
    assert sorted(order) == list(range(sum(sizes)))


def test_draws_of_earlier_versions_are_the_same():
    """Orders that were drawn before there were weights: a study of today trains on the same batches."""
    labels, names = rows([7, 2, 4])
    assert sampling.order(labels, names, Training(), 3, 5).tolist() == EARLIER[1.0]
    assert sampling.order(labels, names, Training(corpus_exponent=0.5), 3, 5).tolist() == EARLIER[0.5]


def test_epochs_and_seeds_shuffle_differently():
    labels, names = rows([100])
    orders = {tuple(sampling.order(labels, names, Training(), s, epoch)) for s in range(4) for epoch in range(4)}
    assert len(orders) == 16


@given(counts, exponents)
def test_shares_of_classes_are_those_of_what_is_drawn(sizes, exponent):
    names = corpora(sizes)
    labels = np.arange(len(names)) % 3
    result = sampling.class_shares(labels, names, 4, Training(corpus_exponent=exponent))
    assert result.sum() == pytest.approx(1)
    assert result[3] == 0
    if exponent == 1:
        np.testing.assert_allclose(result, np.bincount(labels, minlength=4) / len(labels))
    if exponent == 0:
        each = [np.bincount(labels[names == c], minlength=4) / (names == c).sum() for c in np.unique(names)]
        np.testing.assert_allclose(result, np.mean(each, axis=0))


def test_class_weights_follow_the_draws_or_the_rows():
    labels, names = np.array([0] * 6 + [1] * 2), np.array(["a"] * 6 + ["b"] * 2)
    drawn = Training(corpus_exponent=0)
    rows_only = Training(corpus_exponent=0, balance="unsampled_class_weights")
    of = {t: losses.balance(sampling.balanced_shares(labels, names, 3, t), t.balance)[0] for t in (drawn, rows_only)}
    np.testing.assert_allclose(of[drawn], [1, 1, 0])  # each corpus is half of what is drawn
    np.testing.assert_allclose(of[rows_only], [8 / 12, 8 / 4, 0], rtol=1e-6)  # n / (K n_c), as scikit-learn's


def study(**training):
    return {"name": "study", "corpora": ["emodb", "ravdess"], "training": training}


@pytest.mark.parametrize(
    ("weights_", "message"),
    [({"meld": 4}, "training.corpus_weights: 'meld' is none of the study's corpora"), ({"emodb": 0}, "greater than 0")],
)
def test_a_weight_that_cannot_be_is_refused(weights_, message):
    with pytest.raises((ValidationError, ValueError), match=message):
        params.schema.Params.model_validate(study(corpus_weights=weights_))


def test_parameters_with_weights_can_be_keys():
    one, same = (Training(corpus_weights={"a": 2.0, "b": 3.0}) for _ in range(2))
    assert {one: 1}[same] == 1
