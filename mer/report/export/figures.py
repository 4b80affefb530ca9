"""The figures of a finished run as SVG, PDF and PNG, each with the data behind it as CSV."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from mer import files
from mer.evaluation.scores import class_scores
from mer.report.figures.comparisons import difference_forest
from mer.report.figures.scores import confusion_heatmap, loco_forest, matrix_heatmap
from mer.report.style.numbers import select
from mer.report.style.symbols import for_display

KINDS = ("svg", "pdf", "png")
"""The kinds of files of each figure."""
DPI = 300
"""The resolution of bitmaps, in dots per inch."""
NO_DATE = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}, "png": {"Software": None}}
"""The metadata without which a figure is the same bytes each time."""


def write(
    folder: Path, results: pd.DataFrame, predictions: pd.DataFrame, comparisons: pd.DataFrame | None, classes: list[str]
) -> list[Path]:
    """Write the figures and their data, and return the paths of the data.

    Args:
        folder: the folder, which is created.
        results, predictions: of a run.
        comparisons: the table `comparison.csv` of a run; None without it.
        classes: the classes of the policy, in order.
    """
    paths = []
    for name, ax, data in _figures(results, predictions, comparisons, classes):
        with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "pdf.fonttype": 42}):
            for kind in KINDS:
                with files.replacing(folder / f"{name}.{kind}") as partial:
                    ax.figure.savefig(partial, format=kind, dpi=DPI, bbox_inches="tight", metadata=NO_DATE[kind])
        plt.close(ax.figure)
        files.write_text(folder / f"{name}.csv", data.to_csv(index=False))
        paths.append(folder / f"{name}.csv")
    return paths


def _figures(
    results: pd.DataFrame, predictions: pd.DataFrame, comparisons: pd.DataFrame | None, classes: list[str]
) -> Iterator[tuple[str, Axes, pd.DataFrame]]:
    """Yield the name of each figure, the figure and its data."""
    for answers in ("free", "restricted"):
        rows = select(results, "loco", answers)
        if len(rows):
            yield f"loco_{answers}", loco_forest(results, answers), rows
    matrix = select(results, answers="free")
    for system in sorted(matrix.loc[matrix["protocol"] == "cross_corpus", "system"].unique()):
        yield (
            f"matrix_{_file_name(system)}",
            matrix_heatmap(results, system, "free"),
            matrix[matrix["system"] == system],
        )
    held_out = predictions[predictions["protocol"] == "loco"]
    for system, part in held_out.groupby("system", sort=True):
        table = class_scores.confusion_table(part, tuple(classes))
        free = table[(table["answers"] == "free") & (table["test_corpus"] == table["test_corpus"].iloc[-1])]
        ax = confusion_heatmap(free[classes].to_numpy(), classes, part)
        yield f"confusion_{_file_name(system)}", ax, table
    if comparisons is not None and len(comparisons):
        yield "differences", difference_forest(for_display(comparisons, predictions=predictions)), comparisons


def _file_name(system: str) -> str:
    """Return the name of a system as a part of a file's name; names of systems are letters, digits, `.`, `_`, `-`."""
    return "".join(character if character.isalnum() or character in "._-" else "_" for character in system)
