"""Compare feature sets by the UAR of the same classifiers on each.

For held-out corpora (LOCO), predictions are made among the classes of the test corpus (restricted) and among all
classes (free). Within a corpus, speakers are in five folds, or fewer if there are fewer speakers. Features are
standardised on the training rows, or per speaker over all of a speaker's utterances, which needs unlabelled rows of the
test corpus (transductive).

The classifiers are scikit-learn's, with balanced class weights: a logistic regression and an SVM with an RBF kernel.
Their hyper-parameters are selected by leaving out one more group of the training rows: a corpus, by the mean UAR over
those left out, or a fold, by the pooled UAR of the folds. A model trained without groups a and b serves two selections:
its score on b for the test on a, and its score on a for the test on b.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from mer import stats

FOLDS = 5
C_LOGISTIC = (1e-4, 1e-3, 1e-2, 1e-1)
C_SVM, WIDTHS = (0.5, 2.0, 8.0), (0.2, 0.6)
"""The penalties of the SVM and the widths w of its kernel exp(-w d² / features)."""
NORMS = ("training", "speaker")
ROWS = (("loco", "restricted"), ("loco", "free"), ("in_corpus", "restricted"))

Scores = list[np.ndarray]
"""per choice of hyper-parameters, float of shape (tested rows, classes)"""


@dataclass(frozen=True)
class Clips:
    """What is classified: class numbers, corpora and speakers of shape (clips,), and how many classes there are."""

    labels: np.ndarray
    corpora: np.ndarray
    speakers: np.ndarray
    classes: int

    def present(self, corpus: str) -> np.ndarray:
        """Return which classes a corpus has; bool of shape (classes,)."""
        return np.isin(np.arange(self.classes), self.labels[self.corpora == corpus])


def measure(sets: dict[str, np.ndarray], clips: Clips, jobs: int) -> dict[tuple[str, ...], dict[str, np.ndarray]]:
    """Return (set, classifier, norm, protocol, answers) -> corpus -> confusions, shape (speakers, classes, classes).

    Args:
        sets: name -> vectors of shape (clips, features).
        jobs: processes, one thread each.
    """
    with ProcessPoolExecutor(jobs, initializer=threadpool_limits, initargs=(1,)) as pool:
        done = {
            key: pool.submit(confusions, sets[key[0]], clips, *key[1:]) for key in product(sets, CLASSIFIERS, NORMS)
        }
        return {(*key, *row): cells for key, job in done.items() for row, cells in job.result().items()}


def confusions(
    vectors: np.ndarray, clips: Clips, classifier: str, norm: str, protocols: tuple[str, ...] = ("loco", "in_corpus")
) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """Return (protocol, answers) -> corpus -> confusions, shape (speakers, classes, classes), of one classifier."""
    vectors, fit = vectors.astype(np.float64), CLASSIFIERS[classifier]
    if norm == "speaker":
        for speaker in np.unique(clips.speakers):
            mine = clips.speakers == speaker
            vectors[mine] = standardised(vectors[mine], vectors[mine])

    def scores(train: np.ndarray, test: np.ndarray) -> Scores:
        ready = vectors if norm == "speaker" else standardised(vectors, vectors[train])
        return fit(ready, clips.labels, train, test, clips.classes)

    answers = {}
    if "loco" in protocols:
        answers = {("loco", kind): given for kind, given in _loco(scores, clips).items()}
    if "in_corpus" in protocols:
        answers["in_corpus", "restricted"] = _in_corpus(scores, clips)
    return {row: {c: _confusions(found, clips, c) for c in np.unique(clips.corpora)} for row, found in answers.items()}


def standardised(vectors: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Shift and scale to the mean 0 and deviation 1 of other vectors; what is constant there is shifted only."""
    deviation = by.std(axis=0)
    return (vectors - by.mean(axis=0)) / np.where(deviation > 1e-8, deviation, 1.0)


def nested(scores: Callable, rows: np.ndarray, groups: np.ndarray) -> tuple[dict, dict]:
    """Leave out each group, and each pair of groups.

    Args:
        scores: numbers of the training and of the tested rows -> `Scores`.
        rows: numbers, shape (n,).
        groups: of these rows, shape (n,).

    Returns:
        group -> `Scores` of its rows; (a, b) -> `Scores` of the rows of b by models that saw neither a nor b.
    """
    names = np.unique(groups).tolist()
    outer = {a: scores(rows[groups != a], rows[groups == a]) for a in names}
    inner = {}
    for a, b in combinations(names, 2):
        of_a, of_b = rows[groups == a], rows[groups == b]
        found = scores(rows[(groups != a) & (groups != b)], np.concatenate([of_a, of_b]))
        inner[b, a] = [choice[: len(of_a)] for choice in found]
        inner[a, b] = [choice[len(of_a) :] for choice in found]
    return outer, inner


def _loco(scores: Callable, clips: Clips) -> dict[str, np.ndarray]:
    """Return kind of answers -> class numbers, shape (clips,)."""
    outer, inner = nested(scores, np.arange(len(clips.labels)), clips.corpora)
    found = {kind: np.empty(len(clips.labels), int) for kind in ("restricted", "free")}
    for (kind, given), (target, tested) in product(found.items(), outer.items()):
        mine = {b: np.flatnonzero(clips.corpora == b) for a, b in inner if a == target}
        worth = [
            np.mean([_uar(_answers(inner[target, b][choice], clips, b, kind), clips, mine[b]) for b in mine])
            for choice in range(len(tested))
        ]
        given[clips.corpora == target] = _answers(tested[int(np.argmax(worth))], clips, target, kind)
    return found


def _in_corpus(scores: Callable, clips: Clips) -> np.ndarray:
    """Return class numbers, shape (clips,)."""
    given = np.empty(len(clips.labels), int)
    for corpus in np.unique(clips.corpora):
        rows = np.flatnonzero(clips.corpora == corpus)
        groups = folds(clips.speakers[rows])
        outer, inner = nested(scores, rows, groups)
        for fold, tested in outer.items():
            others = [b for a, b in inner if a == fold]
            pooled = [np.concatenate(choices) for choices in zip(*(inner[fold, b] for b in others), strict=True)]
            place = np.concatenate([rows[groups == b] for b in others])
            worth = [_uar(_answers(choice, clips, corpus, "restricted"), clips, place) for choice in pooled]
            given[rows[groups == fold]] = _answers(tested[int(np.argmax(worth))], clips, corpus, "restricted")
    return given


def folds(speakers: np.ndarray) -> np.ndarray:
    """Return the fold of each clip: whole speakers, folds of about as many clips; shape (clips,)."""
    found = np.empty(len(speakers), int)
    parts = GroupKFold(min(FOLDS, len(np.unique(speakers)))).split(speakers, groups=speakers)
    for number, (_, test) in enumerate(parts):
        found[test] = number
    return found


def _answers(scores: np.ndarray, clips: Clips, corpus: str, kind: str) -> np.ndarray:
    return scores.argmax(axis=1) if kind == "free" else stats.restrict(scores, clips.present(corpus))


def _uar(answers: np.ndarray, clips: Clips, rows: np.ndarray) -> float:
    return stats.uar(stats.confusion(clips.labels[rows], answers, clips.classes))


def _confusions(answers: np.ndarray, clips: Clips, corpus: str) -> np.ndarray:
    mine = clips.corpora == corpus
    return stats.cluster_confusions(clips.labels[mine], answers[mine], clips.speakers[mine], clips.classes)[0]


def _logistic(vectors: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, classes: int) -> Scores:
    x = vectors.astype(np.float32)  # half the time
    found = []
    for strength in C_LOGISTIC:
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000, tol=1e-3)
        model.fit(x[train], labels[train])
        found.append(_spread(model.decision_function(x[test]), model.classes_, classes))
    return found


def _svm(vectors: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, classes: int) -> Scores:
    seen, new = (_distances(vectors[rows], vectors[train]) / vectors.shape[1] for rows in (train, test))
    found = []
    for width in WIDTHS:
        kernel, tested = np.exp(-width * seen), np.exp(-width * new)
        for strength in C_SVM:
            model = SVC(C=strength, kernel="precomputed", class_weight="balanced", cache_size=500)
            model.fit(kernel, labels[train])
            found.append(_spread(model.decision_function(tested), model.classes_, classes))
    return found


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return squared distances, shape (len(one), len(other)); by a product of matrices, which is what is fast."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)
    return np.maximum(squares - 2 * one @ other.T, 0)


def _spread(scores: np.ndarray, seen: np.ndarray, classes: int) -> np.ndarray:
    """Scores of the classes seen in training as those of all; a class never seen is never answered."""
    if scores.ndim == 1:  # scikit-learn keeps one column for two classes
        scores = np.column_stack([-scores, scores])
    found = np.full((len(scores), classes), -1e9)
    found[:, seen] = scores
    return found


CLASSIFIERS = {"logistic": _logistic, "svm": _svm}
