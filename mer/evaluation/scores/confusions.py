"""Predictions as confusions per speaker, which is all that scores, intervals, comparisons and slices need."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer import stats
from mer.dataset.identity import speakers as people

KEYS = ("system", "protocol", "train_corpora", "test_corpus")
ANSWERS = ("free", "restricted")
Cluster = str | tuple[str, ...]
"""the column over which intervals are computed, such as speaker_id; or two: speaker_id and dialogue_id"""


class Unusable(ValueError):
    """Predictions that cannot be counted: missing answers, or no clip."""


@dataclass(frozen=True)
class Counts:
    """Answers of one system to one corpus."""

    confusions: np.ndarray
    """int of shape (seeds, clusters, k, k)"""
    seeds: tuple[int, ...]
    clusters: tuple
    """their names; where there are two kinds, pairs of names: a row for each person in each dialogue"""
    ways: tuple[np.ndarray, ...] | None
    """where there are two kinds of clusters, the number of each row's cluster of either kind"""
    unit: str
    """what clusters are, such as speakers; or speakers and dialogues"""
    n: int
    speakers: int
    classes: int
    """how many the truth has"""
    deterministic: bool
    """whether the system has one solution, so that one seed says all"""
    training: str
    """the corpora it was trained on"""

    @property
    def n_clusters(self) -> int:
        """How many clusters have a clip here; of two kinds, the fewer."""
        there = self.confusions.any((0, 2, 3))
        return min(len(np.unique(way[there])) for way in self.ways or (np.arange(len(there)),))

    @property
    def repeats(self) -> bool:
        """Whether it is known how another training would do: from several seeds, or as there is one solution."""
        return self.deterministic or len(self.seeds) > 1


def columns(cluster: Cluster) -> tuple[str, ...]:
    """Return the columns of a cluster, one or two."""
    return (cluster,) if isinstance(cluster, str) else tuple(cluster)


def unit(cluster: Cluster) -> str:
    """Name what clusters are.

    >>> unit("speaker_id"), unit(("speaker_id", "dialogue_id"))
    ('speakers', 'speakers and dialogues')
    """
    return " and ".join(f"{column.removesuffix('_id')}s" for column in columns(cluster))


def cells(part: pd.DataFrame, cluster: Cluster) -> pd.Index:
    """Return each row's cluster; of two kinds, the pair of both."""
    named = columns(cluster)
    return pd.Index(part[named[0]]) if len(named) == 1 else pd.MultiIndex.from_frame(part[list(named)])


def count(
    part: pd.DataFrame, answers: str, classes: tuple[str, ...], cluster: Cluster, clusters: pd.Index | None = None
) -> Counts:
    """Count the answers of one system to one corpus.

    Args:
        part: rows of a predictions table, a row per clip and seed.
        answers: free or restricted.
        cluster: the column over which intervals are computed, such as speaker_id, or two.
        clusters: their names in order, also of those who say nothing here, as from `cells`; by default those in `part`.

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
    for column in columns(cluster):
        if part[column].isna().any():
            raise Unusable(f"some rows have no {column}: name it or leave them out")
    (seed, seeds), clip = pd.factorize(part["seed"], sort=True), pd.factorize(part["utterance_id"])[0]
    if np.bincount(clip * len(seeds) + seed).max() > 1:
        raise Unusable("a clip is answered twice with one seed: take one system, protocol and training at a time")
    if np.bincount(clip).min() < len(seeds):
        raise Unusable("seeds were asked about different clips: a cell is missing; run the step again")
    mine = cells(part, cluster)
    names = mine.unique().sort_values() if clusters is None else pd.Index(clusters)
    where = names.get_indexer(mine)
    if (where < 0).any():
        raise ValueError(f"{mine[int(np.argmin(where))]} is not among the clusters that were named")
    counts = np.zeros((len(seeds), len(names), len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (seed, where, truth, given), 1)
    total = counts[0].sum(axis=0)
    return Counts(
        counts, tuple(int(s) for s in seeds), tuple(names), _ways(names), unit(cluster), int(total.sum()),
        part["speaker_id"].nunique(), int((total.sum(axis=1) > 0).sum()),
        bool(part["deterministic"].all()) if "deterministic" in part else False,
        "+".join(sorted(part["train_corpora"].unique())) if "train_corpora" in part else "",
    )  # fmt: skip


def why_none(counts: Counts, classes: tuple[str, ...]) -> str:
    """Return why there is no interval over clusters; nothing where there is one.

    Args:
        classes: of which the counts are, in order.
    """
    kinds, there = counts.unit.split(" and "), counts.confusions.any((0, 2, 3))
    ways = counts.ways or (np.arange(len(there)),)
    for kind, way in zip(kinds, ways, strict=True):
        if (number := len(np.unique(way[there]))) < stats.MIN_CLUSTERS:
            return f"{number} {kind.removesuffix('s') if number == 1 else kind}"
    said = counts.confusions[0].sum(axis=-1)
    for kind, way in zip(kinds, ways, strict=True):
        alone = (stats.sum_by_group(said, way) > 0).sum(axis=0) == 1
        if alone.any():
            named = [name for name, is_alone in zip(classes, alone, strict=True) if is_alone]
            return f"{' and '.join(named)} said by one {kind.removesuffix('s')}"
    return ""


def joined(parts: Mapping[str, Counts]) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
    """Return corpora of one family as one, as the same people may speak in several: a row per person (and dialogue),
    and a block of the matrix per corpus; int of shape (seeds, rows, corpora * k, corpora * k), and their `ways`.

    Args:
        parts: corpus -> its counts, all of one system.

    Raises:
        Unusable: corpora have different numbers of seeds.
    """
    if len(seeds := {len(part.seeds) for part in parts.values()}) > 1:
        raise Unusable(f"{', '.join(parts)} are of one family and have {' and '.join(map(str, sorted(seeds)))} seeds")
    two = any(part.ways is not None for part in parts.values())
    codes = {corpus: [_across(name, corpus, two) for name in part.clusters] for corpus, part in parts.items()}
    names = sorted(set().union(*codes.values()))
    at, k = {name: row for row, name in enumerate(names)}, next(iter(parts.values())).confusions.shape[-1]
    found = np.zeros((seeds.pop(), len(names), len(parts) * k, len(parts) * k), dtype=np.int64)
    for number, (corpus, part) in enumerate(parts.items()):
        block = slice(number * k, (number + 1) * k)
        found[:, [at[code] for code in codes[corpus]], block, block] = part.confusions
    return found, _ways(pd.MultiIndex.from_tuples(names)) if two else None


def _across(name: str | tuple[str, ...], corpus: str, two: bool) -> str | tuple[str, ...]:
    """A cluster's name in its family: people are the same in all of its corpora, and dialogues are not."""
    person, *rest = (name,) if isinstance(name, str) else name
    person = people.anonymous_code(corpus, person)
    return (person, *(rest or (person,))) if two else person


def _ways(names: pd.Index) -> tuple[np.ndarray, ...] | None:
    if names.nlevels == 1:
        return None
    return tuple(np.unique(names.get_level_values(level), return_inverse=True)[1] for level in range(names.nlevels))


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
