"""Annotations of raters: shares of votes per class, multiple labels, and the scores of human listeners."""

import json

import numpy as np
import pandas as pd

from mer import stats
from mer.corpora import Corpus
from mer.dataset.manifest.labels import Mapping


def vote_shares(manifest: pd.DataFrame, mappings: dict[str, Mapping], classes: tuple[str, ...]) -> np.ndarray:
    """Return the votes of raters for each utterance as shares of the classes.

    Args:
        manifest: rows with `corpus` and `emotion_vector`.
        mappings: corpus -> the mapping of its labels; other corpora have no votes.
        classes: the classes of the policy.

    Returns:
        float64 of shape (rows, classes + 1), each row sums to 1. The last column holds votes for no class, or votes
        that the corpus does not publish. A row without votes is NaN.
    """
    shares = np.full((len(manifest), len(classes) + 1), np.nan)
    index = {name: i for i, name in enumerate(classes)}
    for row, (corpus, vector) in enumerate(zip(manifest["corpus"], manifest["emotion_vector"], strict=True)):
        if corpus not in mappings or pd.isna(vector):
            continue
        shares[row] = 0.0
        for native, share in json.loads(vector).items():
            name = mappings[corpus](native, native)
            shares[row, index[name] if name else -1] += share
        shares[row, -1] += max(0.0, 1 - shares[row].sum())
    return shares


def multi_hot(manifest: pd.DataFrame, mappings: dict[str, Mapping], classes: tuple[str, ...]) -> np.ndarray:
    """Return the classes of each utterance, for corpora in which several emotions can occur together.

    An utterance has each class with an intensity above zero, as CMU-MOSEI's authors define it.

    Returns:
        bool of shape (rows, classes); a row without intensities has its one class.
    """
    hot = np.array([[name == emotion for name in classes] for emotion in manifest["emotion"]], dtype=bool)
    index = {name: i for i, name in enumerate(classes)}
    for row, (corpus, vector) in enumerate(zip(manifest["corpus"], manifest["emotion_vector"], strict=True)):
        if corpus not in mappings or pd.isna(vector):
            continue
        present = {mappings[corpus](native, native) for native, value in json.loads(vector).items() if value > 0}
        if present - {None}:
            hot[row] = False
            hot[row, [index[name] for name in present if name]] = True
    return hot


def training_targets(
    manifest: pd.DataFrame, corpora: dict[str, Corpus], mappings: dict[str, Mapping], classes: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return the targets that `training.targets` can select instead of one class.

    `soft` holds the shares of votes among the classes; votes for no class are ignored. `multi_label` is 1 for every
    class of the utterance. If a corpus publishes neither, both hold the utterance's one class.

    Args:
        manifest: usable rows.
        corpora: the corpora of the study.
        mappings: corpus -> the mapping of its labels.
        classes: the classes of the policy.

    Returns:
        `soft` and `multi_label`, float32 of shape (rows, classes) each.
    """
    several = {name: mapping for name, mapping in mappings.items() if corpora[name].multi_label}
    single = {name: mapping for name, mapping in mappings.items() if name not in several}
    shares = np.nan_to_num(vote_shares(manifest, single, classes)[:, :-1])
    rated_share = shares.sum(axis=1, keepdims=True)
    single_class = multi_hot(manifest, {}, classes).astype(float)
    soft = np.divide(shares, rated_share, out=single_class, where=rated_share > 0)
    return {"soft": soft.astype(np.float32), "multi_label": multi_hot(manifest, several, classes).astype(np.float32)}


def listener_scores(
    usable: pd.DataFrame,
    corpora: dict[str, Corpus],
    mappings: dict[str, Mapping],
    classes: tuple[str, ...],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the UAR of human listeners for each corpus that publishes their votes: an upper bound for scores.

    The UAR of one listener is the share of votes that equal the label, averaged over the clips of a class and then over
    classes. If the raters made the label (IEMOCAP, CREMA-D as perceived), it is their agreement, and too high.

    Returns:
        columns corpus, UAR, low, high, chance, n, speakers.
    """
    single = {name: mapping for name, mapping in mappings.items() if not corpora[name].multi_label}
    shares, rows = vote_shares(usable, single, classes), []
    rated = usable.assign(row=np.arange(len(usable)))[~np.isnan(shares[:, 0])]
    for corpus, members in rated.groupby("corpus", sort=True):
        cluster = corpora[corpus].cluster
        cluster_of_row = members[cluster if isinstance(cluster, str) else cluster[0]]
        clusters = sorted(cluster_of_row.unique())
        confusions = np.zeros((len(clusters), len(classes) + 1, len(classes) + 1))
        positions = cluster_of_row.map({name: i for i, name in enumerate(clusters)})
        truth = members["emotion"].map({name: i for i, name in enumerate(classes)})
        np.add.at(confusions, (positions.to_numpy(int), truth.to_numpy(int)), shares[members["row"]])
        interval = stats.jackknife(confusions, confidence=confidence)
        k = members["emotion"].nunique()
        speakers = members["speaker_id"].nunique()
        rows.append((corpus, interval.point, interval.low, interval.high, 1 / k, len(members), speakers))
    return pd.DataFrame(rows, columns=["corpus", "UAR", "low", "high", "chance", "n", "speakers"])
