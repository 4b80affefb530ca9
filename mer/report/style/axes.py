"""Size, title, frame and legend of all figures, and heat maps and stacked bars."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from mer.report.style.palette import COLOURS, MISSING, SEQUENTIAL, Style, escape_all, escape_mathtext

SIZE = (7, 4)
"""The width and the usual height of a figure, in inches."""
DPI = 110
"""The resolution of a figure, in dots per inch."""


def new_figure(columns: int = 1, height: float = SIZE[1]) -> tuple[Figure, Axes | NDArray]:
    """Return a figure of the common width and its axes, without the upper and right frame."""
    figure, axes = plt.subplots(1, columns, figsize=(SIZE[0], height), dpi=DPI, layout="constrained")
    for ax in np.atleast_1d(axes):
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def rows_height(rows: int, inches_per_row: float = 0.35) -> float:
    """Return a height in inches at which all rows are readable."""
    return float(np.clip(1.4 + inches_per_row * rows, 2, 12))


def set_title(ax: Axes, sentence: str) -> Axes:
    """Set the title, a sentence at the left."""
    ax.set_title(escape_mathtext(sentence), loc="left", fontsize=10)
    return ax


def empty_figure(sentence: str, height: float = SIZE[1]) -> Axes:
    """Return axes that contain only the reason why there is no figure."""
    ax = new_figure(height=height)[1]
    ax.set_axis_off()
    ax.text(0.5, 0.5, escape_mathtext(sentence), ha="center", va="center", transform=ax.transAxes)
    return ax


def add_legend(ax: Axes) -> None:
    """Add a legend to the right of the axes, where it covers nothing. The first of equal labels counts."""
    handles, labels = ax.get_legend_handles_labels()
    entries = dict(zip(reversed(labels), reversed(handles), strict=True))
    if entries:
        ax.legend(
            [entries[label] for label in dict.fromkeys(labels)],
            escape_all(dict.fromkeys(labels)),
            loc="upper left",
            bbox_to_anchor=(1, 1),
            frameon=False,
            fontsize=8,
        )


def label_rows(ax: Axes, names: list) -> None:
    """Write the names at rows 0, 1, …, from top to bottom."""
    ax.set_yticks(range(len(names)), escape_all(names))
    ax.set_ylim(len(names) - 0.5, -0.5)


def heat_map(ax: Axes, values: ArrayLike, texts: NDArray, rows: list, columns: list) -> None:
    """Draw a matrix of values in [0, 1] with a text in each cell; NaN is grey.

    Args:
        values: colours, (rows, columns).
        texts: (rows, columns).
    """
    import seaborn as sns

    values, size = np.asarray(values, float), 8 if len(columns) <= 10 else 6
    colours = plt.get_cmap(SEQUENTIAL).with_extremes(bad=MISSING)
    sns.heatmap(values, vmin=0, vmax=1, cmap=colours, cbar=False, ax=ax)
    for (row, column), value in np.ndenumerate(values):  # seaborn writes no text at NaN, and white on middle tones
        style = {"ha": "center", "va": "center", "fontsize": size, "color": "white" if value < 0.5 else "black"}
        ax.text(column + 0.5, row + 0.5, escape_mathtext(texts[row][column]), **style)
    ax.tick_params(length=0)
    at = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(np.arange(len(columns)) + 0.5, escape_all(columns), **at)
    ax.set_yticks(np.arange(len(rows)) + 0.5, escape_all(rows), rotation=0)


def stacked_bars(ax: Axes, shares: pd.DataFrame, styles: Mapping[str, Style]) -> None:
    """Draw one horizontal bar per row, divided by column. seaborn has no hatches, which grey print needs.

    Args:
        shares: values in [0, 1], (rows, columns).
        styles: column -> its style.
    """
    left = np.zeros(len(shares))
    for name, style in styles.items():
        fill = {"color": style.colour, "hatch": style.hatch, "edgecolor": "white", "linewidth": 0.5}
        ax.barh(range(len(shares)), shares[name], left=left, label=name, **fill)
        left += shares[name].to_numpy()
    label_rows(ax, list(shares.index))
    add_legend(ax)


def violins(ax: Axes, table: pd.DataFrame, column: str, *, log: bool = False) -> None:
    """Draw the distribution of a column for each corpus, with its quartiles; all violins have the same height.

    Args:
        table: columns corpus and `column`, one row per value.
        log: whether the axis is logarithmic.
    """
    import seaborn as sns

    corpora = sorted(table["corpus"].unique())
    look = {"color": COLOURS[3], "saturation": 1, "linewidth": 0.8, "linecolor": "black"}
    shape = {"density_norm": "width", "cut": 0, "inner": "quart", "log_scale": log}
    sns.violinplot(table, x=column, y="corpus", order=corpora, ax=ax, **shape, **look)
    ax.set_ylabel("")
    label_rows(ax, corpora)
