"""Figure of published results and the results of a study."""

import pandas as pd
from matplotlib.axes import Axes

from mer.report.style.axes import add_legend, empty_figure, label_rows, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.palette import GREY, styles

MER, COMPARABLE, OTHER = "MER", "comparable", "not comparable"


def published_dots(table: pd.DataFrame, corpora: list[str]) -> Axes:
    """Draw published numbers of a study's corpora: black with the study's result if comparable, otherwise grey.

    Args:
        table: from `published.compare_published`.
        corpora: corpora of the study.
    """
    near = table[table["test_corpus"].isin(corpora)]
    rows = near[(near["metric"] == "UAR") | ~near["grey"]]
    if rows.empty:
        return empty_figure("No published number concerns a corpus of this study.")
    keys = ["test_corpus", "protocol", "metric"]
    rows = rows.assign(row=[", ".join(key).replace("_", " ") for key in rows[keys].to_numpy()]).sort_values(keys)
    names = list(dict.fromkeys(rows["row"]))
    comparable, others = rows[~rows["grey"]], rows[rows["grey"]]
    ax = new_figure(height=rows_height(len(names), 0.3))[1]
    own = comparable.drop_duplicates("row").assign(value=lambda first: first["mer"], group=MER, filled=True)
    if len(own):
        forest(ax, own, styles([MER]), names)
    y = {name: number - 0.25 for number, name in enumerate(names)}  # above the study's own result
    sign = {"color": "black", "marker": "|", "s": 90, "linewidths": 1.5}
    if len(comparable):
        ax.scatter(comparable["value"], comparable["row"].map(y), label=COMPARABLE, **sign)
    sign = {"facecolors": "white", "edgecolors": GREY, "s": 24, "label": OTHER}
    ax.scatter(others["value"], others["row"].map(y), **sign)
    label_rows(ax, names)
    add_legend(ax)
    ax.set(xlim=(0, 1), xlabel="score")
    count = int((~table["grey"]).sum())
    return set_title(ax, f"MER is comparable with {count or 'none'} of {len(table)} published numbers.")
