"""Whether a method of adaptation is used: its gain on the training corpora, each of which is the target once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mer import stats
from mer.params.adaptation import BY_PRIOR, OF_VECTORS
from mer.training import calibration
from mer.training.adaptation.adaptation import MIN_ROWS, adapted_target
from mer.training.adaptation.rows import Rows, Source, logarithms, restricted

CONCENTRATIONS = (0.5, 2.0, 8.0, 0.5, 2.0, 8.0)
"""The concentrations of the Dirichlet distributions from which other shares of a training corpus's classes are drawn,
each once: below 1, one or two classes have most rows; with 8, classes are nearly even."""
MAX_TRIAL_ROWS = 400
"""The largest number of rows of a target in `fit`."""
HARM, MAX_HARMED = 0.01, 0.25
"""What counts as harm, and the largest share of the targets in `fit` that a method may harm if it is used."""
STEPS = (1, 3, 10)
"""The numbers of steps of `OF_VECTORS` that are compared, ascending."""


def fit(method: str, rows: Rows, labels: np.ndarray, prior: np.ndarray) -> Source:
    """Return what `adapt` needs, from labelled rows of the training corpora.

    Every corpus is a test in turn: as it is, and with shares of classes that are drawn from each of `CONCENTRATIONS`,
    for each speaker if speakers are adapted. A method is used if its mean gain over corpora is above 0 and it harms at
    most a share of `MAX_HARMED` of these tests; of several numbers of steps, the one with the highest mean gain. The
    gain is that of the accuracy for `prior_em` and `prior_bbse`, which adapt to the shares of the classes, and of the
    UAR for the others. The temperature is that of the corpora as they are.

    Args:
        rows: rows that the model was not trained on, best of corpora that it was not trained on.
        labels: class numbers, shape (n,).
        prior: as in `Source`.
    """
    order = rows.in_order()
    rows, labels = rows.take(order), labels[order]
    trial = _Trial(method, rows, labels, prior)
    steps = [trial.best_steps(is_restricted=kind) for kind in (False, True)]
    temperatures = [trial.temperature(steps[kind], is_restricted=bool(kind)) for kind in (False, True)]
    return Source(prior, confusion(rows, labels), np.array(steps, float), np.array(temperatures))


def _gain(gains: list[np.ndarray], step: int) -> float | None:
    """The mean gain of a number of steps over corpora; None if it is not used, as with fewer than two corpora."""
    of_corpora = [tests[:, step] for tests in gains]
    if len(of_corpora) < 2:
        return None
    harmed = np.mean([np.mean(tests < -HARM) for tests in of_corpora])
    mean = float(np.mean([tests.mean() for tests in of_corpora]))
    return mean if mean > 0 and harmed <= MAX_HARMED else None


@dataclass(frozen=True)
class _Trial:
    """A method that is tried on each training corpus.

    Attributes:
        rows: in the order of `Rows.in_order`.
        labels: of the rows.
    """

    method: str
    rows: Rows
    labels: np.ndarray
    prior: np.ndarray

    @property
    def steps(self) -> tuple[int, ...]:
        return STEPS if self.method in OF_VECTORS else (1,)

    def best_steps(self, *, is_restricted: bool) -> int:
        """Return the number of steps with the highest mean gain; 0 if the method is not used."""
        gains = [np.array(list(self._gains(corpus, is_restricted))) for corpus in np.unique(self.rows.corpora)]
        gains = [found for found in gains if len(found)]
        means = {step: _gain(gains, place) for place, step in enumerate(self.steps)}
        used = {step: gain for step, gain in means.items() if gain is not None}
        return max(used, key=lambda step: used[step], default=0)

    def temperature(self, steps: int, *, is_restricted: bool) -> float:
        """Return the temperature at which the corpora's labels are most likely after a number of steps."""
        if not steps:
            return 1.0
        logits = np.full(self.rows.probabilities.shape, -np.inf)
        for corpus in np.unique(self.rows.corpora):
            inside = self.rows.corpora == corpus
            source, allowed = self._source(inside), self._allowed(inside, is_restricted)
            classes = np.flatnonzero(allowed & (self.prior > 0))
            for own in self._targets(inside):
                [adapted] = adapted_target(self.method, source, self.rows.take(own), allowed, [steps])
                logits[np.ix_(own, classes)] = logarithms(adapted[:, classes])
        return calibration.temperature(logits, self.labels, self.rows.corpora, multi_label=False)

    def _targets(self, inside: np.ndarray) -> list[np.ndarray]:
        """The row numbers of each target in a corpus."""
        targets = self.rows.targets(self.method)
        return [np.flatnonzero(inside & (targets == name)) for name in np.unique(targets[inside])]

    def _allowed(self, inside: np.ndarray, is_restricted: bool) -> np.ndarray:
        if not is_restricted:
            return np.ones(len(self.prior), bool)
        return np.bincount(self.labels[inside], minlength=len(self.prior)) > 0

    def _source(self, inside: np.ndarray) -> Source:
        """What adaptation to a corpus knows, from the rows of all others."""
        return Source(self.prior, confusion(self.rows.take(~inside), self.labels[~inside]), np.ones(2), np.ones(2))

    def _gains(self, corpus: str, is_restricted: bool) -> Iterator[list[float]]:
        """Yield what each number of steps gains on a corpus as it is, and with other shares of its classes."""
        inside, classes = self.rows.corpora == corpus, len(self.prior)
        source, allowed = self._source(inside), self._allowed(inside, is_restricted)
        score = stats.wa if self.method in BY_PRIOR else stats.uar
        for draw, concentration in enumerate((None, *CONCENTRATIONS)):
            before, after = np.zeros((classes, classes)), np.zeros((len(self.steps), classes, classes))
            for number, own in enumerate(self._targets(inside)):
                own = _drawn(own, self.labels, np.random.default_rng([number, draw]), concentration)
                taken = self.rows.take(own)
                plain = restricted(taken.probabilities, allowed)
                before += stats.confusion(self.labels[own], plain.argmax(axis=1), classes)
                adapted = adapted_target(self.method, source, taken, allowed, self.steps)
                for place, found in enumerate(adapted):
                    after[place] += stats.confusion(self.labels[own], found.argmax(axis=1), classes)
            if (before.sum(axis=1) > 0).sum() > 1 and before.sum() >= MIN_ROWS:
                yield [float(score(one) - score(before)) for one in after]


def confusion(rows: Rows, labels: np.ndarray) -> np.ndarray:
    """Return `Source.confusion` of labelled rows; each corpus has the same weight."""
    names, codes = np.unique(rows.corpora, return_inverse=True)
    weights = 1 / np.bincount(codes)[codes] / len(names)
    found = np.full((rows.probabilities.shape[1],) * 2, np.nan)
    for number in np.unique(labels):
        own = labels == number
        found[:, number] = np.average(rows.probabilities[own], axis=0, weights=weights[own])
    return found


def _drawn(
    rows: np.ndarray, labels: np.ndarray, generator: np.random.Generator, concentration: float | None
) -> np.ndarray:
    """At most `MAX_TRIAL_ROWS` of the rows, ascending: half of them with other shares of the classes, or all."""
    if concentration is not None:
        names = np.unique(labels[rows])
        wanted = generator.dirichlet(np.full(len(names), concentration)) * len(rows) / 2
        parts = [generator.permutation(rows[labels[rows] == n])[: round(w)] for n, w in zip(names, wanted, strict=True)]
        rows = np.concatenate(parts)
    return np.sort(generator.permutation(rows)[:MAX_TRIAL_ROWS])
