"""Figures of the ranking of systems over corpora."""

import pandas as pd
from matplotlib.axes import Axes

from mer.evaluation.comparison.ranking import MIN_CORPORA_IN_DIAGRAM
from mer.report.style.axes import empty_figure, label_rows, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.palette import COLOURS, Style
from mer.report.style.symbols import flag_caption

_STYLE = Style(COLOURS[2], "o", "", "-")


def rank_diagram(ranks: pd.DataFrame) -> Axes:
    """Draw the rank of each system and its interval over resampled speakers, if there are at least 8 corpora.

    Args:
        ranks: from `ranking.rank_systems`.
    """
    rows = ranks.dropna(subset=["rank"])
    if len(rows) < 2:
        return empty_figure("There are no two systems to rank.", height=1)
    if (corpora := int(rows["corpora"].max())) < MIN_CORPORA_IN_DIAGRAM:
        reason = f"A rank diagram needs at least {MIN_CORPORA_IN_DIAGRAM} corpora; this study holds out {corpora}."
        return empty_figure(reason, height=1)
    ax = new_figure(height=rows_height(len(rows)))[1]
    names = list(rows["system"])
    points = rows.assign(row=rows["system"], group="rank", value=rows["rank"], filled=True)
    forest(ax, points, {"rank": _STYLE}, names)
    label_rows(ax, [f"{name} (first in {share:.0%})" for name, share in rows[["system", "first"]].to_numpy()])
    ax.set(xlabel=f"rank of the mean over {corpora} corpora", xticks=range(1, len(rows) + 1))
    title = f"{names[0]} leads in {rows['first'].iloc[0]:.0%} of the resamples."
    return set_title(ax, title + flag_caption(rows, in_figure=False))


def resample_bars(resamples: pd.DataFrame, confidence: float) -> Axes:
    """Draw the mean of each system over resampled speakers: median, middle half (thick) and interval (thin).

    Args:
        resamples: from `ranking.resampled`, one column per system.
        confidence: share of resamples within the thin bar.
    """
    import seaborn as sns

    rows = resamples.dropna()
    if rows.empty or not len(rows.columns):
        return empty_figure("No corpus has been held out.")
    rows = rows[rows.median().sort_values(ascending=False).index]
    ax = new_figure(height=rows_height(len(rows.columns)))[1]
    look = {"orient": "h", "estimator": "median", "linestyle": "none", "color": COLOURS[2], "ax": ax}
    for share, width in ((100 * confidence, 1.5), (50, 6)):
        sns.pointplot(rows, errorbar=("pi", share), err_kws={"linewidth": width}, markersize=5, **look)
    sns.pointplot(rows, errorbar=None, markersize=4, markerfacecolor="white", markeredgecolor="black", **look)
    label_rows(ax, list(rows.columns))
    ax.set(xlabel=f"mean chance-corrected UAR over resampled speakers: middle half thick, {confidence:.0%} thin")
    first = rows.columns[0]
    share = (rows[first] >= rows.max(axis=1)).mean()
    return set_title(ax, f"{first} leads in {share:.0%} of {len(rows):,} resamples.")
