r"""Exact Shapley values of training corpora: the contribution of each corpus to the UAR on a held-out corpus.

.. math:: \phi_i = \sum_{S \not\ni i} \frac{|S|! \, (n - |S| - 1)!}{n!} \, (v(S \cup \{i\}) - v(S))

[Shapley 1953]. The players are the training corpora outside the family of the target (the test corpus), or their
families. v(S) is the restricted UAR on the target of a ridge classifier that is trained on the corpora S, with
v(∅) = 1/k for k classes. The values of a target add up to the gain of training on all corpora over guessing. Nothing is
estimated: every subset is trained, from sums (`mer/training/baselines/least_squares.py`). The penalty is fixed
beforehand, so nothing is selected on the target.
"""

from itertools import chain
from math import factorial

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # scipy.stats takes a second to import

from mer import stats
from mer.evaluation.comparison.coalitions import correct_counts, train_coalitions, uar_of_counts
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.scores import flags
from mer.evaluation.scores.confusions import Scoring, columns
from mer.training.task import Task

COLUMNS = ["players", "target", "player", "value", "low", "high", "n", "speakers", "classes", "flagged",
           "accepted", "capped"]  # fmt: skip
"""The columns of `shapley.csv`."""
MAX_PLAYERS = 14
"""The largest number of players; n players make 2^n trainings."""
MAX_FEATURES = 2048
"""The largest number of features; a matrix of their products is in memory for each corpus and class."""


def of_corpora(
    task: Task,
    manifest: pd.DataFrame,
    cells: list[Cell],
    inputs: tuple[str, ...],
    scoring: Scoring,
    penalty: float = 0.1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the Shapley value of every training corpus for every target, and the UAR of every coalition.

    Args:
        task: features and classes of the usable rows.
        manifest: the task's rows, with the columns corpus, family and those of the clusters.
        cells: cells of a plan. Training and test rows are those of its LOCO cells; validation rows are not used,
            because nothing is selected. Rows without any of the inputs are left out.
        inputs: names of the inputs of the classifier.
        scoring: clusters and confidence of the intervals.
        penalty: λ per training row, for features of variance 1, so that it does not depend on the number of rows.

    Returns:
        values: `COLUMNS`. `players` is corpora, or families if a family has several corpora. `speakers` is the number
            of clusters. The interval is over new speakers of the target, given the trained models: the jackknife with
            Student's t, symmetric because values may be negative. It is NaN with fewer than 3 clusters, if a class
            occurs in one cluster only, and if the jackknife values do not vary. Of two kinds of clusters, the wider
            interval is reported. `flagged`, `accepted` and `capped` are those of scores on the target.
        coalitions: target, corpora (joined by +, empty text for none), value.

    Raises:
        ValueError: there are too many players, or no LOCO cell with training and test rows, or as from
            `least_squares.collect` and `ridge.solve`.
    """
    available = task.features.available(inputs)
    train, test = (_rows_of(cells, part, available) for part in ("train", "test"))
    family = manifest.groupby("corpus")["family"].first().to_dict()
    players = _players(task.corpora[train], task.corpora[test], family)
    needed = sorted({c for others in players.values() for c in all_subsets(others)[1:]})
    models = train_coalitions(task, train, needed, inputs, penalty)
    values, table = [], []
    for target, others in players.items():
        rows = test[task.corpora[test] == target]
        coalitions = all_subsets(others)
        counts = [
            correct_counts(task, rows, manifest[column].to_numpy()[rows], inputs, [models[c] for c in coalitions[1:]])
            for column in columns(scoring.clusters[target])
        ]
        correct, support = counts[0]
        uars = uar_of_counts(correct.sum(1), support.sum(0))
        table += [(target, "+".join(c), uar) for c, uar in zip(coalitions, uars, strict=True)]
        base = {"target": target, **describe_rows(manifest.iloc[rows], counts)}
        for kind, members in _games(others, family).items():
            at = [coalitions.index(tuple(sorted(chain(*sides)))) for sides in all_subsets(list(members.values()))]
            game = [(correct[at], support) for correct, support in counts]
            values += [base | {"players": kind} | row for row in game_rows(list(members), game, scoring.confidence)]
    return pd.DataFrame(values, columns=COLUMNS), pd.DataFrame(table, columns=["target", "corpora", "value"])


def game_rows(players: list[str], counts: list[tuple[np.ndarray, np.ndarray]], confidence: float) -> list[dict]:
    """Return player, value, low and high of each player.

    Args:
        players: names of the n players.
        counts: for each kind of clusters, correct predictions of shape (2^n, clusters, classes) and utterances of shape
            (clusters, classes). The value is that of the first kind, the interval is the widest.
        confidence: confidence of the intervals, in (0, 1).
    """
    by_kind = [values_with_intervals(*count, confidence) for count in counts]
    return [{"player": player, **widest_interval(intervals)}
            for player, intervals in zip(players, zip(*by_kind, strict=True), strict=True)]  # fmt: skip


def describe_rows(rows: pd.DataFrame, counts: list[tuple[np.ndarray, np.ndarray]]) -> dict:
    """Return the columns n, speakers, classes, flagged, accepted and capped of some test rows.

    Args:
        rows: rows of the manifest.
        counts: for each kind of clusters, correct predictions and utterances of shape (clusters, classes).
    """
    support = counts[0][1]
    return {
        "n": len(rows),
        "speakers": min(len(utterances) for _, utterances in counts),
        "classes": int((support.sum(0) > 0).sum()),
        **_flags(rows),
    }


def _flags(rows: pd.DataFrame) -> dict[str, bool]:
    """The flags of values that are computed from scores on these rows (mer/evaluation/scores/flags.py)."""
    breach = rows["breach"] if "breach" in rows else pd.Series(None, rows.index, dtype=object)
    capped = bool(rows["capped"].any()) if "capped" in rows else False
    return {"flagged": bool(breach.notna().any()), "accepted": bool(flags.accepted(breach, "loco").any()),
            "capped": capped}  # fmt: skip


def reason_against(task: Task, manifest: pd.DataFrame, cells: list[Cell], inputs: tuple[str, ...]) -> str:
    """Return why the values of a plan do not exist, or need too much time or memory; empty text if they exist.

    Args:
        task, manifest, cells, inputs: as for `of_corpora`.
    """
    available = task.features.available(inputs)
    train, test = (_rows_of(cells, part, available) for part in ("train", "test"))
    try:
        _players(task.corpora[train], task.corpora[test], manifest.groupby("corpus")["family"].first().to_dict())
    except ValueError as error:
        return str(error)
    return too_many_features(task, inputs)


def too_many_features(task: Task, inputs: tuple[str, ...]) -> str:
    """Return a sentence if the inputs have too many features for matrices of their products; otherwise empty text."""
    width = sum(task.features.widths(inputs).values())
    return f"{width} features are too many; at most {MAX_FEATURES} are possible" if width > MAX_FEATURES else ""


def empty() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the two tables of `of_corpora` without rows."""
    return pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=["target", "corpora", "value"])


def gains(coalitions: pd.DataFrame) -> pd.Series:
    """Return target -> gain of training on all corpora over guessing, which is the sum of its players' values.

    Args:
        coalitions: as from `of_corpora`, or the subsets of `shapley_inputs.of_inputs`.
    """
    by_target = coalitions.groupby("target")["value"]
    return (by_target.last() - by_target.first()).astype(float)  # an empty table has no type


def shapley(values: np.ndarray) -> np.ndarray:
    """Return the Shapley value of each of n players.

    Args:
        values: v of each coalition, shape (2^n, ...); player i is in coalition number c if bit i of c is set.

    Returns:
        shape (n, ...); the sum over players is values[-1] - values[0].

    Raises:
        ValueError: the number of coalitions is no power of two.

    >>> shapley(np.array([0.0, 1.0, 2.0, 5.0]))
    array([2., 3.])
    """
    n = len(values).bit_length() - 1
    if len(values) != 2**n:
        raise ValueError(f"the number of coalitions must be a power of two, not {len(values)}")
    is_member = np.arange(2**n) >> np.arange(n)[:, None] & 1  # (n, 2^n)
    size = is_member.sum(axis=0)
    joins = np.array([factorial(s - 1) * factorial(n - s) / factorial(n) if s else 0.0 for s in range(n + 1)])
    leaves = np.array([factorial(s) * factorial(n - s - 1) / factorial(n) if s < n else 0.0 for s in range(n + 1)])
    return np.tensordot(np.where(is_member, joins[size], -leaves[size]), values, axes=1)


def _rows_of(cells: list[Cell], part: str, available: np.ndarray) -> np.ndarray:
    rows = [getattr(cell, part) for cell in cells if cell.protocol == "loco"]
    joined = np.unique(np.concatenate([np.zeros(0, np.int64), *rows]))
    return joined[available[joined]]


def _players(trained: np.ndarray, tested: np.ndarray, family: dict[str, str]) -> dict[str, list[str]]:
    """Target -> training corpora outside its family; targets without any are left out."""
    names = sorted(set(trained))
    players = {t: [c for c in names if family[c] != family[t]] for t in sorted(set(tested))}
    players = {t: others for t, others in players.items() if others}
    if not players:
        raise ValueError("no corpus has training corpora of another family, so there are no Shapley values")
    largest = max(map(len, players.values()))
    if largest > MAX_PLAYERS:
        raise ValueError(
            f"{largest} training corpora make 2^{largest} coalitions; name at most {MAX_PLAYERS} in `corpora`"
        )
    return players


def _games(others: list[str], family: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """Kind of player -> player -> its corpora. Families are players only if one of them has several corpora."""
    members: dict[str, list[str]] = {}
    for corpus in others:
        members.setdefault(family[corpus], []).append(corpus)
    return {"corpora": {c: [c] for c in others}} | ({"families": members} if len(members) < len(others) else {})


def all_subsets(players: list) -> list[tuple]:
    """Return all subsets in the order of their bits: the empty one first, all players last."""
    return [tuple(p for i, p in enumerate(players) if c >> i & 1) for c in range(2 ** len(players))]


def widest_interval(intervals: tuple[dict, ...]) -> dict:
    """Return the widest interval of a value over several kinds of clusters; NaN counts as the widest."""
    width = [np.nan_to_num(interval["high"] - interval["low"], nan=np.inf) for interval in intervals]
    return intervals[int(np.argmax(width))]


def values_with_intervals(correct: np.ndarray, support: np.ndarray, confidence: float) -> list[dict]:
    """Return value, low and high of each player.

    Args:
        correct: correct predictions of each coalition, (2^n, clusters, classes).
        support: utterances, (clusters, classes).
        confidence: confidence of the intervals, in (0, 1).
    """
    values = shapley(uar_of_counts(correct.sum(axis=1), support.sum(axis=0)))
    clusters, design = len(support), stats.Design.of(support)
    half_width = np.full(len(values), np.nan)
    if clusters >= stats.MIN_CLUSTERS and not design.has_single_cluster_class:
        without = shapley(uar_of_counts(correct.sum(axis=1, keepdims=True) - correct, support.sum(axis=0) - support))
        error = np.sqrt((clusters - 1) * without.var(axis=1))
        error[np.isclose(error, 0)] = np.nan  # equal values of so few clusters do not prove a variance of 0
        half_width = stdtrit(max(design.degrees_of_freedom, 1), 0.5 + confidence / 2) * error
    return [{"value": v, "low": v - h, "high": v + h} for v, h in zip(values, half_width, strict=True)]
