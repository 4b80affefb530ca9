"""Figures of the manifest: classes, splits and durations of each corpus."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from mer.report.style.axes import empty_figure, new_figure, rows_height, set_title, stacked_bars, violins
from mer.report.style.numbers import NO_VALUE
from mer.report.style.palette import COLOURS, EMOTIONS, HATCHES, Style, emotion_styles

PARTS = ("train", "validation", "test")
_PART_STYLES = {
    name: Style(COLOURS[colour], "o", hatch, "-")
    for name, colour, hatch in zip(PARTS, (2, 8, 5), HATCHES, strict=False)
}


def class_counts(manifest: pd.DataFrame, classes: Sequence[str] = EMOTIONS) -> Axes:
    """Draw the share of each class in each corpus, with the number of clips at the end of each bar.

    Args:
        manifest: rows of the manifest.
        classes: the classes of the policy, in the order of the parts of a bar.
    """
    rows = manifest.dropna(subset=["emotion"])
    if rows.empty:
        return empty_figure("No clip has a label.")
    counts = pd.crosstab(rows["corpus"].astype(object), rows["emotion"].astype(object))
    ends = {name: f" {total:,}" for name, total in counts.sum(axis=1).items()}
    ax = _share_bars(counts, emotion_styles(counts.columns, classes), ends)
    return set_title(ax, "Clips of each class by corpus.")


def split_sizes(manifest: pd.DataFrame) -> Axes:
    """Draw the share of each part in each corpus, with the speakers in train/validation/test at the end of each bar."""
    rows = manifest.dropna(subset=["split"])
    if rows.empty:
        return empty_figure("No clip is in a split.")
    keys = [rows["corpus"].astype(object), rows["split"].astype(object)]
    counts = pd.crosstab(*keys).reindex(columns=list(PARTS), fill_value=0)
    speakers = rows["speaker_id"].groupby(keys).nunique().unstack(fill_value=0)
    speakers = speakers.reindex(columns=list(PARTS), fill_value=0)
    ends = {name: " " + "/".join(map(str, numbers)) for name, numbers in speakers.T.items()}
    ax = _share_bars(counts, _PART_STYLES, ends)
    return set_title(ax, "Clips in each part; the numbers are speakers in train/validation/test.")


def duration_distribution(manifest: pd.DataFrame) -> Axes:
    """Draw the distribution of durations in each corpus, with its quartiles, on a logarithmic axis."""
    rows = manifest[manifest["duration"] > 0]
    if rows.empty:
        return empty_figure("No clip has a duration.")
    table = pd.DataFrame({"corpus": rows["corpus"].astype(object), "duration": rows["duration"].to_numpy(float)})
    ax = new_figure(height=rows_height(table["corpus"].nunique(), 0.5))[1]
    violins(ax, table.reset_index(drop=True), "duration", log=True)
    ax.set(xlabel="duration in seconds")
    ax.xaxis.set_major_formatter("{x:g}")
    return set_title(ax, "Durations of clips by corpus, with quartiles.")


def _share_bars(counts: pd.DataFrame, styles: dict[str, Style], ends: dict[str, str]) -> Axes:
    shares = counts.div(counts.sum(axis=1).replace(0, 1), axis=0)
    ax = new_figure(height=rows_height(len(shares)))[1]
    stacked_bars(ax, shares, styles)
    for row, (name, end) in enumerate(shares.sum(axis=1).items()):
        ax.text(end, row, ends.get(name, NO_VALUE), va="center", fontsize=8)
    ax.set(xlim=(0, 1.15), xticks=[0, 0.25, 0.5, 0.75, 1], xlabel="share of clips")
    return ax
