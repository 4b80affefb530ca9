"""Figure of robustness: how much altered recordings change the score of a model."""

import pandas as pd
from matplotlib.axes import Axes

from mer.evaluation.comparison.comparison import NOT_SHOWN
from mer.evaluation.robustness import POOLED
from mer.report.style.axes import add_legend, empty_figure, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.palette import styles
from mer.report.style.symbols import flag_caption


def robustness_forest(table: pd.DataFrame, answers: str = "restricted") -> Axes:
    """Draw the difference between altered and unaltered recordings, with its interval: a row per strength.

    The UAR is that of all test recordings together, and the intervals are over all test speakers.

    Args:
        table: from `robustness.measure`.
        answers: free or restricted.
    """
    rows = table[table["answers"] == answers]
    rows = rows[rows["test_corpus"] == POOLED]
    if rows.empty:
        return empty_figure("No alteration was requested.")
    rows = rows.assign(row=rows["alteration"] + ", " + rows["strength"], group=rows["system"], value=rows["difference"])
    rows = rows.assign(filled=rows["p_holm"].notna() & (rows["verdict"] != NOT_SHOWN))
    names, looks = list(dict.fromkeys(rows["row"])), styles(dict.fromkeys(rows["group"]))
    ax = new_figure(height=rows_height(len(names), 0.15 + 0.15 * len(looks)))[1]
    forest(ax, rows, looks, names)
    ax.axvline(0, color="grey", linestyle=":", linewidth=2)
    ax.set(xlabel=f"change of the UAR, {answers} predictions of all test recordings")
    add_legend(ax)
    title = "Change of the score if test recordings are altered; significant changes are filled."
    return set_title(ax, title + flag_caption(rows))
