"""Figures of differences: between systems, slices, metrics and splits."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.comparison.sensitivity import SPLIT_NAMES
from mer.evaluation.protocols.random_split import RANDOM
from mer.report.style.axes import add_legend, empty_figure, heat_map, label_rows, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.numbers import chance, short
from mer.report.style.palette import EMOTIONS, Style, escape_mathtext, in_order, styles
from mer.report.text.comparisons import SIGNIFICANT
from mer.stats import CONFUSION_METRICS

MAX_GAPS = 40
"""The largest number of gaps between slices in one figure."""


def difference_forest(table: pd.DataFrame, reason: str = "") -> Axes:
    """Draw the difference of each system from the reference on each held-out corpus; hollow if not significant.

    Args:
        table: from `comparison.compare`.
        reason: why the table is empty.
    """
    rows = table.dropna(subset=["difference"])
    if rows.empty:
        return empty_figure(f"There is no comparison: {reason or 'no two systems were tested on the same clips'}.")
    corpora = sorted(set(rows["test_corpus"]) - {MEAN}) + [MEAN] * (MEAN in set(rows["test_corpus"]))
    looks = styles(sorted(rows["system"].unique()))
    ax = new_figure(height=rows_height(len(corpora), 0.2 + 0.15 * len(looks)))[1]
    filled = rows["verdict"].isin(SIGNIFICANT)
    points = rows.assign(row=rows["test_corpus"], group=rows["system"], value=rows["difference"], filled=filled)
    forest(ax, points, looks, corpora)
    if corpora[-1] == MEAN:
        ax.axhline(len(corpora) - 1.5, color="black", linewidth=0.5)
    _mark_zero(ax)
    reference = rows["reference"].iloc[0]
    ax.set(xlabel=f"UAR minus UAR of {escape_mathtext(reference)} (mean: chance-corrected)")
    title = f"{filled.sum()} of {len(rows)} differences from {reference} are significant (filled)."
    return set_title(ax, title)


def gap_forest(gaps: pd.DataFrame) -> Axes:
    """Draw differences between slices of a corpus, the widest if there are many; hollow if not significant.

    Args:
        gaps: from `slices.score`, of one system.
    """
    scored = gaps.dropna(subset=["gap"])
    if scored.empty:
        return empty_figure("No corpus has two slices that are large enough to be compared.")
    rows = scored.loc[scored["gap"].abs().nlargest(MAX_GAPS).index]
    looks = styles(dict.fromkeys(rows["attribute"]))
    rows = rows.assign(at=rows["attribute"].map(list(looks).index)).sort_values(["at", "test_corpus", "slice"])
    ax = new_figure(height=rows_height(len(rows), 0.25))[1]
    places, filled = [str(number) for number in range(len(rows))], rows["verdict"].isin(SIGNIFICANT)
    points = rows.assign(row=places, group=rows["attribute"], value=rows["gap"], filled=filled)
    forest(ax, points, looks, places, dodge=0.0)
    label_rows(
        ax, [f"{c}: {first} − {second}" for c, first, second in rows[["test_corpus", "slice", "than"]].to_numpy()]
    )
    _mark_zero(ax)
    ax.set(xlabel="difference in UAR")
    significant = scored["verdict"].isin(SIGNIFICANT).sum()
    widest = f" The {MAX_GAPS} widest are drawn." if len(scored) > MAX_GAPS else ""
    title = f"{significant} of {len(scored)} gaps between slices are significant (filled).{widest}"
    return set_title(ax, title)


def recall_heatmap(recalls: pd.DataFrame, classes: Sequence[str] = EMOTIONS) -> Axes:
    """Draw the recall of each class of each held-out corpus; grey if the corpus does not have the class.

    Args:
        recalls: from `slices.recalls`, of one system and protocol.
        classes: the classes of the policy, in the order of columns.
    """
    if recalls.empty:
        return empty_figure("No corpus has been held out.")
    wide = recalls.pivot(index="test_corpus", columns="emotion", values="recall")
    wide = wide[in_order(wide.columns, classes)]
    ax = new_figure(height=rows_height(len(wide), 0.4) + 0.4)[1]
    texts = np.vectorize(lambda share: "" if np.isnan(share) else short(share, 2))(wide.to_numpy())
    heat_map(ax, wide.to_numpy(), texts, list(wide.index), list(wide.columns))
    ax.set(xlabel="class (free predictions)", ylabel="held-out corpus")
    return set_title(ax, "Recall of each class, without intervals; grey: the corpus does not have the class.")


def metric_dots(table: pd.DataFrame, system: str) -> Axes:
    """Draw the score of one system's predictions under each metric, one row per held-out corpus.

    Args:
        table: from `sensitivity.metric_sensitivity`, of one protocol.
    """
    rows = table[table["system"] == system].sort_values("test_corpus")
    if rows.empty:
        return empty_figure(f"{system} has not been tested on a held-out corpus.")
    names, looks = list(rows["test_corpus"]), styles(metric.title for metric in CONFUSION_METRICS.values())
    ax, y, columns = new_figure(height=rows_height(len(rows), 0.4))[1], np.arange(len(rows)), list(CONFUSION_METRICS)
    ax.hlines(y, rows[columns].min(axis=1), rows[columns].max(axis=1), color="grey", linewidth=0.7)
    points = rows.rename(columns={"test_corpus": "row"}).melt("row", columns, "group", "value")
    points["group"] = [CONFUSION_METRICS[name].title for name in points["group"]]
    forest(ax, points.assign(low=np.nan, high=np.nan, filled=True), looks, names, dodge=0.4)
    ax.vlines(chance(rows), y - 0.4, y + 0.4, color="grey", linestyle=":", label="chance (UAR)")
    ax.set(xlim=(0, 1), xlabel="score of the same predictions")
    add_legend(ax)
    widest = rows.loc[rows["points"].idxmax()]
    title = f"Metrics differ by up to {widest['points']:.1f} points, on {widest['test_corpus']}."
    return set_title(ax, title)


def split_dots(inflation: pd.DataFrame) -> Figure | Axes:
    """Draw the score of each system in each corpus with a random split, a split by speaker, and held out.

    Args:
        inflation: from `sensitivity.split_inflation`.
    """
    scored = inflation.dropna(subset=["split_value"])
    rows = scored[scored["test_corpus"] != MEAN]
    if rows.empty:
        return empty_figure("No corpus has been split in two ways.")
    corpora, looks = sorted(rows["test_corpus"].unique()), styles(SPLIT_NAMES.values())
    systems = list(dict.fromkeys(rows["system"]))
    figure, axes = new_figure(len(systems), rows_height(len(corpora), 0.4))
    for ax, system in zip(np.atleast_1d(axes), systems, strict=True):
        _split_row(ax, rows[rows["system"] == system], corpora, looks)
        ax.set(xlim=(0, 1), xlabel=f"{escape_mathtext(rows['metric'].iloc[0])}, {rows['answers'].iloc[0]} predictions")
        set_title(ax, _inflation_title(scored[scored["system"] == system]))
    handles, labels = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=8)
    return figure


def _split_row(ax: Axes, steps: pd.DataFrame, corpora: list[str], looks: dict[str, Style]) -> None:
    """One system: a row per corpus with a dot per split, joined by a line."""
    sides = [
        steps[["test_corpus", split, value]].set_axis(["row", "group", "value"], axis=1)
        for split, value in (("split", "split_value"), ("than", "than_value"))
    ]
    points = pd.concat(sides).dropna().drop_duplicates(["row", "group"], keep="last")
    ends = points.groupby("row")["value"].agg(["min", "max"]).reindex(corpora)
    ax.hlines(range(len(corpora)), ends["min"], ends["max"], color="grey", linewidth=1)
    forest(ax, points.assign(low=np.nan, high=np.nan, filled=True), looks, corpora, dodge=0.0)


def _inflation_title(steps: pd.DataFrame) -> str:
    """One system: how much a random split adds to its scores, as the mean over corpora if there are several."""
    random = steps[(steps["split"] == SPLIT_NAMES[RANDOM]) & (steps["than"] == SPLIT_NAMES["in_corpus"])]
    if random.empty:
        return steps["system"].iloc[0]
    last = random.iloc[-1]  # the mean is the last row
    return f"{last['system']}: a random split adds {last['points']:.1f} points"


def _mark_zero(ax: Axes) -> None:
    ax.axvline(0, color="grey", linestyle=":", linewidth=1.5)
    add_legend(ax)
