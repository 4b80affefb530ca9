"""Confusions: a matrix with recalls for each held-out corpus and system, and answers outside its classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.evaluation.comparison import slices
from mer.evaluation.scores import class_scores
from mer.evaluation.scores.confusions import Scoring
from mer.html_pages import frame
from mer.html_pages.banner import PageStudy
from mer.params.schema import SELECTED
from mer.report.style.numbers import NO_VALUE, bounds, select, short
from mer.report.style.symbols import for_display, labels
from mer.report.tables.wrapped import content

TEMPLATES = Path(__file__).parent
"""The folder of the template."""


def write(path: Path, study: PageStudy, results: pd.DataFrame, predictions: pd.DataFrame, scoring: Scoring) -> None:
    """Write the page.

    Args:
        path: the path of the page.
        study: the study, the banner of its pages and the day.
        results, predictions: of the study.
        scoring: classes and clusters.
    """
    held_out = predictions[predictions["protocol"] == "loco"]
    recalls = slices.recalls(held_out, scoring) if len(held_out) else pd.DataFrame(columns=slices.RECALL_COLUMNS)
    recalls = recalls.set_index(["system", "test_corpus", "emotion"])
    text = frame.environment(TEMPLATES).get_template("classes.html.j2").render(
        title=f"Confusions and recall · {study.place}", study=study.place, banner=study.banner, has_script=True,
        outside=content(outside_table(results), "Share of free predictions in classes that the corpus does not have."),
        corpora=[_corpus(number, part, recalls, scoring.classes)
                 for number, (_, part) in enumerate(held_out.groupby("test_corpus"))],
    )  # fmt: skip
    files.write_text(path, text)


def outside_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return systems × held-out corpora with the share of free predictions outside the corpus's classes."""
    rows = select(results, "loco", "free").drop_duplicates(["label", "test_corpus"])
    wide = rows.pivot(index="label", columns="test_corpus", values="outside")
    texts = wide.map(lambda share: NO_VALUE if pd.isna(share) else f"{100 * share:.0f}%")
    return texts.rename_axis(index="system", columns=None)


def _corpus(number: int, part: pd.DataFrame, recalls: pd.DataFrame, classes: Sequence[str]) -> dict:
    """One held-out corpus with the matrices of all systems."""
    name = for_display(part[["test_corpus"]].drop_duplicates(), part)["test_corpus"].iloc[0]
    systems = [
        _system(label, rows, recalls, classes)
        for label, rows in sorted(part.groupby(labels(part)), key=lambda pair: (pair[0] != SELECTED, pair[0]))
    ]
    return {"id": f"corpus-{number}", "name": name, "systems": systems}


def _system(name: str, rows: pd.DataFrame, recalls: pd.DataFrame, classes: Sequence[str]) -> dict:
    """The matrix of one system on one corpus."""
    counts = class_scores.confusion_table(rows, tuple(classes))
    counts = counts[counts["answers"] == "free"]
    matrix, seeds = counts[list(classes)].to_numpy(float), rows["seed"].nunique()
    totals = matrix.sum(axis=1)
    lines = []
    for at in np.flatnonzero(totals):
        shares = matrix[at] / totals[at]
        recall = recalls.loc[(rows["system"].iloc[0], rows["test_corpus"].iloc[0], classes[at])]
        interval = bounds(recall["low"], recall["high"], digits=2) if pd.notna(recall["low"]) else NO_VALUE
        lines.append({"name": classes[at], "clips": f"{recall['n']:,}", "shares": shares.tolist(),
                      "recall": short(recall["recall"], 2), "interval": interval})  # fmt: skip
    caption = f"{rows['utterance_id'].nunique():,} clips, {seeds} seed{'s' if seeds > 1 else ''}"
    return {"name": name, "predicted": list(classes), "rows": lines, "caption": caption}
