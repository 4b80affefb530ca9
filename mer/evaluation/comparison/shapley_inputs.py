r"""Exact Shapley values of a system's inputs: the contribution of each input to the UAR on a held-out corpus.

.. math:: \phi_i = \sum_{S \not\ni i} \frac{|S|! \, (n - |S| - 1)!}{n!} \, (v(S \cup \{i\}) - v(S))

Shapley 1953, "A value for n-person games". The players are the n inputs of a system. v(S) is the restricted UAR on the
held-out corpus of a ridge classifier that is trained by LOCO on the inputs S alone, with v(∅) = 1/k for k classes, as
for inputs that no training row has. The values of a corpus add up to the gain of all inputs over guessing.

Every subset is trained anew ("removal by retraining": Covert, Lundberg and Lee 2021, "Explaining by removing", Journal
of Machine Learning Research 22, section 4). Hiding inputs from a trained network instead would test it on combinations
of inputs that it has hardly met in training. The values therefore describe the inputs, as a linear classifier uses
them, and not the weights of a network. The penalty is fixed beforehand, so nothing is selected on the held-out corpus.
The cost is one pass over the training rows and one linear system per subset and held-out family: 2^n - 1 of each.
"""

import numpy as np
import pandas as pd

from mer.evaluation.comparison import shapley
from mer.evaluation.comparison.coalitions import correct_counts, train_coalitions, uar_of_counts
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.scores.confusions import Scoring, columns
from mer.training.task import Task

MAX_INPUTS = 8
"""The largest number of inputs; more need more than 255 trainings per held-out family."""
KIND = "inputs"
"""The value of the column `players`."""


def of_inputs(
    task: Task,
    manifest: pd.DataFrame,
    cells: list[Cell],
    inputs: tuple[str, ...],
    scoring: Scoring,
    penalty: float = 0.1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the Shapley value of each input for each held-out corpus, and the UAR of each subset of inputs.

    Args:
        task: features and classes of the usable rows.
        manifest: the task's rows, with the columns corpus, family and those of the clusters.
        cells: cells of a plan; only LOCO cells are used. Rows without any of the inputs are left out.
        inputs: names of the inputs, two or more.
        scoring: clusters and confidence of the intervals.
        penalty: λ per training row, for features of variance 1.

    Returns:
        values: `shapley.COLUMNS`; `players` is "inputs", and `player` the name of an input. Intervals as in
            `shapley.of_corpora`.
        subsets: target, inputs (joined by +, empty text for none), value.

    Raises:
        ValueError: there are fewer than two or too many inputs, or as from `ridge.solve`.
    """
    if reason := reason_against(task, inputs):
        raise ValueError(reason)
    subsets, values, table = shapley.all_subsets(list(inputs)), [], []
    available = task.features.available(inputs)
    for cell in (cell for cell in cells if cell.protocol == "loco"):
        train, test = (rows[available[rows]] for rows in (cell.train, cell.test))
        models = [_trained(task, train, subset, penalty) for subset in subsets[1:]]
        for target in sorted(set(task.corpora[test])):
            rows = test[task.corpora[test] == target]
            counts = [_counts(task, rows, manifest[column].to_numpy()[rows], subsets[1:], models)
                      for column in columns(scoring.clusters[target])]  # fmt: skip
            table += [(target, "+".join(s), v) for s, v in zip(subsets, _values(*counts[0]), strict=True)]
            base = {"players": KIND, "target": target, **shapley.describe_rows(manifest.iloc[rows], counts)}
            values += [base | row for row in shapley.game_rows(list(inputs), counts, scoring.confidence)]
    return (pd.DataFrame(values, columns=shapley.COLUMNS),
            pd.DataFrame(table, columns=["target", "inputs", "value"]))  # fmt: skip


def reason_against(task: Task, inputs: tuple[str, ...]) -> str:
    """Return why there are no Shapley values of these inputs; empty text if there are."""
    if len(inputs) < 2:
        return "the system has one input: its Shapley value is the whole gain"
    if len(inputs) > MAX_INPUTS:
        return f"{len(inputs)} inputs make 2^{len(inputs)} trainings; at most {MAX_INPUTS} inputs are possible"
    return shapley.too_many_features(task, inputs)


def _trained(task: Task, train: np.ndarray, subset: tuple[str, ...], penalty: float) -> tuple | None:
    """The ridge that is trained on all corpora with some of the inputs; None if no two classes have them."""
    rows = train[task.features.available(subset)[train]]
    if len(set(task.labels[rows])) < 2:
        return None
    names = tuple(sorted(set(task.corpora[rows])))
    return train_coalitions(task, rows, [names], subset, penalty)[names]


def _counts(
    task: Task, rows: np.ndarray, clusters: np.ndarray, subsets: list[tuple[str, ...]], models: list[tuple]
) -> tuple[np.ndarray, np.ndarray]:
    """Correct predictions (1 + subsets, clusters, classes), guessing first, and utterances (clusters, classes).

    A subset without a model guesses.
    """
    counts = [correct_counts(task, rows, clusters, subset, [model] if model else [])
              for subset, model in zip(subsets, models, strict=True)]  # fmt: skip
    guessing, support = counts[0][0][:1], counts[0][1]
    return np.concatenate([guessing, *(correct[-1:] for correct, _ in counts)]), support


def _values(correct: np.ndarray, support: np.ndarray) -> np.ndarray:
    return uar_of_counts(correct.sum(axis=1), support.sum(axis=0))
