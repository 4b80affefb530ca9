"""Figures of the predictions for a user's recordings."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from mer.report.style.axes import add_legend, empty_figure, new_figure, rows_height, set_title, stacked_bars
from mer.report.style.palette import emotion_styles

MAX_ROWS = 30
"""The largest number of predictions in one figure."""


def probability_bars(probabilities: pd.DataFrame) -> Axes:
    """Draw one bar per prediction, divided by class.

    Args:
        probabilities: (predictions, classes); the index names the predictions. More than 30 are not drawn.
    """
    shown = probabilities.iloc[:MAX_ROWS]
    if shown.empty:
        return empty_figure("There are no predictions.")
    ax = new_figure(height=rows_height(len(shown)))[1]
    stacked_bars(ax, shown, emotion_styles(shown.columns, list(shown.columns)))
    ax.set(xlim=(0, 1), xlabel="probability")
    more = f" (the first {MAX_ROWS} of {len(probabilities)})" if len(probabilities) > MAX_ROWS else ""
    return set_title(ax, f"Class probabilities{more}")


def timeline(starts: Sequence[float], ends: Sequence[float], probabilities: pd.DataFrame) -> Axes:
    """Draw the probability of each class over the seconds of one recording; pauses have no line.

    Args:
        starts, ends: bounds of the segments in seconds, (segments,).
        probabilities: (segments, classes).
    """
    if probabilities.empty:
        return empty_figure("No recording was divided into segments.")
    ax = new_figure()[1]
    for name, style in emotion_styles(probabilities.columns, list(probabilities.columns)).items():
        ax.hlines(probabilities[name], starts, ends, colors=style.colour, linewidth=2.5, label=name)
    ax.set(ylim=(0, 1), xlabel="seconds", ylabel="probability")
    add_legend(ax)
    return set_title(ax, "Class probabilities over time")
