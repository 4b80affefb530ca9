"""Figure of the word errors of a recogniser."""

import pandas as pd
from matplotlib.axes import Axes

from mer.report.style.axes import add_legend, empty_figure, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.palette import in_order, styles


def word_error_forest(table: pd.DataFrame) -> Axes:
    """Draw the word error rate of each class: a point and interval per corpus.

    A point is filled if the rate differs from that of the corpus's other recordings: the interval of the difference
    excludes 0.

    Args:
        table: as from `mer.features.text.word_errors.table`.
    """
    rows = table[table["by"] == "class"]
    if rows.empty:
        return empty_figure("No recording with a known sentence was transcribed.")
    names, looks = in_order(rows["group"].unique()), styles(sorted(rows["corpus"].unique()))
    ax = new_figure(height=rows_height(len(names), 0.2 + 0.12 * len(looks)))[1]
    differs = (rows["difference_low"] > 0) | (rows["difference_high"] < 0)
    points = rows.assign(row=rows["group"], group=rows["corpus"], value=rows["rate"], filled=differs)
    forest(ax, points, looks, names)
    ax.set(xlabel="word error rate")
    ax.set_xlim(left=0)
    add_legend(ax)
    return set_title(ax, "Word error rate of each class; a filled one differs from the corpus's other recordings.")
