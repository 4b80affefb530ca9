"""What a checkpoint answered about a study, as a page in Markdown with two pictures."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mer import files
from mer.evaluation.checkpoint import MEAN, EvaluationResult
from mer.evaluation.row_selection import TESTS
from mer.report.figures.results import confusion_heatmap
from mer.report.pages.model_card import cell, table
from mer.report.style.axes import canvas, entitle, heat_map, rows_height
from mer.report.style.numbers import bounds, marks, short
from mer.report.text.sentences import held_against

SEEN = {
    "train": "it was trained on the recording",
    "validation": "it was validated on the recording",
    "person": "it has heard the person",
    "line": "it has read the line, in another recording",
    "unknown": "what it has seen is not known",
}
"""what is said of rows that a model has seen"""


def class_heatmap(rows: pd.DataFrame) -> Axes:
    """Draw precision, recall and F1 of each class.

    Args:
        rows: columns class, precision, recall, F1, support.
    """
    ax = canvas(height=rows_height(len(rows), 0.4) + 0.4)[1]
    names = [f"{name} ({int(n):,})" for name, n in zip(rows["class"], rows["support"], strict=True)]
    values = rows[["precision", "recall", "F1"]].to_numpy(float)
    heat_map(ax, values, np.vectorize(lambda value: short(value, 2))(values), names, ["precision", "recall", "F1"])
    ax.set(ylabel="spoken (clips)")
    return entitle(ax, "How well each class is found.")


def write(folder: Path, told: EvaluationResult, study: str, confused: pd.DataFrame, measures: pd.DataFrame) -> None:
    """Write `README.md`, `confusion.png` and `classes.png`, of free answers and all corpora together.

    Args:
        confused, measures: from `mer.evaluation.scores.scores.class_scores`.
    """
    classes = [name for name in confused.columns if name in set(confused["class"])]
    for name, ax in (
        ("confusion", confusion_heatmap(_whole(confused)[classes].to_numpy(), classes, told.predictions)),
        ("classes", class_heatmap(_whole(measures))),
    ):
        with files.replacing(folder / f"{name}.png") as partial:
            ax.figure.savefig(partial)
        plt.close(ax.figure)
    files.write_text(folder / "README.md", page(told, study, measures))


def page(told: EvaluationResult, study: str, measures: pd.DataFrame) -> str:
    """Return the page: what was asked, what was left out and why, scores, classes."""
    card, means = told.card, told.results[told.results["seed"].isna()]
    means = means.assign(mark=marks(means))
    scored = [_score(row) for row in means[means["metric"] == "UAR"].itertuples()]
    scored += [_score(row) for row in means[means["metric"].ne("UAR") & (means["test_corpus"] == MEAN)].itertuples()]
    columns = ["class", "precision", "recall", "F1", "support"]
    by_class = [
        (row["class"], *(short(row[name], 2) for name in columns[1:4]), row["support"])
        for _, row in _whole(measures).iterrows()
    ]
    parts = [
        f"# {cell(card['name'])} on {cell(study)}",
        f"Part `{told.part}`, from {', '.join(told.modalities)}. Tensors {card['tensors_sha256'][:12]}.",
        "## What it has seen of it",
        "\n".join(f"- {cell(line)}" for line in seen_lines(told)),
        "## Scores",
        f"UAR (mean recall of the classes) with its interval.{_mean(told)}{held_against(told.predictions)}",
        table(["corpus", "answers", "clips", "of them seen", "speakers", "UAR", "interval"], scored),
        "## Classes",
        "Free answers, all corpora together; `classes.csv` and `confusion.csv` have them one by one.",
        table(columns, by_class),
        "![what each class was taken for](confusion.png)",
        "![how well each class is found](classes.png)",
    ]
    return "\n\n".join(parts) + "\n"


def seen_lines(told: EvaluationResult) -> list[str]:
    """Return what was left out of a test, or what is no test as the model has seen it; what its networks have; and what
    the audit of the study holds against the scores."""
    against = [said] if (said := held_against(told.predictions).strip()) else []
    if told.part in TESTS:
        lines = [f"{row.corpus}: {row.rows:,} rows left out: {SEEN[row.overlap]}" for row in told.left_out.itertuples()]
        return [
            *(lines or ["nothing was left out: it was trained and validated on none of it"]),
            *told.notes,
            *against,
        ]
    rows = told.predictions
    counts = (
        rows.loc[rows["overlap"] != "", ["test_corpus", "overlap"]].value_counts(sort=False).reset_index(name="rows")
    )
    lines = [f"{row.test_corpus}: {row.rows:,} rows are no test: {SEEN[row.overlap]}" for row in counts.itertuples()]
    return [*(lines or ["it was trained and validated on none of it"]), *told.notes, *against]


def _whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Free answers, all corpora together: the last that are listed."""
    free = rows[rows["answers"] == "free"]
    return free[free["test_corpus"] == free["test_corpus"].iloc[-1]]


def _mean(told: EvaluationResult) -> str:
    if not told.mean_corpora:
        return ""
    return f" `{MEAN}` is the mean chance-corrected UAR of acted corpora, here {', '.join(told.mean_corpora)}."


def _score(row) -> Sequence[object]:
    interval = "–" if row.test_corpus == MEAN else bounds(row.low, row.high, row.speakers)
    return row.test_corpus, row.answers, row.n, row.overlap, row.speakers, f"{short(row.value)}{row.mark}", interval
