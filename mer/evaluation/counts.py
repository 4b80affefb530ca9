"""Predictions as confusions per speaker, which is all that intervals, comparisons and slices need."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer import stats
from mer.dataset import people
from mer.evaluation.scores import ANSWERS

KEYS = ("system", "protocol", "train_corpora", "test_corpus")


class Unusable(ValueError):
    """Predictions that cannot be counted: missing answers, or no clip."""


@dataclass(frozen=True)
class Counts:
    """Answers of one system to one corpus."""

    confusions: np.ndarray
    """int of shape (seeds, clusters, k, k)"""
    seeds: tuple[int, ...]
    clusters: tuple[str, ...]
    n: int
    speakers: int
    classes: int
    """how many the truth has"""


def count(
    part: pd.DataFrame, answers: str, classes: tuple[str, ...], cluster: str, clusters: list[str] | None = None
) -> Counts:
    """Count the answers of one system to one corpus.

    Args:
        part: rows of a predictions table, a row per clip and seed.
        answers: free or restricted.
        cluster: the column over which intervals are computed, such as speaker_id.
        clusters: their names in order, also of those who say nothing here; by default those in `part`.

    Raises:
        Unusable: no row, an answer or a truth that is missing or is no class, a clip asked twice with one seed, or
            seeds that were asked about different clips.
    """
    if answers not in ANSWERS:
        raise ValueError(f"answers are {' or '.join(ANSWERS)}, not {answers!r}")
    if part.empty:
        raise Unusable("no predictions: there is nothing to count")
    index = pd.Index(classes)
    truth, given = (index.get_indexer(part[column]) for column in ("emotion", answers))
    for column, numbers in (("emotion", truth), (answers, given)):
        if (bad := numbers < 0).any():
            row = part[bad].iloc[0]
            raise Unusable(
                f"{bad.sum()} of {len(part)} rows have no class in `{column}`, the first is {row['utterance_id']} of "
                f"{row['system']} ({row[column]!r}); leave them out, or find out why their scores are missing"
            )
    if part[cluster].isna().any():
        raise Unusable(f"some rows have no {cluster}: name it or leave them out")
    seeds = sorted(part["seed"].unique())
    per_seed = part.groupby("seed")["utterance_id"]
    if part.duplicated(["seed", "utterance_id"]).any():
        raise Unusable("a clip is answered twice with one seed: take one system, protocol and training at a time")
    if len({frozenset(ids) for _, ids in per_seed}) > 1:
        raise Unusable("seeds were asked about different clips: a cell is missing; run the step again")
    names = pd.Index(sorted(part[cluster].unique()) if clusters is None else clusters)
    where = names.get_indexer(part[cluster])
    if (where < 0).any():
        raise ValueError(f"{part[cluster].iloc[int(np.argmin(where))]} is not among the clusters that were named")
    counts = np.zeros((len(seeds), len(names), len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (pd.Index(seeds).get_indexer(part["seed"]), where, truth, given), 1)
    total = counts[0].sum(axis=0)
    return Counts(
        counts, tuple(int(s) for s in seeds), tuple(names), int(total.sum()), part["speaker_id"].nunique(),
        int((total.sum(axis=1) > 0).sum()),
    )  # fmt: skip


def joined(parts: dict[str, Counts]) -> np.ndarray:
    """Return corpora of one family as one, as the same people may speak in several: a row per person, and a block of
    the matrix per corpus; int of shape (seeds, people, corpora * k, corpora * k).

    Args:
        parts: corpus -> its counts, all of one system.

    Raises:
        Unusable: corpora have different numbers of seeds.
    """
    if len(seeds := {len(part.seeds) for part in parts.values()}) > 1:
        raise Unusable(f"{', '.join(parts)} are of one family and have {' and '.join(map(str, sorted(seeds)))} seeds")
    codes = {corpus: [people.code(corpus, name) for name in part.clusters] for corpus, part in parts.items()}
    everybody = pd.Index(sorted(set().union(*codes.values())))
    k = next(iter(parts.values())).confusions.shape[-1]
    found = np.zeros((seeds.pop(), len(everybody), len(parts) * k, len(parts) * k), dtype=np.int64)
    for at, (corpus, part) in enumerate(parts.items()):
        block = slice(at * k, (at + 1) * k)
        found[:, everybody.get_indexer(codes[corpus]), block, block] = part.confusions
    return found


def per_block(statistic: stats.Statistic, k: int) -> stats.Statistic:
    """Return the mean of a statistic over the blocks that `joined` makes, k classes each."""

    def mean(confusions: np.ndarray) -> np.ndarray:
        starts = range(0, confusions.shape[-1], k)
        return np.mean([statistic(confusions[..., a : a + k, a : a + k]) for a in starts], axis=0)

    return mean


def shared_classes(labels: pd.DataFrame, train_corpora: str, test_corpus: str) -> list[str]:
    """Return the classes that a corpus has and at least one of those that were trained on has too.

    Args:
        labels: columns corpus and emotion, such as the usable manifest.
        train_corpora: joined by +, as in predictions and results.

    >>> labels = pd.DataFrame({"corpus": ["a", "a", "b", "b"], "emotion": ["anger", "fear", "fear", "sadness"]})
    >>> shared_classes(labels, "a", "b")
    ['fear']
    """
    own = labels.groupby("corpus")["emotion"].agg(set).to_dict()
    trained = set().union(*(own.get(corpus, set()) for corpus in train_corpora.split("+")))
    return sorted(trained & own.get(test_corpus, set()))
