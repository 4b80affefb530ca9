import numpy as np
import pytest
from scipy.stats import bootstrap, rankdata

from mer.stats import basic, percentile, ranks, resample, uar, weighted_f1
from mer.stats.resampling import weights


def counts(speakers, k=3, seeds=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9, (seeds, speakers, k, k)) + np.eye(k, dtype=int)


@pytest.mark.parametrize("statistic", [uar, weighted_f1])
def test_agrees_with_a_loop(statistic, monkeypatch):
    monkeypatch.setattr("mer.stats.resampling.MAX_BLOCK_VALUES", 100)
    study = {"a": counts(6, seeds=3), "b": counts(6, seed=1)}
    result = resample(study, statistic, draws=50, seed=3)
    for name, stack in study.items():
        for number, drawn in enumerate(weights(6, 50, np.random.default_rng(3))):
            speakers = np.repeat(np.arange(6), drawn)
            value = np.mean([statistic(seed[speakers].sum(axis=0)) for seed in stack])
            assert result[name][number] == pytest.approx(value)


def test_intervals_agree_with_scipy():
    matrices = counts(9)[0]
    point, values = uar(matrices.sum(0)), resample({"a": matrices}, draws=20_000)["a"]
    for method, ours in (("percentile", percentile(values)), ("basic", basic(point, values))):
        theirs = bootstrap(
            (np.arange(9),),
            lambda chosen, axis: uar(matrices[chosen].sum(axis=chosen.ndim - 1)),
            vectorized=True,
            n_resamples=20_000,
            method=method,
            rng=np.random.default_rng(1),
        ).confidence_interval
        assert ours == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_systems_use_the_same_resamples():
    one = counts(7)
    result = resample({"a": one, "again": one, "b": counts(7, seed=1)}, draws=20)
    assert (result["a"] == result["again"]).all()
    assert (resample({"b": counts(7, seed=1)}, draws=20)["b"] == result["b"]).all()


def test_speakers_without_clips_change_nothing():
    silent = np.concatenate([counts(5), np.zeros((1, 2, 3, 3), int)], axis=1)
    assert (resample({"a": silent}, draws=30)["a"] == resample({"a": counts(5)}, draws=30)["a"]).all()


def test_one_speaker_is_always_drawn():
    assert set(resample({"a": counts(1)}, draws=9)["a"]) == {uar(counts(1)[0, 0])}


def test_class_without_clips_in_a_resample_is_left_out():
    matrices = np.array([[[3, 1], [0, 0]], [[0, 0], [2, 2]]])
    assert set(resample({"a": matrices}, draws=50)["a"]) == {0.75, 0.625, 0.5}


def test_ranks_agree_with_scipy():
    values = np.random.default_rng(0).integers(0, 4, (5, 40)).astype(float)
    assert ranks(values) == pytest.approx(rankdata(-values, axis=0))


def test_default_is_ten_thousand_resamples_of_every_system():
    study = {str(n): counts(90, k=7, seeds=3, seed=n) for n in range(3)}
    assert all(len(values) == 10_000 for values in resample(study).values())


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({}, "no system"),
        ({"a": counts(4), "b": counts(5)}, "differ"),
        ({"a": counts(4) * 0}, "no clips"),
        ({"a": counts(4) * np.nan}, "counts"),
    ],
)
def test_invalid_arguments_are_refused(study, message):
    with pytest.raises(ValueError, match=message):
        resample(study, draws=5)


def test_no_draws_and_values_without_rank_are_refused():
    with pytest.raises(ValueError, match="resamples"):
        resample({"a": counts(4)}, draws=0)
    with pytest.raises(ValueError, match="NaN"):
        ranks([[0.5], [np.nan]])
