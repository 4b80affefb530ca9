"""The figure of an ablation: the difference of each row from its reference."""

import pandas as pd
from matplotlib.axes import Axes

from mer.evaluation.ablations.differences import headline
from mer.report.style.axes import add_legend, empty_figure, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.palette import escape_mathtext, styles
from mer.report.tables.ablations import PROTOCOLS, row_names, sorted_rows
from mer.report.text.comparisons import SIGNIFICANT


def ablation_forest(table: pd.DataFrame, reason: str = "") -> Axes:
    """Draw the mean difference of each row under LOCO and within corpus, the largest loss first; hollow if not shown.

    Args:
        table: from `differences.joined`, with flags.
        reason: why the table is empty.
    """
    rows = headline(table).dropna(subset=["difference"])
    if rows.empty:
        return empty_figure(f"There is no ablation: {reason or 'no row was tested together with its reference'}.")
    names, order = row_names(table), [name for name in sorted_rows(table) if name in set(rows["system"])]
    protocols = [name for name in PROTOCOLS if name in set(rows["protocol"])]
    looks = styles(PROTOCOLS[name] for name in protocols)
    ax = new_figure(height=rows_height(len(order), 0.2 + 0.12 * len(looks)))[1]
    filled = rows["verdict"].isin(SIGNIFICANT)
    points = rows.assign(row=rows["system"].map(names), group=rows["protocol"].map(PROTOCOLS), value=rows["difference"],
                         filled=filled)  # fmt: skip
    forest(ax, points, looks, [names[name] for name in order])
    ax.hlines([number + 0.5 for number in range(len(order) - 1)], *ax.get_xlim(), color="0.9", linewidth=0.5, zorder=0)
    ax.axvline(0, color="grey", linestyle=":", linewidth=1.5)
    add_legend(ax)
    references = ", ".join(escape_mathtext(name) for name in dict.fromkeys(rows["reference"]))
    ax.set(xlabel=f"chance-corrected UAR (restricted predictions) minus that of {references}")
    counts = [f"{filled[rows['protocol'] == name].sum()} of {(rows['protocol'] == name).sum()} {PROTOCOLS[name]}"
              for name in protocols]  # fmt: skip
    return set_title(ax, f"Significant differences (filled): {', '.join(counts)}.")
