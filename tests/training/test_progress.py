import json

import pytest
import torch

from mer.params.schema import Training
from mer.training.networks.progress import EpochProgress, from_state

EPOCHS, STEPS = 12, 5


def rates(training, scores=None):
    """The rate of every step; an epoch's validation UAR is its score."""
    progress, result = EpochProgress(training, STEPS), []
    for epoch in range(training.epochs):
        result += [progress.rate(step) for step in range(STEPS)]
        progress.end_epoch(1.0, {"c": scores[epoch]} if scores else {})
    return result


def rates_of_torch(make, every_step=True, scores=None):
    """The rate of every step by a scheduler of torch."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler, result = make(optimiser), []
    for epoch in range(EPOCHS):
        for _ in range(STEPS):
            result.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            if every_step:
                scheduler.step()
        if not every_step:
            scheduler.step(scores[epoch])
    return result


def settings(**training):
    return Training(**{"epochs": EPOCHS, "learning_rate": 0.1, "patience": 100, **training})


def test_cosine_schedule_equals_torch():
    expected = rates_of_torch(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, EPOCHS * STEPS))
    assert rates(settings(schedule="cosine")) == pytest.approx(expected)


def test_warm_up_and_cosine_schedule_equal_torch():
    warm = 15  # a quarter of 60

    def make(optimiser):
        parts = [
            torch.optim.lr_scheduler.LinearLR(optimiser, 1 / warm, 1.0, warm - 1),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * STEPS - warm),
        ]
        return torch.optim.lr_scheduler.SequentialLR(optimiser, parts, [warm])

    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own SequentialLR calls what torch warns of
        assert rates(settings(schedule="cosine", warmup=0.25)) == pytest.approx(rates_of_torch(make))


@pytest.mark.parametrize(
    "scores",
    [[0.5] * 12, [0.1, 0.2, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3], [n / 12 for n in range(12)]],
    ids=["flat", "steps", "rising"],
)
def test_plateau_schedule_equals_torch(scores):
    expected = rates_of_torch(lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, "max", 0.5, 2, threshold=0.0),
                      every_step=False, scores=scores)  # fmt: skip
    assert rates(settings(schedule="plateau"), scores) == pytest.approx(expected)


@pytest.mark.parametrize("stop_after", [None, 12])
def test_plateau_schedule_without_validation_rows_is_constant(stop_after):
    progress = EpochProgress(settings(schedule="plateau"), STEPS, stop_after=stop_after)
    for _ in range(12):
        progress.end_epoch(1.0, {})
    assert {one["rate"] for one in progress.history} == {settings().learning_rate}


def test_constant_schedule_after_a_warm_up():
    assert rates(settings(warmup=0.1))[:8] == pytest.approx([0.1 * n / 6 for n in range(1, 7)] + [0.1, 0.1])


def test_training_stops_after_patience_epochs_without_improvement():
    progress = EpochProgress(settings(patience=3), STEPS)
    scores = [0.2, 0.5, 0.4, 0.5, 0.3, 0.1]
    kept = []
    for score in scores:
        assert not progress.finished
        kept.append(progress.end_epoch(1.0, {"a": score, "b": score}))
        if progress.finished:
            break
    assert kept == [True, True, False, False, False]  # an equal one is not better
    assert (progress.best, progress.best_epoch, progress.epoch) == (0.5, 1, 5)


def test_best_epoch_has_the_highest_mean_over_corpora():
    progress = EpochProgress(settings(), STEPS)
    assert progress.end_epoch(1.0, {"large": 0.9, "small": 0.1})
    assert not progress.end_epoch(1.0, {"large": 0.6, "small": 0.39})
    progress = EpochProgress(settings(), STEPS)
    assert all(progress.end_epoch(1.0, {}) for _ in range(3))
    assert progress.best_epoch == 2


def test_restored_progress_continues_identically():
    training = settings(schedule="plateau", warmup=0.1)
    progress = EpochProgress(training, STEPS)
    for score in (0.3, 0.2, 0.2, 0.2):
        progress.end_epoch(0.7, {"a": score})
    again = from_state(training, json.loads(json.dumps(progress.state())))
    assert again == progress
