r"""What each training corpus is worth for a target: exact Shapley values of a ridge classifier.

.. math:: \phi_i = \sum_{S \not\ni i} \frac{|S|! \, (n - |S| - 1)!}{n!} \, (v(S \cup \{i\}) - v(S))

[Shapley 1953]. The players are the corpora outside the target's family, or the families that they form; v(S) is the
restricted UAR on the target of the ridge trained on S, with v(∅) = 1/k. The values of a target add up to what training
on everything gains over guessing. Nothing is estimated: every subset is trained, from sums
(`mer/training/baselines/least_squares.py`). The penalty is fixed beforehand: nothing is chosen by looking at the
target.
"""

from itertools import chain
from math import factorial

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # scipy.stats takes a second to import

from mer import stats
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.scores import flags
from mer.evaluation.scores.confusions import Cluster, columns
from mer.training.baselines import least_squares, ridge
from mer.training.scaling.standardise import require_finite
from mer.training.task import Task

COLUMNS = ["players", "target", "player", "value", "low", "high", "n", "speakers", "classes", "flagged",
           "accepted"]  # fmt: skip
MAX_PLAYERS = 14
"""more make 2^n trainings too many"""
MAX_FEATURES = 2048
"""features: a matrix of their squares is kept for each corpus and class"""
MAX_BLOCK_VALUES = 2**24
"""numbers in the decision values that are held at once"""


def of_corpora(
    task: Task,
    manifest: pd.DataFrame,
    cells: list[Cell],
    modalities: tuple[str, ...],
    clusters: dict[str, Cluster],
    *,
    penalty: float = 0.1,
    balanced: bool = True,
    confidence: float = 0.95,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the value of every training corpus for every target, and the UAR of every coalition.

    Args:
        manifest: the task's rows: columns corpus, family and those of `clusters`.
        cells: of a plan; the training rows of its LOCO cells train and their test rows test. Validation rows are left
            out, as nothing is chosen, and so are rows without any of the modalities.
        clusters: corpus -> manifest column over which its intervals are computed.
        penalty: λ per training row, so that a coalition of many rows is not shrunk less; features have variance 1.
        balanced: weigh the classes of each coalition equally.

    Returns:
        values: players (corpora, or families where one of them has several), target, player, value, low, high, n,
            speakers (or other clusters), classes. An interval holds over new speakers of the target, given the trained
            models: the jackknife with Student's t, which is symmetric as a value may be negative; NaN with fewer than
            3 speakers, a class that one alone says, or no sign of
            variation. Of two kinds of clusters it is the wider one. `flagged` and `accepted` as for scores on the
            target (mer/evaluation/scores/flags.py).
        coalitions: target, corpora (joined by +, empty for none), value.

    Raises:
        ValueError: too many players, no cell with rows on both sides, or what `sums.collect` and `ridge.solve` refuse.
    """
    available = task.features.available(modalities)
    train, test = (_rows_of(cells, part, available) for part in ("train", "test"))
    family = manifest.groupby("corpus")["family"].first().to_dict()
    names, players = _players(task.corpora[train], task.corpora[test], family)
    needed = sorted({c for others in players.values() for c in all_subsets(others)[1:]})
    learned = train_coalitions(task, train, names, needed, modalities, penalty, balanced)
    values, table = [], []
    for target, others in players.items():
        rows = test[task.corpora[test] == target]
        own = all_subsets(others)
        counted = [
            correct_counts(task, rows, manifest[column].to_numpy()[rows], modalities, [learned[c] for c in own[1:]])
            for column in columns(clusters[target])
        ]
        hits, support = counted[0]
        table += [
            (target, "+".join(c), v) for c, v in zip(own, uar_of_counts(hits.sum(1), support.sum(0)), strict=True)
        ]
        about = describe_rows(manifest.iloc[rows], counted)
        for kind, members in _games(others, family).items():
            at = [own.index(tuple(sorted(chain(*sides)))) for sides in all_subsets(list(members.values()))]
            ways = [values_with_intervals(found[at], said, confidence) for found, said in counted]
            shares = zip(members, (widest_interval(told) for told in zip(*ways, strict=True)), strict=True)
            values += [{"players": kind, "target": target, "player": p, **about, **share} for p, share in shares]
    return pd.DataFrame(values, columns=COLUMNS), pd.DataFrame(table, columns=["target", "corpora", "value"])


def describe_rows(rows: pd.DataFrame, counted: list[tuple[np.ndarray, np.ndarray]]) -> dict:
    """Return the columns n, speakers, classes, flagged and accepted of some test rows.

    Args:
        rows: rows of the manifest.
        counted: for each kind of clusters, correct predictions and utterances of shape (clusters, classes).
    """
    support = counted[0][1]
    return {
        "n": len(rows),
        "speakers": min(len(utterances) for _, utterances in counted),
        "classes": int((support.sum(0) > 0).sum()),
        **_flags(rows),
    }


def _flags(rows: pd.DataFrame) -> dict[str, bool]:
    """What a breach of the audit means for values that are made of scores on these rows
    (mer/evaluation/scores/flags.py)."""
    breach = rows["breach"] if "breach" in rows else pd.Series(None, rows.index, dtype=object)
    return {"flagged": bool(breach.notna().any()), "accepted": bool(flags.accepted(breach, "loco").any())}


def reason_against(task: Task, manifest: pd.DataFrame, cells: list[Cell], modalities: tuple[str, ...]) -> str:
    """Return why a plan has no exact values, or would take too long or too much memory; nothing where it has them."""
    available = task.features.available(modalities)
    train, test = (_rows_of(cells, part, available) for part in ("train", "test"))
    try:
        _players(task.corpora[train], task.corpora[test], manifest.groupby("corpus")["family"].first().to_dict())
    except ValueError as error:
        return str(error)
    return too_many_features(task, modalities)


def too_many_features(task: Task, inputs: tuple[str, ...]) -> str:
    """Return that the inputs have too many features for the matrices of their squares; empty text if they have not."""
    width = sum(task.features.widths(inputs).values())
    return f"{width} features are too many; {MAX_FEATURES} are the most" if width > MAX_FEATURES else ""


def empty() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the two tables of `of_corpora` without rows."""
    return pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=["target", "corpora", "value"])


def gains(coalitions: pd.DataFrame) -> pd.Series:
    """Return target -> what training on everything gains over guessing: the sum of its players' values."""
    by_target = coalitions.groupby("target")["value"]
    return (by_target.last() - by_target.first()).astype(float)  # an empty table has no type


def shapley(worth: np.ndarray) -> np.ndarray:
    """Return the Shapley value of each of n players.

    Args:
        worth: v of each coalition, shape (2^n, ...); player i is in coalition number c if bit i of c is set.

    Returns:
        shape (n, ...); the sum over players is worth[-1] - worth[0].

    Raises:
        ValueError: the number of coalitions is no power of two.

    >>> shapley(np.array([0.0, 1.0, 2.0, 5.0]))
    array([2., 3.])
    """
    n = len(worth).bit_length() - 1
    if len(worth) != 2**n:
        raise ValueError(f"{len(worth)} coalitions are not all those of some players: their number is a power of two")
    inside = np.arange(2**n) >> np.arange(n)[:, None] & 1  # (n, 2^n)
    size = inside.sum(axis=0)
    joins = np.array([factorial(s - 1) * factorial(n - s) / factorial(n) if s else 0.0 for s in range(n + 1)])
    leaves = np.array([factorial(s) * factorial(n - s - 1) / factorial(n) if s < n else 0.0 for s in range(n + 1)])
    return np.tensordot(np.where(inside, joins[size], -leaves[size]), worth, axes=1)


def _rows_of(cells: list[Cell], part: str, available: np.ndarray) -> np.ndarray:
    rows = [getattr(cell, part) for cell in cells if cell.protocol == "loco"]
    joined = np.unique(np.concatenate([np.zeros(0, np.int64), *rows]))
    return joined[available[joined]]


def _players(trained: np.ndarray, tested: np.ndarray, family: dict[str, str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the training corpora, and for every target those outside its family; targets without any are left out."""
    names = sorted(set(trained))
    players = {t: [c for c in names if family[c] != family[t]] for t in sorted(set(tested))}
    players = {t: others for t, others in players.items() if others}
    if not players:
        raise ValueError("no corpus is tested on what another family trains: there is no value to share out")
    most = max(map(len, players.values()))
    if most > MAX_PLAYERS:
        raise ValueError(f"{most} training corpora make 2^{most} coalitions; name at most {MAX_PLAYERS} in `corpora`")
    return names, players


def _games(others: list[str], family: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """Kind of player -> player -> its corpora. Families are a game of their own only where one has several corpora."""
    kin: dict[str, list[str]] = {}
    for corpus in others:
        kin.setdefault(family[corpus], []).append(corpus)
    return {"corpora": {c: [c] for c in others}} | ({"families": kin} if len(kin) < len(others) else {})


def all_subsets(players: list) -> list[tuple]:
    """All subsets, the empty one first and the whole last, in the order of their bits."""
    return [tuple(p for i, p in enumerate(players) if c >> i & 1) for c in range(2 ** len(players))]


def train_coalitions(
    task: Task, train: np.ndarray, names: list[str], coalitions: list[tuple], modalities: tuple[str, ...],
    penalty: float, balanced: bool,
) -> dict:  # fmt: skip
    """Coalition -> (slopes of shape (width, classes), bias per modality of shape (modalities + 1, classes)).

    They take features as they are: standardisation is folded in, and a modality takes its own part of the bias with it
    where it is absent.
    """
    groups = np.searchsorted(names, task.corpora[train])
    cells = least_squares.collect(task.features, train, modalities, task.labels[train], groups)
    subsets = np.array([np.isin(names, c) for c in coalitions])
    penalties = penalty * (subsets @ np.bincount(groups, minlength=len(names)))
    models = ridge.solve(cells, subsets, penalties, task.classes, balanced=balanced)
    ends = np.cumsum([0, *cells.widths.values()])[:-1]
    learned = {}
    for coalition, model in zip(coalitions, models, strict=True):
        mean, scale = (np.concatenate(m) for m in zip(*model.standardiser.moments.values(), strict=True))
        slopes = (model.weights / scale).T
        learned[coalition] = slopes, np.vstack([-np.add.reduceat(mean[:, None] * slopes, ends), model.bias])
    return learned


def correct_counts(
    task: Task, rows: np.ndarray, clusters: np.ndarray, modalities: tuple[str, ...], learned: list[tuple]
) -> tuple[np.ndarray, np.ndarray]:
    """Right answers of shape (1 + coalitions, clusters, present classes) and rows of shape (clusters, present classes).

    The first coalition is the empty one; it is given the 1/k of guessing.
    """
    require_finite(task.features, rows, modalities)
    present, truth = np.unique(task.labels[rows], return_inverse=True)
    counted, speakers = stats.cluster_confusions(truth, truth, clusters, len(present))
    support = np.einsum("sii->si", counted)
    cell = np.searchsorted(speakers, clusters) * len(present) + truth
    x = np.concatenate([task.features.arrays[m][rows] for m in modalities], axis=1).astype(np.float64)
    there = np.stack([*(task.features.present[m][rows] for m in modalities), np.ones(len(rows))], axis=1)
    counts = [support / len(present)]
    step = max(1, MAX_BLOCK_VALUES // (len(rows) * len(present)))
    for first in range(0, len(learned), step):
        part = learned[first : first + step]
        slopes = np.concatenate([s[:, present] for s, _ in part], axis=1)
        values = (x @ slopes).reshape(len(rows), len(part), -1)
        for number, (_, bias) in enumerate(part):
            unknown = np.isneginf(bias[-1, present])
            decision = values[:, number] + there @ np.where(unknown, 0, bias[:, present])
            decision[:, unknown] = -np.inf
            counts.append(
                np.bincount(cell, decision.argmax(axis=1) == truth, minlength=support.size).reshape(support.shape)
            )
    return np.stack(counts), support


def uar_of_counts(hits: np.ndarray, support: np.ndarray) -> np.ndarray:
    """UAR over the classes with support; hits of shape (..., classes), support broadcasts to it."""
    there = support > 0
    recalls = np.divide(hits, support, out=np.zeros(np.broadcast_shapes(hits.shape, support.shape)), where=there)
    return recalls.sum(axis=-1) / there.sum(axis=-1)


def widest_interval(shares: tuple[dict, ...]) -> dict:
    """Of a value's intervals over clusters of two kinds the wider one; none where one of them has none."""
    width = [np.nan_to_num(share["high"] - share["low"], nan=np.inf) for share in shares]
    return shares[int(np.argmax(width))]


def values_with_intervals(hits: np.ndarray, support: np.ndarray, confidence: float) -> list[dict]:
    """Value, low and high of each player; hits of shape (2^n, clusters, classes)."""
    values = shapley(uar_of_counts(hits.sum(axis=1), support.sum(axis=0)))
    speakers, design = len(support), stats.Design.of(support)
    reach = np.full(len(values), np.nan)
    if speakers >= stats.MIN_CLUSTERS and not design.has_single_cluster_class:
        without = shapley(uar_of_counts(hits.sum(axis=1, keepdims=True) - hits, support.sum(axis=0) - support))
        error = np.sqrt((speakers - 1) * without.var(axis=1))
        error[np.isclose(error, 0)] = np.nan  # no sign of variation is no proof that there is none
        reach = stdtrit(max(design.degrees_of_freedom, 1), 0.5 + confidence / 2) * error
    return [{"value": v, "low": v - r, "high": v + r} for v, r in zip(values, reach, strict=True)]
