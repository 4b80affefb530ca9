"""Confusions per speaker: counts of predictions, from which scores, intervals and comparisons are computed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer import stats
from mer.dataset.identity import speakers

KEYS = ("system", "protocol", "train_corpora", "test_corpus")
"""The columns of predictions and results that identify what was tested."""
ANSWERS = ("free", "restricted")
"""The kinds of predictions: among all classes of the policy, or among the classes of the test corpus."""
Cluster = str | tuple[str, ...]
"""The column over which intervals are computed, such as speaker_id, or two: speaker_id and dialogue_id."""


@dataclass(frozen=True)
class Scoring:
    """How the predictions of a study are scored.

    Attributes:
        classes: the classes of the policy, in order.
        clusters: test corpus -> the column over which its intervals are computed, or two columns.
        confidence: confidence of the intervals, in (0, 1).
    """

    classes: tuple[str, ...]
    clusters: Mapping[str, Cluster]
    confidence: float = 0.95


class PredictionError(ValueError):
    """Predictions that cannot be counted: some are missing or contradict one another."""


@dataclass(frozen=True)
class SpeakerConfusions:
    """Confusions of one system on one corpus, per seed and cluster.

    Attributes:
        confusions: int of shape (seeds, clusters, k, k); rows are classes, columns predictions.
        seeds: the seeds, in ascending order.
        clusters: names of the clusters; of two kinds, pairs of names: one row for each speaker in each dialogue.
        groupings: of two kinds of clusters, the number of each row's cluster of either kind; None for one kind.
        cluster_name: the kind of the clusters, such as "speakers" or "speakers and dialogues".
        n: number of utterances.
        speakers: number of speakers.
        classes: number of classes that occur.
        deterministic: whether training is deterministic, so that one seed is enough.
        training: the training corpora, joined by +.
    """

    confusions: np.ndarray
    seeds: tuple[int, ...]
    clusters: tuple
    groupings: tuple[np.ndarray, ...] | None
    cluster_name: str
    n: int
    speakers: int
    classes: int
    deterministic: bool
    training: str

    @property
    def n_clusters(self) -> int:
        """The number of clusters with an utterance; of two kinds, the smaller number."""
        observed = self.confusions.any((0, 2, 3))
        groupings = self.groupings or (np.arange(len(observed)),)
        return min(len(np.unique(grouping[observed])) for grouping in groupings)

    @property
    def repeats(self) -> bool:
        """Whether the variation between trainings is known: there are several seeds, or training is deterministic."""
        return self.deterministic or len(self.seeds) > 1


def columns(cluster: Cluster) -> tuple[str, ...]:
    """Return the columns of a cluster, one or two."""
    return (cluster,) if isinstance(cluster, str) else tuple(cluster)


def cluster_name(cluster: Cluster) -> str:
    """Return the kind of the clusters, for tables and sentences.

    >>> cluster_name("speaker_id"), cluster_name(("speaker_id", "dialogue_id"))
    ('speakers', 'speakers and dialogues')
    """
    return " and ".join(f"{column.removesuffix('_id')}s" for column in columns(cluster))


def cluster_keys(part: pd.DataFrame, cluster: Cluster) -> pd.Index:
    """Return the cluster of each row; of two kinds, the pair of both."""
    names = columns(cluster)
    return pd.Index(part[names[0]]) if len(names) == 1 else pd.MultiIndex.from_frame(part[list(names)])


def count(
    part: pd.DataFrame, answers: str, classes: tuple[str, ...], cluster: Cluster, clusters: pd.Index | None = None
) -> SpeakerConfusions:
    """Count the predictions of one system on one corpus.

    Args:
        part: rows of a predictions table, one row per utterance and seed.
        answers: free or restricted.
        classes: classes of the policy, in order.
        cluster: the column over which intervals are computed, such as speaker_id, or two.
        clusters: all cluster names in order, including clusters without an utterance in `part`, as from
            `cluster_keys`; by default those in `part`.

    Raises:
        PredictionError: there is no row; a prediction or label is missing or is no class; an utterance occurs twice
            with one seed; or seeds have different utterances.
    """
    if answers not in ANSWERS:
        raise ValueError(f"answers are {' or '.join(ANSWERS)}, not {answers!r}")
    if part.empty:
        raise PredictionError("no predictions: there is nothing to count")
    index = pd.Index(classes)
    truth, predicted = (index.get_indexer(part[column]) for column in ("emotion", answers))
    _check_classes(part, {"emotion": truth, answers: predicted})
    for column in columns(cluster):
        if part[column].isna().any():
            raise PredictionError(f"some rows have no {column}: fill it in or leave them out")
    seed, seeds = _seeds(part)
    keys = cluster_keys(part, cluster)
    names = keys.unique().sort_values() if clusters is None else pd.Index(clusters)
    positions = names.get_indexer(keys)
    if (positions < 0).any():
        raise ValueError(f"{keys[int(np.argmin(positions))]} is not among `clusters`")
    counts = np.zeros((len(seeds), len(names), len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (seed, positions, truth, predicted), 1)
    total = counts[0].sum(axis=0)
    return SpeakerConfusions(
        counts, seeds, tuple(names), _groupings(names), cluster_name(cluster), int(total.sum()),
        part["speaker_id"].nunique(), int((total.sum(axis=1) > 0).sum()),
        bool(part["deterministic"].all()) if "deterministic" in part else False,
        "+".join(sorted(part["train_corpora"].unique())) if "train_corpora" in part else "",
    )  # fmt: skip


def _check_classes(part: pd.DataFrame, numbers: dict[str, np.ndarray]) -> None:
    """Refuse values that are no class; column -> class numbers, -1 if there is none."""
    for column, values in numbers.items():
        if (bad := values < 0).any():
            row = part[bad].iloc[0]
            raise PredictionError(
                f"{bad.sum()} of {len(part)} rows have no class in `{column}`, the first is {row['utterance_id']} of "
                f"{row['system']} ({row[column]!r}); leave them out, or find out why they are missing"
            )


def _seeds(part: pd.DataFrame) -> tuple[np.ndarray, tuple[int, ...]]:
    """The number of each row's seed, and the seeds; each has to have every utterance once."""
    (seed, seeds), utterance = pd.factorize(part["seed"], sort=True), pd.factorize(part["utterance_id"])[0]
    if np.bincount(utterance * len(seeds) + seed).max() > 1:
        raise PredictionError(
            "an utterance has two predictions with one seed: count one system, protocol and training at a time"
        )
    if np.bincount(utterance).min() < len(seeds):
        raise PredictionError("seeds have different utterances, so a cell is missing: run the step again")
    return seed, tuple(int(s) for s in seeds)


def no_interval_reason(counts: SpeakerConfusions, classes: tuple[str, ...]) -> str:
    """Return why there is no interval over clusters; empty text if there is one.

    Args:
        classes: the classes of the counts, in order.
    """
    kinds, observed = counts.cluster_name.split(" and "), counts.confusions.any((0, 2, 3))
    groupings = counts.groupings or (np.arange(len(observed)),)
    for kind, grouping in zip(kinds, groupings, strict=True):
        if (number := len(np.unique(grouping[observed]))) < stats.MIN_CLUSTERS:
            return f"{number} {kind.removesuffix('s') if number == 1 else kind}"
    utterances = counts.confusions[0].sum(axis=-1)
    for kind, grouping in zip(kinds, groupings, strict=True):
        has_one_cluster = (stats.sum_by_group(utterances, grouping) > 0).sum(axis=0) == 1
        if has_one_cluster.any():
            names = [name for name, is_single in zip(classes, has_one_cluster, strict=True) if is_single]
            return f"{' and '.join(names)} said by one {kind.removesuffix('s')}"
    return ""


def merge_family(
    parts: Mapping[str, SpeakerConfusions],
) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
    """Return corpora of one family as one, because the same speakers may occur in several of them.

    Args:
        parts: corpus -> its confusions, all of one system.

    Returns:
        confusions: int of shape (seeds, rows, corpora * k, corpora * k), a row per speaker (and dialogue) and a block
            per corpus.
        groupings: as in `SpeakerConfusions`.

    Raises:
        PredictionError: corpora have different numbers of seeds.
    """
    if len(seeds := {len(part.seeds) for part in parts.values()}) > 1:
        numbers = " and ".join(map(str, sorted(seeds)))
        raise PredictionError(
            f"{', '.join(parts)} are of one family and have {numbers} seeds; "
            "predict all corpora of a family with the same seeds"
        )
    has_two = any(part.groupings is not None for part in parts.values())
    codes = {corpus: [_name_in_family(name, corpus, has_two) for name in part.clusters]
             for corpus, part in parts.items()}  # fmt: skip
    names = sorted(set().union(*codes.values()))
    row, k = {name: number for number, name in enumerate(names)}, next(iter(parts.values())).confusions.shape[-1]
    merged = np.zeros((seeds.pop(), len(names), len(parts) * k, len(parts) * k), dtype=np.int64)
    for number, (corpus, part) in enumerate(parts.items()):
        block = slice(number * k, (number + 1) * k)
        merged[:, [row[code] for code in codes[corpus]], block, block] = part.confusions
    return merged, _groupings(pd.MultiIndex.from_tuples(names)) if has_two else None


def _name_in_family(name: str | tuple[str, ...], corpus: str, has_two: bool) -> str | tuple[str, ...]:
    """A cluster's name in its family: all of its corpora share speakers, and they share no dialogues."""
    speaker, *rest = (name,) if isinstance(name, str) else name
    speaker = speakers.anonymous_code(corpus, speaker)
    return (speaker, *(rest or (speaker,))) if has_two else speaker


def _groupings(names: pd.Index) -> tuple[np.ndarray, ...] | None:
    if names.nlevels == 1:
        return None
    return tuple(np.unique(names.get_level_values(level), return_inverse=True)[1] for level in range(names.nlevels))


def per_block(statistic: stats.Statistic, k: int) -> stats.Statistic:
    """Return the mean of a statistic over the blocks that `merge_family` makes, k classes each."""

    def mean(confusions: np.ndarray) -> np.ndarray:
        starts = range(0, confusions.shape[-1], k)
        return np.mean([statistic(confusions[..., a : a + k, a : a + k]) for a in starts], axis=0)

    return mean
