"""Confusions: a matrix with recalls for each held-out corpus and system, and answers outside its classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.evaluation.scores import class_scores
from mer.html_pages import frame
from mer.html_pages.banner import titled
from mer.params.schema import SELECTED
from mer.report.style.numbers import NO_VALUE, select, short
from mer.report.style.symbols import for_display, labels
from mer.report.tables.wrapped import content

TEMPLATES = Path(__file__).parent
"""The folder of the template."""


def write(
    path: Path, study: tuple[str, str], results: pd.DataFrame, predictions: pd.DataFrame, classes: Sequence[str]
) -> None:
    """Write the page.

    Args:
        path: the path of the page.
        study: the name of the study and the banner of its pages.
        results, predictions: of the study.
        classes: the classes of the policy, in order.
    """
    held_out = predictions[predictions["protocol"] == "loco"]
    text = frame.environment(TEMPLATES).get_template("classes.html.j2").render(
        title=f"Confusions and recall · {titled(*study)}", study=titled(*study), banner=study[1], has_script=True,
        outside=content(outside_table(results), "Share of free predictions in classes that the corpus does not have."),
        corpora=[_corpus(number, part, classes) for number, (_, part) in enumerate(held_out.groupby("test_corpus"))],
    )  # fmt: skip
    files.write_text(path, text)


def outside_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return systems × held-out corpora with the share of free predictions outside the corpus's classes."""
    rows = select(results, "loco", "free").drop_duplicates(["label", "test_corpus"])
    wide = rows.pivot(index="label", columns="test_corpus", values="outside")
    texts = wide.map(lambda share: NO_VALUE if pd.isna(share) else f"{100 * share:.0f}%")
    return texts.rename_axis(index="system", columns=None)


def _corpus(number: int, part: pd.DataFrame, classes: Sequence[str]) -> dict:
    """One held-out corpus with the matrices of all systems."""
    name = for_display(part[["test_corpus"]].drop_duplicates(), part)["test_corpus"].iloc[0]
    systems = [
        _system(label, rows, classes)
        for label, rows in sorted(part.groupby(labels(part)), key=lambda pair: (pair[0] != SELECTED, pair[0]))
    ]
    return {"id": f"corpus-{number}", "name": name, "systems": systems}


def _system(name: str, rows: pd.DataFrame, classes: Sequence[str]) -> dict:
    """The matrix of one system on one corpus."""
    counts = class_scores.confusion_table(rows, tuple(classes))
    counts = counts[counts["answers"] == "free"]
    matrix, seeds = counts[list(classes)].to_numpy(float), rows["seed"].nunique()
    totals = matrix.sum(axis=1)
    lines = []
    for at in np.flatnonzero(totals):
        shares = matrix[at] / totals[at]
        clips = rows.loc[rows["emotion"] == classes[at], "utterance_id"].nunique()
        lines.append({"name": classes[at], "clips": f"{clips:,}", "shares": shares.tolist(),
                      "recall": short(shares[at], 2)})  # fmt: skip
    caption = f"{rows['utterance_id'].nunique():,} clips, {seeds} seed{'s' if seeds > 1 else ''}"
    return {"name": name, "predicted": list(classes), "rows": lines, "caption": caption}
