"""The tables of a finished run that a paper takes: scores, differences and shortcuts, each as CSV and as LaTeX."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mer import files
from mer.report.export.latex import booktabs
from mer.report.style.symbols import for_display, legend
from mer.report.tables.comparisons import difference_table
from mer.report.tables.scores import loco_table, pivot
from mer.stats import METRICS

TITLES = {"in_corpus": "within corpus", "cross_corpus": "cross-corpus", "loco": "on held-out corpora (LOCO)"}
"""Protocol -> its name in captions."""
INTERVALS = "In brackets: intervals over speakers."
"""What each caption ends with, before the meanings of the symbols."""


def write(
    folder: Path, results: pd.DataFrame, predictions: pd.DataFrame, comparisons: pd.DataFrame | None
) -> list[Path]:
    """Write the tables, and return the paths of the LaTeX files.

    Args:
        folder: the folder, which is created.
        results, predictions: of a run.
        comparisons: the table `comparison.csv` of a run; None without it.
    """
    tables = dict(_score_tables(results))
    if comparisons is not None and len(comparisons):
        shown = difference_table(for_display(comparisons, predictions=predictions))
        tables["differences"] = shown, "Differences from the reference system on held-out corpora, UAR."
    paths = []
    for name, (table, caption) in tables.items():
        files.write_text(folder / f"{name}.csv", table.reset_index().to_csv(index=False))
        caption = f"{caption} {INTERVALS} {legend(table)}".strip()
        files.write_text(folder / f"{name}.tex", booktabs(table, caption, name.replace("_", "-")))
        paths.append(folder / f"{name}.tex")
    return paths


def write_curves(folder: Path, curves: Mapping[str, pd.DataFrame]) -> list[Path]:
    """Write learning curves as CSV, and return the paths.

    Args:
        folder: the folder, which is created.
        curves: name of the file -> columns run, epoch, corpus, metric, value.
    """
    for name, table in curves.items():
        files.write_text(folder / f"{name}.csv", table.to_csv(index=False))
    return [folder / f"{name}.csv" for name in curves]


def _score_tables(results: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, str]]:
    """Return name -> table of scores and its caption: systems by corpora, for each protocol and kind of predictions."""
    tables = {}
    for (protocol, answers), part in results[results["seed"].isna()].groupby(["protocol", "answers"]):
        if protocol not in TITLES or part[part["metric"] == "UAR"].empty:
            continue
        caption = f"UAR {TITLES[protocol]}, {answers} predictions."
        tables[f"uar_{protocol}_{answers}"] = pivot(results, protocol, answers), caption
        if protocol == "loco" and answers == "free":
            for name in ("WA", "weighted_F1"):
                shown = pivot(results, protocol, answers, name)
                tables[f"{name.lower()}_loco_free"] = shown, f"{METRICS[name].title} {TITLES[protocol]}."
    if (results["protocol"] == "loco").any():
        tables["loco"] = loco_table(results), "UAR on held-out corpora: systems as rows."
    return tables
