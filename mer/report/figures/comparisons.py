"""Figures of differences: between systems, metrics, splits and parts of a corpus, and beside published numbers."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.comparison.ranking import MIN_CORPORA_IN_DIAGRAM
from mer.evaluation.comparison.sensitivity import SPLIT_NAMES
from mer.evaluation.protocols.cells import RANDOM
from mer.evaluation.scores.scores import METRICS
from mer.report.figures.results import explained
from mer.report.style.axes import canvas, entitle, heat_map, legend_beside, name_rows, nothing, rows_height
from mer.report.style.numbers import guessing, short
from mer.report.style.palette import COLOURS, Style, in_order, plain, styles
from mer.report.text.comparisons import SHOWN

GREY = "#8A8A8A"
MOST = 40
"""gaps in one picture"""


def difference_forest(table: pd.DataFrame, why_not: str = "") -> Axes:
    """Draw by how much each system is ahead of the reference on each held-out corpus; hollow where it is not shown.

    Args:
        table: as from `comparison.compare`.
        why_not: why it is empty.
    """
    rows = table.dropna(subset=["difference"])
    if rows.empty:
        return nothing(
            canvas()[1], f"Nothing is compared: {why_not or 'no two systems were tested on the same clips'}."
        )
    corpora = sorted(set(rows["test_corpus"]) - {MEAN}) + [MEAN] * (MEAN in set(rows["test_corpus"]))
    looks = styles(sorted(rows["system"].unique()))
    ax = canvas(height=rows_height(len(corpora), 0.2 + 0.15 * len(looks)))[1]
    for offset, (system, look) in zip(_offsets(len(looks)), looks.items(), strict=True):
        part = rows[rows["system"] == system]
        y = [corpora.index(name) + offset for name in part["test_corpus"]]
        _intervals(ax, part, y, "difference", look, system, part["verdict"].isin(SHOWN))
    if corpora[-1] == MEAN:
        ax.axhline(len(corpora) - 1.5, color="black", linewidth=0.5)
    _around_zero(ax, corpora)
    reference = rows["reference"].iloc[0]
    ax.set(xlabel=f"UAR minus that of {plain(reference)} (the mean: chance-corrected)")
    shown = rows["verdict"].isin(SHOWN).sum()
    return entitle(ax, f"{shown} of {len(rows)} differences from {reference} are shown; hollow ones are not.")


def gap_forest(gaps: pd.DataFrame) -> Axes:
    """Draw how far apart slices of a corpus are; hollow where that is not shown. Of many, the widest.

    Args:
        gaps: as from `slices.score`, of one system.
    """
    known = gaps.dropna(subset=["gap"])
    if known.empty:
        return nothing(canvas()[1], "No corpus has two slices that are large enough to be compared.")
    rows = known.loc[known["gap"].abs().nlargest(MOST).index]
    looks = styles(dict.fromkeys(rows["attribute"]))
    rows = rows.assign(at=rows["attribute"].map(list(looks).index)).sort_values(["at", "test_corpus", "slice"])
    ax = canvas(height=rows_height(len(rows), 0.25))[1]
    for attribute, look in looks.items():
        mine = (rows["attribute"] == attribute).to_numpy()
        part = rows[mine]
        _intervals(ax, part, np.flatnonzero(mine), "gap", look, attribute, part["verdict"].isin(SHOWN))
    _around_zero(ax, [f"{c}: {one} − {than}" for c, one, than in rows[["test_corpus", "slice", "than"]].to_numpy()])
    ax.set(xlabel="difference in UAR")
    shown = known["verdict"].isin(SHOWN).sum()
    widest = f" (The {MOST} widest.)" if len(known) > MOST else ""
    return entitle(ax, f"{shown} of {len(known)} gaps between slices are shown; hollow ones are not.{widest}")


def recall_heatmap(recalls: pd.DataFrame) -> Axes:
    """Draw how often each class of each corpus is recognised; grey is a class that the corpus does not have.

    Args:
        recalls: as from `slices.recalls`, of one system and protocol.
    """
    if recalls.empty:
        return nothing(canvas()[1], "No corpus has been held out.")
    wide = recalls.pivot(index="test_corpus", columns="emotion", values="recall")
    wide = wide[in_order(wide.columns)]
    ax = canvas(height=rows_height(len(wide), 0.4) + 0.4)[1]
    texts = np.vectorize(lambda share: "" if np.isnan(share) else short(share, 2))(wide.to_numpy())
    heat_map(ax, wide.to_numpy(), texts, list(wide.index), list(wide.columns))
    ax.set(xlabel="class, of those answered freely", ylabel="held out")
    means = wide.mean()
    most, least = means.idxmax(), means.idxmin()
    told = f"Over corpora, {most} is recognised most often ({short(means[most], 2)})"
    return entitle(ax, f"{told}, {least} least ({short(means[least], 2)}).")


def rank_diagram(ranks: pd.DataFrame) -> Axes:
    """Draw the rank of each system, and where it lies on resampled speakers; from 8 corpora on.

    Args:
        ranks: as from `ranking.ranked`.
    """
    rows = ranks.dropna(subset=["rank"])
    if len(rows) < 2:
        return nothing(canvas(height=1)[1], "There are no two systems to put into an order.")
    if (corpora := int(rows["corpora"].max())) < MIN_CORPORA_IN_DIAGRAM:
        told = f"A diagram of ranks is drawn from {MIN_CORPORA_IN_DIAGRAM} corpora on; this study holds out {corpora}."
        return nothing(canvas(height=1)[1], told)
    ax = canvas(height=rows_height(len(rows)))[1]
    ax.hlines(range(len(rows)), rows["low"], rows["high"], color=COLOURS[2], linewidth=2)
    ax.scatter(rows["rank"], range(len(rows)), color=COLOURS[2], zorder=3)
    name_rows(ax, [f"{name} (first in {share:.0%})" for name, share in rows[["system", "first"]].to_numpy()])
    ax.set(xlabel=f"rank of the mean over {corpora} corpora", xticks=range(1, len(rows) + 1))
    told = f"{rows['system'].iloc[0]} leads in {rows['first'].iloc[0]:.0%} of the resamples."
    return entitle(ax, told + explained(rows, mark=False))


def resample_bars(drawn: pd.DataFrame, confidence: float) -> Axes:
    """Draw where each system's mean over corpora lies on resampled speakers: a dot the median, thick the middle half.

    Args:
        drawn: as from `ranking.resampled`.
        confidence: of the thin bar.
    """
    rows = drawn.dropna()
    if rows.empty or not len(rows.columns):
        return nothing(canvas()[1], "No corpus has been held out.")
    rows = rows[rows.median().sort_values(ascending=False).index]
    outside = (1 - confidence) / 2
    low, lower, middle, upper, high = (rows.quantile(q) for q in (outside, 0.25, 0.5, 0.75, 1 - outside))
    ax, y = canvas(height=rows_height(len(rows.columns)))[1], range(len(rows.columns))
    ax.hlines(y, low, high, color=COLOURS[2], linewidth=1.5)
    ax.hlines(y, lower, upper, color=COLOURS[2], linewidth=6)
    ax.scatter(middle, y, color="white", edgecolors="black", s=30, zorder=3)
    name_rows(ax, list(rows.columns))
    ax.set(xlabel=f"mean chance-corrected UAR on resampled speakers: the middle half thick, {confidence:.0%} thin")
    first = rows.columns[0]
    ahead = (rows[first] >= rows.max(axis=1)).mean()
    return entitle(ax, f"{first} leads in {ahead:.0%} of {len(rows):,} resamples.")


def metric_dots(table: pd.DataFrame, system: str) -> Axes:
    """Draw what one system's answers score under each metric, a row per held-out corpus.

    Args:
        table: as from `card.metrics`, of one protocol.
    """
    rows = table[table["system"] == system].sort_values("test_corpus")
    if rows.empty:
        return nothing(canvas()[1], f"{system} has not been tested on a corpus that was held out.")
    looks = styles(METRICS)
    ax, y = canvas(height=rows_height(len(rows), 0.4))[1], np.arange(len(rows))
    for offset, (name, look) in zip(_offsets(len(looks), 0.24), looks.items(), strict=True):
        ax.scatter(rows[name], y + offset, color=look.colour, marker=look.marker, s=34, label=name.replace("_", " "))
    ax.hlines(y, rows[list(METRICS)].min(axis=1), rows[list(METRICS)].max(axis=1), color="grey", linewidth=0.7)
    ax.vlines(guessing(rows), y - 0.4, y + 0.4, color="grey", linestyle=":", label="chance (UAR)")
    name_rows(ax, list(rows["test_corpus"]))
    ax.set(xlim=(0, 1), xlabel="score of the same answers")
    legend_beside(ax)
    widest = rows.loc[rows["points"].idxmax()]
    told = f"{widest['points']:.1f} points on {widest['test_corpus']}"
    return entitle(ax, f"One metric and another differ by up to {told}.")


def split_dots(inflation: pd.DataFrame) -> Figure | Axes:
    """Draw what each system scores in each corpus under a random split, with speakers apart, and held out.

    Args:
        inflation: as from `card.inflation`.
    """
    known = inflation.dropna(subset=["split_value"])
    rows = known[known["test_corpus"] != MEAN]
    if rows.empty:
        return nothing(canvas()[1], "No corpus has been split in two ways.")
    corpora, names = sorted(rows["test_corpus"].unique()), list(SPLIT_NAMES.values())
    systems, looks = list(dict.fromkeys(rows["system"])), styles(names)
    figure, axes = canvas(len(systems), rows_height(len(corpora), 0.4))
    for ax, system in zip(np.atleast_1d(axes), systems, strict=True):
        mine = rows[rows["system"] == system]
        for y, corpus in enumerate(corpora):
            _splits(ax, mine[mine["test_corpus"] == corpus], y, looks)
        name_rows(ax, corpora)
        ax.set(xlim=(0, 1), xlabel=f"{plain(rows['metric'].iloc[0])}, {rows['answers'].iloc[0]} answers")
        entitle(ax, _added(known[known["system"] == system]))
    handles = [ax.scatter([], [], color=look.colour, marker=look.marker, label=name) for name, look in looks.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)
    return figure


def published_dots(table: pd.DataFrame, corpora: list[str]) -> Axes:
    """Draw published numbers of a study's corpora: black where ours may stand beside them, with ours; else grey.

    Args:
        table: as from `published.beside`.
        corpora: those of the study.
    """
    ours = table[table["test_corpus"].isin(corpora)]
    rows = ours[(ours["metric"] == "UAR") | ~ours["grey"]]
    if rows.empty:
        return nothing(canvas()[1], "No published number is of a corpus of this study.")
    keys = ["test_corpus", "protocol", "metric"]
    groups = list(rows.groupby(keys, sort=True))
    ax = canvas(height=rows_height(len(groups), 0.3))[1]
    for y, (_, part) in enumerate(groups):
        known, others = part[~part["grey"]], part[part["grey"]]
        ax.scatter(others["value"], [y] * len(others), facecolors="white", edgecolors=GREY, s=24)
        ax.scatter(known["value"], [y] * len(known), color="black", marker="|", s=90, linewidths=1.5)
        if len(known):
            mine = known.iloc[:1]
            _intervals(ax, mine, [y + 0.25], "ours", styles(["ours"])["ours"], "", [True])
    _legend_of_published(ax, bool((~rows["grey"]).any()))
    name_rows(ax, [", ".join(names).replace("_", " ") for names, _ in groups])
    ax.set(xlim=(0, 1), xlabel="score")
    count = int((~table["grey"]).sum())
    return entitle(ax, f"Ours may stand beside {count or 'none'} of {len(table)} published numbers.")


def _legend_of_published(ax: Axes, comparable: bool) -> None:
    if comparable:
        look = styles(["ours"])["ours"]
        ax.scatter([], [], color=look.colour, marker=look.marker, s=30, label="ours")
        ax.scatter([], [], color="black", marker="|", s=90, linewidths=1.5, label="comparable")
    ax.scatter([], [], facecolors="white", edgecolors=GREY, s=24, label="not comparable")
    legend_beside(ax)


def _splits(ax: Axes, steps: pd.DataFrame, y: int, looks: dict[str, Style]) -> None:
    """One corpus: its splits as dots in a row, joined by a line."""
    values = dict(steps[["split", "split_value"]].to_numpy()) | dict(steps[["than", "than_value"]].to_numpy())
    if values:
        ax.hlines(y, min(values.values()), max(values.values()), color="grey", linewidth=1)
    for name, value in values.items():
        ax.scatter(value, y, color=looks[name].colour, marker=looks[name].marker, s=40, zorder=3)


def _added(steps: pd.DataFrame) -> str:
    """One system: what its scores gain from a random split, as the mean over corpora where there are several."""
    random = steps[(steps["split"] == SPLIT_NAMES[RANDOM]) & (steps["than"] == SPLIT_NAMES["in_corpus"])]
    if random.empty:
        return steps["system"].iloc[0]
    last = random.iloc[-1]  # the mean stands last
    return f"{last['system']}: random adds {last['points']:.1f} points"


def _intervals(
    ax: Axes, rows: pd.DataFrame, y: Sequence[float], column: str, look: Style, label: str, filled: Iterable[bool]
) -> None:
    ax.hlines(y, rows["low"], rows["high"], color=look.colour, linewidth=1.5)
    fill = [look.colour if is_filled else "white" for is_filled in filled]
    ax.scatter(rows[column], y, c=fill, edgecolors=look.colour, marker=look.marker, s=30, zorder=3)
    if label:  # a marker of its own, as the first one of these may be hollow
        ax.scatter([], [], color=look.colour, marker=look.marker, s=30, label=plain(label))


def _around_zero(ax: Axes, names: list[str]) -> None:
    ax.axvline(0, color="grey", linestyle=":", linewidth=1.5)
    name_rows(ax, names)
    legend_beside(ax)


def _offsets(count: int, reach: float = 0.3) -> np.ndarray:
    """Places within a row; a few stay closer together than to the next row."""
    return np.linspace(-reach, reach, count) * (count - 1) / count if count > 1 else np.zeros(1)
