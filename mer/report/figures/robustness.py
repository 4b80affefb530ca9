"""Figure of robustness: how much altered recordings change the score of a model."""

import pandas as pd
from matplotlib.axes import Axes

from mer.evaluation.comparison.comparison import MEAN, NOT_SHOWN
from mer.report.style.axes import add_legend, empty_figure, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.palette import styles
from mer.report.style.symbols import flag_caption


def robustness_forest(table: pd.DataFrame, answers: str = "restricted") -> Axes:
    """Draw the difference between altered and unaltered recordings, with its interval: a row per strength.

    The mean over corpora is drawn, or the only corpus.

    Args:
        table: from `robustness.measure`.
        answers: free or restricted.
    """
    rows = table[table["answers"] == answers]
    of_mean = rows["test_corpus"] == MEAN
    rows = rows[of_mean if of_mean.any() else rows["difference"].notna()]
    if rows.empty:
        return empty_figure("No alteration was requested.")
    rows = rows.assign(row=rows["alteration"] + ", " + rows["strength"], group=rows["system"], value=rows["difference"])
    rows = rows.assign(filled=rows["p_holm"].notna() & (rows["verdict"] != NOT_SHOWN))
    names, looks = list(dict.fromkeys(rows["row"])), styles(dict.fromkeys(rows["group"]))
    ax = new_figure(height=rows_height(len(names), 0.15 + 0.15 * len(looks)))[1]
    forest(ax, rows, looks, names)
    ax.axvline(0, color="grey", linestyle=":", linewidth=2)
    metric = "chance-corrected UAR, mean over corpora" if of_mean.any() else "UAR"
    ax.set(xlabel=f"change of the {metric}, {answers} predictions")
    add_legend(ax)
    title = "Change of the score if test recordings are altered; significant changes are filled."
    return set_title(ax, title + flag_caption(rows))
