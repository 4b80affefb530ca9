r"""Adapt the predictions of unlabelled rows of one corpus or speaker at a time: `training.adaptation`.

Every method returns logarithms e of factors of the probabilities of all rows of a target:

.. math:: p'(y | x) \propto p(y | x) \, \exp(e(x, y))

Each method assumes something about the target. Whether that holds between corpora is found out inside the training
corpora: each of them is the target once, predicted by a model that was not trained on it, as it is and with other
shares of its classes (`fit`). A method that does harm there is not used, and predictions stay as they are. Scores of
adapted predictions are *transductive*.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
from scipy.special import log_softmax

from mer import stats
from mer.training.adaptation import gaussians, priors, speaker_clusters

PREFIX = "adaptation."
"""The beginning of the names of a checkpoint's tensors that are those of `Source`."""
MIN_ROWS = 20
"""The smallest number of rows of a target that is adapted to."""
MIN_PROBABILITY = 1e-9
"""The smallest probability or share of which a logarithm is taken."""
DRAWS, CONCENTRATION = 4, 0.5
"""The number of times that a training corpus is a target with other shares of its classes, and the concentration of
the Dirichlet distribution that they are drawn from: below 1, one or two classes have most rows."""
MAX_TRIAL_ROWS = 400
"""The largest number of rows of a target in `fit`."""
HARM, MAX_HARMED = 0.01, 0.25
"""What counts as harm, and the largest share of the targets in `fit` that a method may harm if it is used."""


@dataclass(frozen=True)
class Source:
    """What adaptation needs to know about the training corpora.

    Attributes:
        prior: shares of classes for which the model's probabilities hold, shape (classes,); 0 for a class that was not
            trained.
        confusion: mean probability of each class (rows) for the source rows of each class (columns), shape
            (classes, classes); NaN in the column of a class without rows.
        used: 1 if the method is used for free predictions, and for restricted ones; else 0; float of shape (2,).
    """

    prior: np.ndarray
    confusion: np.ndarray
    used: np.ndarray

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays as a checkpoint stores them."""
        return {f"{PREFIX}{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], classes: int) -> "Source | None":
        """Return the statistics that a checkpoint stores; None if it stores none.

        Raises:
            ValueError: one is missing, or has another shape.
        """
        found = {field.name: tensors.get(f"{PREFIX}{field.name}") for field in fields(cls)}
        if all(value is None for value in found.values()):
            return None
        shapes = {"prior": (classes,), "confusion": (classes, classes), "used": (2,)}
        for name, value in found.items():
            if value is None or value.shape != shapes[name] or value.dtype.kind != "f":
                raise ValueError(f"tensor {PREFIX}{name} of the model is missing, or not of shape {shapes[name]}")
        return cls(**found)


@dataclass(frozen=True)
class Rows:
    """Predicted rows.

    Attributes:
        probabilities: calibrated, shape (n, classes).
        vectors: features, shape (n, width).
        corpora, speakers: of each row, shape (n,).
    """

    probabilities: np.ndarray
    vectors: np.ndarray
    corpora: np.ndarray
    speakers: np.ndarray

    def take(self, rows: np.ndarray) -> "Rows":
        """Return some of the rows."""
        return Rows(*(getattr(self, field.name)[rows] for field in fields(self)))

    def targets(self, method: str) -> np.ndarray:
        """Return the corpus or speaker of each row, whose rows are adapted together."""
        return self.speakers if method in BY_SPEAKER else self.corpora

    def in_order(self) -> np.ndarray:
        """Return row numbers in an order that does not depend on that of the rows."""
        return np.lexsort(np.column_stack([self.probabilities, self.vectors[:, :3]]).T)


def adapt(method: str, source: Source, rows: Rows, allowed: np.ndarray | None = None) -> np.ndarray:
    """Return the probabilities of unlabelled rows, each target adapted by itself.

    The order of rows does not matter, to the bit. A target of fewer than `MIN_ROWS` rows stays as it is.

    Args:
        method: `training.adaptation`.
        allowed: the classes that each row may have, bool of shape (n, classes), the same for all rows of a target; None
            for all classes of the model.

    Returns:
        Shape (n, classes); each row sums to 1. Classes that are not allowed have probability 0.
    """
    adapted, targets = np.zeros(rows.probabilities.shape), rows.targets(method)
    is_used = source.used[0 if allowed is None else 1] > 0
    for name in np.unique(targets):
        own = np.flatnonzero(targets == name)
        own = own[rows.take(own).in_order()]
        classes = np.ones(len(source.prior), bool) if allowed is None else allowed[own[0]]
        adapted[own] = _adapted(method, source, rows.take(own), classes, is_used)
    return adapted


def _adapted(method: str, source: Source, rows: Rows, allowed: np.ndarray, is_used: bool = True) -> np.ndarray:
    """The probabilities of the rows of one target, in the order of `Rows.in_order`."""
    classes, own = allowed & (source.prior > 0), restricted(rows.probabilities, allowed)
    if not is_used or len(own) < MIN_ROWS or classes.sum() < 2:
        return own
    adapted = np.zeros(own.shape)
    factors = METHODS[method](source, rows, classes)
    adapted[:, classes] = np.exp(log_softmax(_logs(own[:, classes]) + factors, axis=1))
    return adapted


def fit(method: str, rows: Rows, labels: np.ndarray, prior: np.ndarray) -> Source:
    """Return what `adapt` needs, from labelled rows of the training corpora.

    Every corpus is a test in turn: as it is, and `DRAWS` times with shares of classes that are drawn at random, for
    each speaker if speakers are adapted. A method is used if its mean gain over corpora is above 0 and it harms at most
    a share of `MAX_HARMED` of these tests. The gain is that of the accuracy for `prior_em` and `prior_bbse`, which
    adapt to the shares of the classes, and of the UAR for the others.

    Args:
        rows: rows that the model was not trained on, best of corpora that it was not trained on.
        labels: class numbers, shape (n,).
        prior: as in `Source`.
    """
    order = rows.in_order()
    rows, labels = rows.take(order), labels[order]
    used = []
    for is_restricted in (False, True):
        gains = [list(_gains(method, rows, labels, prior, c, is_restricted)) for c in np.unique(rows.corpora)]
        used.append(_helps([found for found in gains if found]))
    return Source(prior, confusion(rows, labels), np.array(used, float))


def _helps(gains: list[list[float]]) -> bool:
    """Whether a method is used, from its gains on the tests of each corpus; never with fewer than two corpora."""
    if len(gains) < 2:
        return False
    harmed = np.mean([np.mean(np.array(of_corpus) < -HARM) for of_corpus in gains])
    return bool(np.mean([np.mean(of_corpus) for of_corpus in gains]) > 0 and harmed <= MAX_HARMED)


def confusion(rows: Rows, labels: np.ndarray) -> np.ndarray:
    """Return `Source.confusion` of labelled rows; each corpus has the same weight."""
    names, codes = np.unique(rows.corpora, return_inverse=True)
    weights = 1 / np.bincount(codes)[codes] / len(names)
    found = np.full((rows.probabilities.shape[1],) * 2, np.nan)
    for number in np.unique(labels):
        own = labels == number
        found[:, number] = np.average(rows.probabilities[own], axis=0, weights=weights[own])
    return found


def _gains(
    method: str, rows: Rows, labels: np.ndarray, prior: np.ndarray, corpus: str, is_restricted: bool
) -> Iterator[float]:
    """Yield what a method gains on a corpus as it is, and with other shares of its classes."""
    inside = rows.corpora == corpus
    source = Source(prior, confusion(rows.take(~inside), labels[~inside]), np.ones(2))
    present = np.bincount(labels[inside], minlength=len(prior)) > 0
    allowed = present if is_restricted else np.ones(len(prior), bool)
    targets, score = rows.targets(method), stats.wa if method in BY_PRIOR else stats.uar
    for draw in range(DRAWS + 1):
        before, after = np.zeros((2, len(prior), len(prior)))
        for number, name in enumerate(np.unique(targets[inside])):
            own = np.flatnonzero(inside & (targets == name))
            own = _drawn(own, labels, np.random.default_rng([number, draw]), is_other=draw > 0)
            taken = rows.take(own)
            plain = restricted(taken.probabilities, allowed).argmax(axis=1)
            before += stats.confusion(labels[own], plain, len(prior))
            after += stats.confusion(labels[own], _adapted(method, source, taken, allowed).argmax(axis=1), len(prior))
        if (before.sum(axis=1) > 0).sum() > 1 and before.sum() >= MIN_ROWS:
            yield float(score(after) - score(before))


def _drawn(rows: np.ndarray, labels: np.ndarray, generator: np.random.Generator, *, is_other: bool) -> np.ndarray:
    """At most `MAX_TRIAL_ROWS` of the rows, ascending: half of them with other shares of the classes, or all."""
    if is_other:
        names = np.unique(labels[rows])
        wanted = generator.dirichlet(np.full(len(names), CONCENTRATION)) * len(rows) / 2
        parts = [generator.permutation(rows[labels[rows] == n])[: round(w)] for n, w in zip(names, wanted, strict=True)]
        rows = np.concatenate(parts)
    return np.sort(generator.permutation(rows)[:MAX_TRIAL_ROWS])


def restricted(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return probabilities among some classes; a row that has none of them gets the same for each.

    >>> restricted(np.array([[0.2, 0.2, 0.6], [0.0, 0.0, 1.0]]), np.array([True, True, False]))
    array([[0.5, 0.5, 0. ],
           [0.5, 0.5, 0. ]])
    """
    if classes.all():
        return probabilities
    masked = probabilities * classes
    total = masked.sum(axis=1, keepdims=True)
    return np.divide(masked, total, out=np.tile(classes / classes.sum(), (len(masked), 1)), where=total > 0)


def _logs(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, MIN_PROBABILITY))


def _prior_em(source: Source, rows: Rows, classes: np.ndarray) -> np.ndarray:
    shares = source.prior[classes] / source.prior[classes].sum()
    found = priors.em(restricted(rows.probabilities, classes)[:, classes], shares)
    return np.tile(_logs(found) - np.log(shares), (len(rows.probabilities), 1))


def _prior_bbse(source: Source, rows: Rows, classes: np.ndarray) -> np.ndarray:
    if np.isnan(source.confusion[:, classes]).any():  # a class has no source rows, and so no column
        return np.zeros((len(rows.probabilities), int(classes.sum())))
    shares = source.prior[classes] / source.prior[classes].sum()
    found = priors.bbse(rows.probabilities, source.confusion, classes)[classes]
    return np.tile(_logs(found) - np.log(shares), (len(rows.probabilities), 1))


def _gaussians(source: Source, rows: Rows, classes: np.ndarray) -> np.ndarray:
    shares = restricted(rows.probabilities, classes)[:, classes]
    return gaussians.log_posteriors(gaussians.components(rows.vectors), shares)


def _speaker_clusters(source: Source, rows: Rows, classes: np.ndarray) -> np.ndarray:
    logs = _logs(restricted(rows.probabilities, classes)[:, classes])
    return np.eye(int(classes.sum()))[speaker_clusters.matched_classes(logs)]


METHODS: dict[str, Callable[[Source, Rows, np.ndarray], np.ndarray]] = {
    "prior_em": _prior_em, "prior_bbse": _prior_bbse, "gaussians": _gaussians, "speaker_gaussians": _gaussians,
    "speaker_clusters": _speaker_clusters,
}  # fmt: skip
"""`training.adaptation` -> the function that returns the logarithms of factors, shape (n, allowed classes)."""
BY_PRIOR = ("prior_em", "prior_bbse")
"""The methods that adapt to the shares of the classes."""
BY_SPEAKER = ("speaker_gaussians", "speaker_clusters")
"""The methods whose targets are speakers; those of the others are corpora."""
