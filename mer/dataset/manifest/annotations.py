"""What raters answered: distributions over classes, labels that occur together, and how well people do."""

import json

import numpy as np
import pandas as pd

from mer import stats
from mer.corpora import Corpus
from mer.dataset.manifest.labels import Mapping


def distributions(manifest: pd.DataFrame, mappings: dict[str, Mapping], classes: tuple[str, ...]) -> np.ndarray:
    """Return the raters' answers to each utterance as shares of the classes.

    Args:
        manifest: rows with `corpus` and `emotion_vector`.
        mappings: corpus -> what the policy makes of its labels; corpora not named have no votes.

    Returns:
        float64 of shape (rows, classes + 1), each row sums to 1: the last column is answers that belong to no class,
        or that the corpus does not tell. A row without votes is NaN.
    """
    found = np.full((len(manifest), len(classes) + 1), np.nan)
    index = {name: i for i, name in enumerate(classes)}
    for row, (corpus, vector) in enumerate(zip(manifest["corpus"], manifest["emotion_vector"], strict=True)):
        if corpus not in mappings or pd.isna(vector):
            continue
        found[row] = 0.0
        for native, share in json.loads(vector).items():
            name = mappings[corpus](native, native)
            found[row, index[name] if name else -1] += share
        found[row, -1] += max(0.0, 1 - found[row].sum())
    return found


def multi_hot(manifest: pd.DataFrame, mappings: dict[str, Mapping], classes: tuple[str, ...]) -> np.ndarray:
    """Return which classes each utterance has, for corpora whose emotions occur together.

    A class is there where its intensity is above zero, as CMU-MOSEI's authors define it.

    Returns:
        bool of shape (rows, classes); a row without intensities has its one class.
    """
    found = np.array([[name == emotion for name in classes] for emotion in manifest["emotion"]], dtype=bool)
    index = {name: i for i, name in enumerate(classes)}
    for row, (corpus, vector) in enumerate(zip(manifest["corpus"], manifest["emotion_vector"], strict=True)):
        if corpus not in mappings or pd.isna(vector):
            continue
        present = {mappings[corpus](native, native) for native, value in json.loads(vector).items() if value > 0}
        if present - {None}:
            found[row] = False
            found[row, [index[name] for name in present if name]] = True
    return found


def targets(
    manifest: pd.DataFrame, known: dict[str, Corpus], mappings: dict[str, Mapping], classes: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return what `training.targets` may ask for besides one class.

    `soft`: the raters' votes among the classes, as shares; answers outside of the classes say nothing. `multi_label`:
    1 for every class that is there. Where a corpus does not tell, both are the utterance's one class.

    Args:
        manifest: usable rows.

    Returns:
        float32 of shape (rows, classes) each.
    """
    several = {name: mapping for name, mapping in mappings.items() if known[name].multi_label}
    single = {name: mapping for name, mapping in mappings.items() if name not in several}
    shares = np.nan_to_num(distributions(manifest, single, classes)[:, :-1])
    heard = shares.sum(axis=1, keepdims=True)
    one = multi_hot(manifest, {}, classes).astype(float)
    soft = np.divide(shares, heard, out=one, where=heard > 0)
    return {"soft": soft.astype(np.float32), "multi_label": multi_hot(manifest, several, classes).astype(np.float32)}


def listeners(
    usable: pd.DataFrame,
    known: dict[str, Corpus],
    mappings: dict[str, Mapping],
    classes: tuple[str, ...],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return how well people recognise the labels of each corpus that has their answers: a ceiling for scores.

    UAR of one listener: the share of answers that equal the label, averaged over the clips of a class and then over
    classes. Where the raters made the label (IEMOCAP, CREMA-D as perceived), it is their agreement, and flatters.

    Returns:
        columns corpus, UAR, low, high, chance, n, speakers.
    """
    single = {name: mapping for name, mapping in mappings.items() if not known[name].multi_label}
    answers, rows = distributions(usable, single, classes), []
    rated = usable.assign(row=np.arange(len(usable)))[~np.isnan(answers[:, 0])]
    for corpus, part in rated.groupby("corpus", sort=True):
        cluster = known[corpus].cluster
        told = part[cluster if isinstance(cluster, str) else cluster[0]]
        clusters = sorted(told.unique())
        confusions = np.zeros((len(clusters), len(classes) + 1, len(classes) + 1))
        where = told.map({name: i for i, name in enumerate(clusters)})
        truth = part["emotion"].map({name: i for i, name in enumerate(classes)})
        np.add.at(confusions, (where.to_numpy(int), truth.to_numpy(int)), answers[part["row"]])
        interval = stats.jackknife(confusions, confidence=confidence)
        k = part["emotion"].nunique()
        speakers = part["speaker_id"].nunique()
        rows.append((corpus, interval.point, interval.low, interval.high, 1 / k, len(part), speakers))
    return pd.DataFrame(rows, columns=["corpus", "UAR", "low", "high", "chance", "n", "speakers"])
