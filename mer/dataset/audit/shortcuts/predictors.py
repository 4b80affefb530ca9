"""Predict the class from one cue: by a shallow tree, a linear model or a table of most frequent classes."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from mer.dataset.audit.shortcuts.cues import LINEAR, RULE, Shortcut

PENALTY = 100.0
"""The weight of the linear model's squared coefficients, for columns of unit variance. There may be as few clips as the
200 columns."""
MAX_TRAINING_ROWS = 20_000
"""The largest number of rows that a linear model is trained on; they are evenly spaced among more."""

Predictor = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A function of training rows and test rows (row numbers) that returns the predicted class number of each test row."""
TrainTestRows = list[tuple[np.ndarray, np.ndarray]]
"""Pairs of training rows and test rows (row numbers)."""


def shortcut_predictor(
    shortcut: Shortcut, rows: pd.DataFrame, truth: np.ndarray, pairs: TrainTestRows, n_classes: int
) -> tuple[np.ndarray, Predictor | None]:
    """Return the rows on which a shortcut can be evaluated and its predictor.

    Args:
        rows: the rows of one corpus or of all, with the shortcut's columns.
        truth: class numbers, int of shape (rows,).
        pairs: the training and test rows of each fold.
        n_classes: the number of classes of the study.

    Returns:
        A mask of shape (rows,), and the predictor; None if there is nothing to learn.
    """
    if shortcut.learner == RULE:
        return _rule(pd.factorize(rows[shortcut.columns[0]])[0], truth, pairs, n_classes)
    values = rows[list(shortcut.columns)].to_numpy(float)
    complete = np.isfinite(values).all(axis=1)
    varies = complete.any() and (values[complete] != values[complete][0]).any()
    if not shortcut.may_reflect_emotion and not varies:
        return complete, None
    return complete, _model(shortcut.learner, values, truth)


def classes_by_frequency(truth: np.ndarray, n_classes: int) -> np.ndarray:
    """Return all class numbers, the most frequent first; equally frequent classes keep their order."""
    return np.argsort(-np.bincount(truth, minlength=n_classes), kind="stable")


def _model(learner: str, values: np.ndarray, truth: np.ndarray) -> Predictor:
    """Return a shallow tree, or ridge regression of each class, both with balanced classes."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    def predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        model = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, class_weight="balanced", random_state=0)
        if learner == LINEAR and len(set(truth[train])) > 1:
            model = make_pipeline(StandardScaler(), RidgeClassifier(PENALTY, class_weight="balanced"))
            train = train[:: -(-len(train) // MAX_TRAINING_ROWS)]
        return model.fit(values[train], truth[train]).predict(values[test])

    return predict


def _rule(
    keys: np.ndarray, truth: np.ndarray, pairs: TrainTestRows, n_classes: int
) -> tuple[np.ndarray, Predictor | None]:
    """Return all rows, and a table lookup; no lookup if no key of a test row occurs in training.

    Args:
        keys: the number of each row's value, -1 without one; int of shape (rows,).
    """
    every = np.ones(len(keys), bool)
    if not any(np.isin(keys[test], keys[train][keys[train] >= 0]).any() for train, test in pairs):
        return every, None

    def predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        order = classes_by_frequency(truth[train], n_classes)
        counts = np.zeros((keys.max() + 2, n_classes), int)  # the last row is that of rows without a key
        np.add.at(counts, (keys[train], truth[train]), 1)
        counts[-1] = 0
        return order[counts[:, order].argmax(axis=1)][keys[test]]

    return every, predict
