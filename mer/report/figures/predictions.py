"""Pictures of what a model says about one's own recordings."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mer.report.style import palette
from mer.report.style.axes import canvas, entitle, legend_beside, name_rows, nothing, rows_height

MOST = 30
"""rows of one picture"""


def probability_bars(probabilities: pd.DataFrame) -> Axes:
    """Draw a bar per answer, parted by class.

    Args:
        probabilities: shape (answers, classes); its index names the answers. More than 30 are not drawn.
    """
    shown = probabilities.iloc[:MOST]
    _, ax = canvas(height=rows_height(len(shown)))
    if shown.empty:
        return nothing(ax, "No recording was answered.")
    left = np.zeros(len(shown))
    for name, look in palette.emotion_styles(shown.columns).items():
        ax.barh(range(len(shown)), shown[name], left=left, color=look.colour, hatch=look.hatch, label=name,
                edgecolor="white", linewidth=0.5)  # fmt: skip
        left += shown[name].to_numpy()
    name_rows(ax, list(shown.index))
    ax.set(xlim=(0, 1), xlabel="probability")
    legend_beside(ax)
    more = f" (the first {MOST} of {len(probabilities)})" if len(probabilities) > MOST else ""
    return entitle(ax, f"What the model says{more}")


def timeline(starts: Sequence[float], ends: Sequence[float], probabilities: pd.DataFrame) -> Axes:
    """Draw each class's probability over the seconds of one recording; nothing where nobody speaks.

    Args:
        starts, ends: of the stretches.
        probabilities: shape (stretches, classes).
    """
    _, ax = canvas()
    if probabilities.empty:
        return nothing(ax, "No recording was cut into stretches.")
    for name, look in palette.emotion_styles(probabilities.columns).items():
        ax.hlines(probabilities[name], starts, ends, colors=look.colour, linewidth=2.5, label=name)
    ax.set(ylim=(0, 1), xlabel="seconds", ylabel="probability")
    legend_beside(ax)
    return entitle(ax, "One recording over time")
