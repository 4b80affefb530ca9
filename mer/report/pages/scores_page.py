"""The scores of predictions that were made elsewhere, as a page in Markdown with figures."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mer import files
from mer.report.figures.comparisons import difference_forest
from mer.report.figures.scores import confusion_heatmap
from mer.report.pages.markdown import escape_cell, markdown_table
from mer.report.style.axes import add_legend, empty_figure, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.numbers import bounds, chance, cluster_phrase, select, short
from mer.report.style.palette import styles
from mer.report.tables.comparisons import difference_table
from mer.report.text.comparisons import difference_sentence, format_p

PAGE = "README.md"
"""The name of the page."""


def write(
    folder: Path, results: pd.DataFrame, comparisons: pd.DataFrame, confusion: pd.DataFrame, level: float
) -> Path:
    """Write the page, `uar.png`, `differences.png` (of several systems) and a confusion matrix of each system.

    Args:
        folder: existing folder.
        results: as from `scores.score`.
        comparisons: as from `comparison.compare`, of several protocols.
        confusion: as from `class_scores.confusion_table`, with the column `system`.
        level: a difference is significant if its adjusted p-value is at most this.

    Returns:
        The path of the page.
    """
    figures = {"uar": _uar_forest(results)}
    if len(comparisons):
        figures["differences"] = difference_forest(comparisons)
    names = list(dict.fromkeys(confusion["system"]))
    for number, system in enumerate(names, start=1):
        figures[f"confusion-{number}"] = _confusion_of(confusion, system)
    for name, ax in figures.items():
        with files.replacing(folder / f"{name}.png") as partial:
            ax.figure.savefig(partial)
        plt.close(ax.figure)
    files.write_text(folder / PAGE, _page(results, comparisons, names, level))
    return folder / PAGE


def _page(results: pd.DataFrame, comparisons: pd.DataFrame, systems: list[str], level: float) -> str:
    """Return the text of the page."""
    sections = [
        "# Scores",
        "The predictions were not made by MER. How the systems were trained, and on which recordings, was not checked.",
        "## UAR",
        "UAR is the unweighted average recall, with its interval over new speakers of these corpora. Chance is the UAR "
        "of guessing; p is the p-value of a UAR equal to chance, not adjusted.",
        _uar_table(results),
        "![UAR by corpus and system](uar.png)",
    ]
    if len(comparisons):
        shown = difference_table(comparisons).reset_index()
        sections += ["## Differences", difference_sentence(comparisons, level),
                     markdown_table(list(shown.columns), shown.itertuples(index=False)),
                     "![differences from the reference](differences.png)"]  # fmt: skip
    sections.append("## Confusions")
    for number, system in enumerate(systems, start=1):
        sections += [f"### {escape_cell(system)}", f"![confusion matrix](confusion-{number}.png)"]
    return "\n\n".join(sections) + "\n"


def _uar_forest(results: pd.DataFrame) -> Axes:
    """Draw the UAR on each corpus: a point and an interval per system, and chance as a grey line."""
    rows = select(results, answers="free").dropna(subset=["value"])
    if rows.empty:
        return empty_figure("There is no score.")
    several = rows["protocol"].nunique() > 1
    rows = rows.assign(row=rows["test_corpus"] + (", " + rows["protocol"] if several else ""), group=rows["label"])
    names, looks = list(dict.fromkeys(rows["row"])), styles(dict.fromkeys(rows["group"]))
    ax = new_figure(height=rows_height(len(names), 0.2 + 0.18 * len(looks)))[1]
    forest(ax, rows.assign(filled=True), looks, names)
    guessing = chance(rows).groupby(rows["row"]).first().reindex(names).to_numpy(float)
    y = np.arange(len(names))
    ax.vlines(guessing, y - 0.42, y + 0.42, color="grey", linestyle=":", linewidth=2, label="chance")
    ax.set(xlim=(0, 1), xlabel="UAR, free predictions")
    add_legend(ax)
    return set_title(ax, "UAR of predictions that were made elsewhere, with intervals over speakers.")


def _uar_table(results: pd.DataFrame) -> str:
    rows = select(results).dropna(subset=["value"])
    entries = [
        (row["test_corpus"], row["label"], row["protocol"], row["answers"], short(row["value"]),
         bounds(row["low"], row["high"], row["speakers"], reason=row["why_none"]), short(row["chance"]),
         format_p(row["p_chance"]), row["n"], cluster_phrase(row))
        for _, row in rows.iterrows()
    ]  # fmt: skip
    header = ["corpus", "system", "protocol", "predictions", "UAR", "interval", "chance", "p", "clips",
              "intervals over"]  # fmt: skip
    return markdown_table(header, entries)


def _confusion_of(confusion: pd.DataFrame, system: str) -> Axes:
    """Draw the confusions of a system's free predictions, corpora together."""
    part = confusion[(confusion["system"] == system) & (confusion["answers"] == "free")]
    part = part[part["test_corpus"] == part["test_corpus"].iloc[-1]]
    classes = [name for name in part.columns if name in set(part["class"])]
    return confusion_heatmap(part[classes].to_numpy(), classes)
