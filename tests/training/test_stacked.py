"""Jobs of a stack agree with single jobs."""

import weakref

import numpy as np
import pytest

from mer import models
from mer.params.schema import System, Training
from mer.training.calibration import probabilities
from mer.training.engines import stacked
from mer.training.job import Job
from mer.training.networks import loop

ROWS = np.arange(240)
TEST = ROWS[ROWS % 4 == 3]
TOLERANCE = 1e-4
"""The tolerance of probabilities after ten epochs: batched products round in another order."""
SHORT, WIDE = ROWS[ROWS % 4 == 0], ROWS[ROWS % 4 < 2]


def job(seed=0, train=WIDE, validation=ROWS[ROWS % 4 == 2], model="gated", modalities=("audio", "text"), **training):
    settings = Training(**{"epochs": 10, "batch_size": 32, "hidden": 8, "learning_rate": 1e-2, **training})
    return Job(
        model,
        None,
        System(model=model, inputs=modalities),
        settings,
        seed,
        train,
        validation,
        ROWS[ROWS % 4 == 3],
    )


def single_model(task, one):
    return loop.fit_network(task, one)


def stacked_probabilities(task, jobs):
    logits = stacked.fit_many(task, jobs, "cpu").logits([ROWS] * len(jobs))
    return [probabilities(one) for one in logits]


@pytest.mark.parametrize(
    "jobs",
    [
        [job(0), job(2, train=SHORT, patience=2), job(3, learning_rate=3e-3, weight_decay=0.1, clip_norm=0.1)],
        [job(0, optimiser="sgd", missing="zeros"), job(1, optimiser="sgd", missing="zeros", train=SHORT)],
        [job(s, optimiser="adam", averaging="ema", ema_decay=0.9, schedule="cosine", warmup=0.1) for s in (0, 1)],
        [job(s, averaging="epochs", schedule="plateau", balance="logit_adjustment") for s in (0, 1)],
        [job(s, corpus_exponent=0.5, label_smoothing=0.0, modality_dropout=0.0, gate="softmax") for s in (0, 1)],
        [
            job(0, corpus_weights={"one": 3.0}, corpus_exponent=0, class_exponent=0.3),
            job(1, corpus_weights={"two": 2.0}, class_exponent=0, balance="unsampled_class_weights"),
        ],
        [job(0, validation=ROWS[:0]), job(1)],
        [job(s, model="flexible_at", missing="none", modalities=("audio",)) for s in (0, 1)],
    ],
    ids=[
        "lengths, rates",
        "sgd",
        "ema, cosine",
        "mean over epochs, plateau",
        "sampling",
        "weights of corpora and classes",
        "no validation",
        "a branch that no row takes",
    ],
)
def test_stacked_job_agrees_with_the_single_one(task, jobs):
    assert_alike(task, jobs)


def assert_alike(task, jobs, rows=TEST):
    stack = stacked.fit_many(task, jobs, "cpu")
    for one, history, logits in zip(jobs, stack.histories, stack.logits([rows] * len(jobs)), strict=True):
        single = single_model(task, one)
        assert [e["epoch"] for e in history] == [e["epoch"] for e in single.history]
        np.testing.assert_allclose(probabilities(logits), single.predict(task.features, rows), atol=TOLERANCE)
        np.testing.assert_allclose(*([e["rate"] for e in h] for h in (history, single.history)), rtol=1e-6)
        for ours, theirs in zip(history, single.history, strict=True):
            assert ours == pytest.approx(theirs, abs=TOLERANCE)


@pytest.mark.parametrize("shares", [(0.1, 0.5, 0.7), (0.0, 0.6, 0.3)])
def test_layers_with_different_dropout_agree_in_both_engines(task, monkeypatch, shares):
    build = models.build

    def uneven(*arguments, **options):
        net = build(*arguments, **options)
        for layer, p in zip(net.drop.values(), shares, strict=True):
            layer.p = p
        return net

    even = single_model(task, job(0, dropout=0.5)).predict(task.features, TEST)
    monkeypatch.setattr(models, "build", uneven)
    assert_alike(task, [job(0, dropout=0.5), job(1, dropout=0.5)])
    assert np.abs(single_model(task, job(0, dropout=0.5)).predict(task.features, TEST) - even).max() > 1e-3


def test_other_jobs_of_a_stack_change_rounding_only(task):
    [one] = stacked_probabilities(task, [job(5)])
    among = stacked_probabilities(task, [job(s) for s in (3, 5, 7)])[1]
    np.testing.assert_allclose(one, among, atol=TOLERANCE)


def test_single_step_agrees_to_the_last_digits(task):
    jobs = [job(s, epochs=1, batch_size=200) for s in (0, 1)]
    stack = stacked.fit_many(task, jobs, "cpu")
    for number, one in enumerate(jobs):
        expected = single_model(task, one).network.state_dict()
        assert set(expected) == set(stack.best)
        for name, value in stack.best.items():
            np.testing.assert_allclose(value[number], expected[name], atol=2e-6, err_msg=name)


def test_vectors_may_be_read_only(task, tmp_path):
    [expected] = stacked_probabilities(task, [job(0, epochs=1)])
    for modality, values in task.features.arrays.items():
        np.save(tmp_path / f"{modality}.npy", values)
        task.features.arrays[modality] = np.load(tmp_path / f"{modality}.npy", mmap_mode="r")
    [again] = stacked_probabilities(task, [job(0, epochs=1)])
    assert (again == expected).all()


def test_untrained_branches_equal_those_of_the_single_job(task):
    """Rows without text use the branch of audio, which is untrained in jobs whose training rows all have text."""
    whole = WIDE[task.features.present["text"][WIDE]]
    settings = {"model": "flexible_at", "missing": "zeros", "modality_dropout": 0.0, "weight_decay": 0.5}
    jobs = [job(s, train=whole, **settings) for s in (0, 1, 2)]
    assert stacked.shape(task, jobs[0]) == stacked.shape(task, jobs[1])
    assert stacked.shape(task, jobs[0]) != stacked.shape(task, job(0, **settings))
    assert_alike(task, jobs, rows=ROWS)


def test_finished_job_stays_unchanged_while_others_train(task):
    """Finished jobs stay in the stack until a quarter of the jobs are finished, and must not change."""
    jobs = [job(0, epochs=3), job(1, patience=1, learning_rate=0.1), *(job(s, patience=50) for s in range(2, 10))]
    assert_alike(task, jobs)
    assert len(single_model(task, jobs[1]).history) < 10


def test_stack_refuses_rows_that_its_networks_refuse(task):
    spoken = ROWS[task.features.present["text"]]
    whole = spoken[spoken % 2 == 0], spoken[spoken % 2 == 1]
    stack = stacked.fit_many(task, [job(0, *whole, missing="none", epochs=1)], "cpu")
    with pytest.raises(ValueError, match="text is missing in 2 utterances"):
        stack.logits([ROWS[:5]])


def test_stack_frees_its_memory(task):
    kept = weakref.ref(stacked.fit_many(task, [job(0, epochs=1)], "cpu"))
    assert kept() is None  # no cycle: the memory of a GPU is needed for the next one
