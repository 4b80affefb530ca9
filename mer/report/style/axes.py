"""What every figure shares: size, title, frames, heat maps, and how nothing looks."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mer.report.style.palette import MISSING, SEQUENTIAL, plain, plains

SIZE = (7, 4)
DPI = 110


def canvas(columns: int = 1, height: float = SIZE[1]) -> tuple[Figure, Axes | NDArray]:
    """Return a figure of the common width, and its axes, without the upper and right frame."""
    figure, axes = plt.subplots(1, columns, figsize=(SIZE[0], height), dpi=DPI, layout="constrained")
    for ax in np.atleast_1d(axes):
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def rows_height(rows: int, each: float = 0.35) -> float:
    """Return a height in inches that leaves each of the rows readable."""
    return float(np.clip(1.4 + each * rows, 2, 12))


def entitle(ax: Axes, sentence: str) -> Axes:
    """Set the title: a sentence, at the left."""
    ax.set_title(plain(sentence), loc="left", fontsize=10)
    return ax


def nothing(ax: Axes, sentence: str) -> Axes:
    """Say on the axes why there is no figure."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, plain(sentence), ha="center", va="center", transform=ax.transAxes)
    return ax


def legend_beside(ax: Axes, title: str | None = None) -> None:
    """Put a legend to the right of the axes, where it hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        ax.legend(handles, labels, title=title, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)


def name_rows(ax: Axes, names: list) -> None:
    """Write the names beside rows 0, 1, …, the first on top."""
    ax.set_yticks(range(len(names)), plains(names))
    ax.set_ylim(len(names) - 0.5, -0.5)


def heat_map(ax: Axes, colour: NDArray, texts: NDArray, rows: list, columns: list) -> None:
    """Draw a matrix coloured by values in [0, 1], with a text in each cell; NaN is light grey."""
    colours = plt.get_cmap(SEQUENTIAL).with_extremes(bad=MISSING)
    ax.imshow(np.ma.masked_invalid(np.asarray(colour, float)), cmap=colours, vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(columns)), plains(columns), rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), plains(rows))
    ax.spines[:].set_visible(False)
    size = 8 if len(columns) <= 10 else 6
    for (i, j), value in np.ndenumerate(colour):
        ink = "white" if value < 0.5 else "black"
        ax.text(j, i, plain(texts[i][j]), ha="center", va="center", fontsize=size, color=ink)
