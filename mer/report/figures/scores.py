"""Figures of the results: UAR by corpus, confusions, shortcuts and Shapley values."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from mer.dataset.audit.shortcuts.severities import WARNING_SHARE
from mer.report.style.axes import add_legend, empty_figure, heat_map, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.numbers import chance, select, short
from mer.report.style.palette import styles
from mer.report.style.symbols import flag_caption, names_with_symbols
from mer.stats import chance_corrected

OTHERS = "all others (LOCO)"
"""The row of the cross-corpus matrix for training on all other corpora."""


def loco_forest(results: pd.DataFrame, answers: str = "free") -> Axes:
    """Draw the UAR on each held-out corpus: a point and interval per system, and chance as a grey line."""
    rows = select(results, "loco", answers).dropna(subset=["value"])
    if rows.empty:
        return empty_figure("No corpus has been held out.")
    corpora, looks = sorted(rows["test_corpus"].unique()), styles(sorted(rows["label"].unique()))
    ax = new_figure(height=rows_height(len(corpora), 0.2 + 0.18 * len(looks)))[1]
    names = dict(zip(corpora, names_with_symbols(corpora, rows), strict=True))
    points = rows.assign(row=rows["test_corpus"].map(names), group=rows["label"], filled=True)
    forest(ax, points, looks, list(names.values()))
    guessing = chance(rows).groupby(rows["test_corpus"]).first().reindex(corpora).to_numpy(float)
    y = np.arange(len(corpora))
    ax.vlines(guessing, y - 0.42, y + 0.42, color="grey", linestyle=":", linewidth=2, label="chance")
    ax.set(xlim=(0, 1), xlabel=f"UAR, {answers} predictions")
    add_legend(ax)
    title = "UAR on corpora that were held out of training, selection and scaling."
    return set_title(ax, title + flag_caption(rows))


def matrix_heatmap(results: pd.DataFrame, system: str, answers: str) -> Axes:
    """Draw training × test corpora: the number is the UAR, the colour the chance-corrected UAR, grey is no result.

    Training and testing on one corpus is cross-validation within it. The last row is LOCO.
    """
    rows = select(results, answers=answers)
    rows = rows[(rows["system"] == system) & rows["protocol"].isin(["cross_corpus", "in_corpus", "loco"])]
    if rows.empty:
        return empty_figure(f"{system} has no cross-corpus results.")
    rows = rows.assign(train=rows["train_corpora"].where(rows["protocol"] != "loco", OTHERS).astype(object))
    tests = sorted(rows["test_corpus"].unique())
    trains = sorted(set(rows["train"]) - {OTHERS}) + [OTHERS] * (OTHERS in set(rows["train"]))
    rows = rows.drop_duplicates(["train", "test_corpus"])
    uars, choices = (_matrix(rows.assign(choices=1 / chance(rows)), c, trains, tests) for c in ("value", "choices"))
    ax = new_figure(height=rows_height(len(trains), 0.4) + 0.6)[1]
    colour = np.clip(chance_corrected(uars, np.nan_to_num(choices)), 0, 1)
    heat_map(ax, colour, np.vectorize(short)(uars), trains, names_with_symbols(tests, rows))
    ax.set(xlabel="tested on", ylabel="trained on")
    title = f"UAR of {system}, {answers} predictions; the colour is the chance-corrected UAR."
    return set_title(ax, title + flag_caption(rows))


def shortcut_forest(scores: pd.DataFrame) -> Axes:
    """Draw the chance-corrected UAR of each shortcut classifier in each corpus: 0 is guessing, 1 is perfect.

    A shortcut is filled if it is flagged. It is a warning if its whole interval lies beyond the dashed line.

    Args:
        scores: columns corpus, shortcut, UAR, low, high, chance, flagged.
    """
    if scores.empty:
        return empty_figure("No shortcut could be scored.")
    corpora, looks = list(dict.fromkeys(scores["corpus"])), styles(dict.fromkeys(scores["shortcut"]))
    ax = new_figure(height=rows_height(len(corpora), 0.2 + 0.07 * len(looks)))[1]
    corrected = {
        name: chance_corrected(scores[column].to_numpy(float), 1 / scores["chance"])
        for name, column in (("value", "UAR"), ("low", "low"), ("high", "high"))
    }
    points = scores.assign(row=scores["corpus"], group=scores["shortcut"], filled=scores["flagged"], **corrected)
    forest(ax, points, looks, corpora, dodge=0.7)
    ax.axvline(0, color="grey", linestyle=":", linewidth=2, label="chance")
    ax.axvline(WARNING_SHARE, color="grey", linestyle="--", linewidth=1, label="limit of a warning")
    ax.set(xlabel="chance-corrected UAR")
    add_legend(ax)
    return set_title(ax, "Scores of shortcut classifiers; flagged ones are filled.")


def confusion_heatmap(confusion: ArrayLike, classes: list[str], predictions: pd.DataFrame | None = None) -> Axes:
    """Draw the share of each class's clips that each class was predicted for; classes without clips are grey.

    Args:
        confusion: counts, (k, k), rows are the truth.
        classes: names of the k classes.
        predictions: the counted predictions; the caption then names breaches that affect their corpora.
    """
    counts = np.asarray(confusion, float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    ax = new_figure(height=rows_height(len(classes), 0.4) + 0.4)[1]
    names = [f"{name} ({int(total):,})" for name, total in zip(classes, totals[:, 0], strict=True)]
    heat_map(ax, shares, np.vectorize(lambda share: short(share, 2))(shares), names, list(classes))
    ax.set(xlabel="predicted class", ylabel="true class (clips)")
    if not totals.any():
        return set_title(ax, "There are no predictions.")
    caption = "" if predictions is None else flag_caption(predictions, in_figure=False)
    return set_title(ax, f"Share of {int(totals.sum()):,} predictions by true class; the diagonal is recall.{caption}")


def class_heatmap(rows: pd.DataFrame) -> Axes:
    """Draw precision, recall and F1 of each class.

    Args:
        rows: columns class, precision, recall, F1, support.
    """
    ax = new_figure(height=rows_height(len(rows), 0.4) + 0.4)[1]
    names = [f"{name} ({int(n):,})" for name, n in zip(rows["class"], rows["support"], strict=True)]
    values = rows[["precision", "recall", "F1"]].to_numpy(float)
    heat_map(ax, values, np.vectorize(lambda value: short(value, 2))(values), names, ["precision", "recall", "F1"])
    ax.set(ylabel="true class (clips)")
    return set_title(ax, "Precision, recall and F1 of each class")


def shapley_heatmap(values: pd.DataFrame, reason: str = "", player: str = "training corpus") -> Axes:
    """Draw how much each training corpus, or input, adds to the UAR on each test corpus.

    As in `matrix_heatmap`, rows train and columns are tested; a column sums to the whole gain over guessing.

    Args:
        values: columns target, player, value, flagged, accepted.
        reason: why there are no values.
        player: what adds to the UAR.
    """
    if values.empty:
        return empty_figure(f"Not computed: {reason or 'no corpus is tested on which another corpus trains'}.")
    table = values.pivot(index="player", columns="target", values="value")
    ax = new_figure(height=rows_height(len(table), 0.4) + 0.4)[1]
    gains = table.to_numpy(float)
    texts = np.vectorize(lambda value: "" if np.isnan(value) else f"{value:+.3f}")(gains)
    names = names_with_symbols(list(table.columns), values.assign(test_corpus=values["target"].astype(object)))
    heat_map(ax, gains / (np.nanmax(np.abs(gains)) or 1.0), texts, list(table.index), names)
    ax.set(xlabel="tested on", ylabel=player)
    title = f"What each {player} adds to the UAR of a ridge classifier; a column sums to its gain over guessing."
    return set_title(ax, title + flag_caption(values))


def _matrix(rows: pd.DataFrame, column: str, index: list[str], columns: list[str]) -> NDArray:
    wide = rows.assign(number=rows[column].astype("Float64")).pivot(
        index="train", columns="test_corpus", values="number"
    )
    return wide.reindex(index=index, columns=columns).to_numpy(float, na_value=np.nan)
