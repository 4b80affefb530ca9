"""The choice of a setting by rows of the training corpora that the compared models were not trained on.

Validation speakers belong to corpora that are trained on, and prefer models that do not carry over to other corpora.
With `training.choose_by: corpora`, each training family is left out in turn instead. The family that a cell holds out
is in none of these trainings (nested cross-validation; Varma and Simon 2006, "Bias in error estimation when using
cross-validation for model selection", BMC Bioinformatics 7).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mer.params.schema import System, Training
from mer.training import calibration
from mer.training.choosing.criterion import validation_scores
from mer.training.job import Comparison, Job
from mer.training.task import Task

DIGITS = 12
"""The number of decimal places of a mean score that count: sums in another order must not decide."""
STRENGTHS = ("inverse_regularisation", "gamma")
"""The parameters of a classical model that settings compare; their logarithms measure how far settings lie apart."""
SETTING = (*STRENGTHS, "epochs")
"""The parameters that a setting may have besides the number of its candidate."""


@dataclass(frozen=True)
class Choice:
    """The setting that a training uses, and how it was chosen.

    Attributes:
        by: `corpora` or `speakers`: what was left out while settings were compared.
        compared: one dict per setting: candidate (0 is the system itself), its parameters, mean, and the score of each
            fold: the mean over its corpora of `criterion.validation_scores`.
        chosen: position in `compared`.
        rows: row numbers of the task, each predicted by a model of the chosen setting that was not trained on its
            family (by corpora) or speaker; int64 of shape (n,), fold by fold.
        logits: these predictions, float64 of shape (n, classes).
        curves: of a network, fold -> score after each epoch; a fold ends by patience.
    """

    by: str
    compared: list[dict[str, Any]]
    chosen: int
    rows: np.ndarray
    logits: np.ndarray
    curves: dict[str, list[float]] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """The largest number of epochs that were compared; 0 for a classical model."""
        return max(map(len, self.curves.values()), default=0)

    @property
    def setting(self) -> dict[str, Any]:
        """The entry of `compared` that was chosen."""
        return self.compared[self.chosen]

    def summary(self) -> dict[str, Any]:
        """Return how the setting was chosen, in JSON types, as a checkpoint's card states it."""
        return {"by": self.by, "settings": len(self.compared), "epochs": self.epochs, "chosen": self.setting}


def candidates(job: Job) -> list[tuple[System, Training]]:
    """Return the systems, with their training parameters, from which a job chooses: its own first."""
    values = job.training.model_dump()
    return [
        (spec, Training.model_validate({**values, **spec.training}) if number else job.training)
        for number, spec in enumerate(job.spec.variants())
    ]


def choose(task: Task, job: Job, comparisons: Sequence[Sequence[Comparison]]) -> Choice:
    """Return the setting in the middle of those that are best on each fold (`central`).

    The number of epochs of a network is the mean of the best epochs of the folds.

    Args:
        job: has the folds.
        comparisons: of each of `candidates`, the comparison of each fold; it may have more rows than the fold.
    """
    compared, logits = [], []
    for number, folds in enumerate(comparisons):
        rows = [one.logits_of(fold.test) for one, fold in zip(folds, job.folds, strict=True)]
        for place, (setting, scores) in enumerate(_settings(task, job, folds, rows)):
            means = {fold.name: score for fold, score in zip(job.folds, scores, strict=True)}
            compared.append({"candidate": number, **setting, "mean": float(np.mean(scores)), **means})
            logits.append([of_fold[place] for of_fold in rows])
    chosen = central(compared, [fold.name for fold in job.folds])
    rows, curves = np.concatenate([fold.test for fold in job.folds]), {}
    if job.spec.is_network:
        own = comparisons[compared[chosen]["candidate"]]
        curves = {
            fold.name: [epoch["mean"] for epoch in one.settings] for fold, one in zip(job.folds, own, strict=True)
        }
    return Choice(job.choose_by, compared, chosen, rows, np.concatenate(logits[chosen]), curves)


def central(compared: Sequence[dict[str, Any]], folds: Sequence[str]) -> int:
    """Return the position of the setting in the middle of those that are best on each fold.

    A mean over few families is often highest by chance at one end of the grid. Of the candidate with the highest mean,
    the setting nearest to the geometric mean of the folds' best settings is chosen, as the number of epochs of a
    network is the mean of the folds' best numbers. Among equally good or equally near settings, the one with the higher
    mean counts, and then the first.

    Args:
        compared: as in `Choice`.
        folds: names of the folds.

    >>> scores = [(1e-4, 0.2, 0.4), (1e-3, 0.4, 0.3), (1e-2, 0.6, 0.1)]
    >>> compared = [{"candidate": 0, "inverse_regularisation": c, "a": a, "b": b, "mean": (a + b) / 2}
    ...             for c, a, b in scores]
    >>> [compared[central(compared, names)]["inverse_regularisation"] for names in (["a"], ["b"], ["a", "b"])]
    [0.01, 0.0001, 0.001]
    """
    means = [round(one["mean"], DIGITS) for one in compared]
    candidate = compared[means.index(max(means))]["candidate"]
    numbers = [number for number, one in enumerate(compared) if one["candidate"] == candidate]
    places = {n: np.log([compared[n].get(name, 1.0) for name in STRENGTHS]) for n in numbers}
    best = [max(numbers, key=lambda n: (round(compared[n][fold], DIGITS), means[n])) for fold in folds]
    middle = np.mean([places[n] for n in best], axis=0)
    distances = {n: round(float(np.abs(place - middle).sum()), DIGITS) for n, place in places.items()}
    return min(numbers, key=lambda n: (distances[n], -means[n]))


def chosen_job(task: Task, job: Job, choice: Choice | None) -> Job:
    """Return the job that trains the chosen setting on all training rows; without a choice the job itself.

    Args:
        job: the job whose folds were compared.
    """
    if choice is None:
        return job
    spec, training = candidates(job)[choice.setting["candidate"]]
    setting = {name: value for name, value in choice.setting.items() if name in SETTING}
    if len(job.validation):
        setting.pop("epochs", None)  # the validation rows stop the training itself
        return replace(job, spec=spec, training=training, folds=(), choice_seed=None, setting=setting or None)
    final = replace(job, spec=spec, training=training, folds=(), choice_seed=None, setting=setting)
    return replace(final, temperature=left_out_temperature(task, final, choice))


def left_out_temperature(task: Task, job: Job, choice: Choice) -> float:
    """Return the temperature that fits predictions of families or speakers on which the models were not trained.

    A new corpus is such a family. `choice.rows` and `choice.logits` are all that it reads.
    """
    labels, corpora = task.labels[choice.rows], task.corpora[choice.rows]
    return calibration.temperature(choice.logits, labels, corpora, multi_label=job.is_multi_label)


def _settings(
    task: Task, job: Job, folds: Sequence[Comparison], rows: list[np.ndarray]
) -> list[tuple[dict[str, Any], list[float]]]:
    """Return each setting of a candidate with the score of each fold."""
    if job.spec.is_network:
        epochs = max(1, round(float(np.mean([_best_epoch(one.settings) + 1 for one in folds]))))
        return [({"epochs": epochs}, [one.settings[min(epochs, len(one.settings)) - 1]["mean"] for one in folds])]
    return [
        (setting, [_mean(validation_scores(task, job, fold.test, of_fold[place]))
                   for fold, of_fold in zip(job.folds, rows, strict=True)])
        for place, setting in enumerate(folds[0].settings)
    ]  # fmt: skip


def _best_epoch(history: list[dict]) -> int:
    means = [epoch["mean"] for epoch in history]
    return means.index(max(means))


def _mean(scores: dict[str, float]) -> float:
    return float(np.mean(list(scores.values()))) if scores else 0.0
