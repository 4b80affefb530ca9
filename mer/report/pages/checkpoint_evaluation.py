"""The evaluation of a checkpoint on a study, as a page in Markdown with two figures."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from mer import files
from mer.evaluation.checkpoint import MEAN, EvaluationResult
from mer.evaluation.row_selection import TESTS
from mer.report.figures.scores import class_heatmap, confusion_heatmap
from mer.report.pages.markdown import escape_cell, markdown_table
from mer.report.style.numbers import bounds, short
from mer.report.style.symbols import symbols
from mer.report.text.scores import breach_sentence
from mer.stats import MULTI_LABEL_METRICS

OVERLAP_PHRASES = {
    "train": "the model was trained on the recording",
    "validation": "the model was validated on the recording",
    "speaker": "the model was trained or validated on the speaker",
    "sentence": "the model was trained or validated on the sentence, in another recording",
    "unknown": "the model's training data is unknown",
}
"""What each kind of overlap between the tested rows and the model's training data means."""


def write(
    folder: Path, result: EvaluationResult, study: str, confusion: pd.DataFrame, class_scores: pd.DataFrame
) -> None:
    """Write `README.md`, `confusion.png` and `classes.png`, of free predictions over all corpora together.

    Args:
        folder: existing folder.
        result: the evaluation.
        study: name of the study.
        confusion, class_scores: tables from `mer.evaluation.scores.class_scores`.
    """
    classes = [name for name in confusion.columns if name in set(confusion["class"])]
    for name, ax in (
        ("confusion", confusion_heatmap(_pooled(confusion)[classes].to_numpy(), classes, result.predictions)),
        ("classes", class_heatmap(_pooled(class_scores))),
    ):
        with files.replacing(folder / f"{name}.png") as partial:
            ax.figure.savefig(partial)
        plt.close(ax.figure)
    files.write_text(folder / "README.md", page(result, study, class_scores))


def page(result: EvaluationResult, study: str, class_scores: pd.DataFrame) -> str:
    """Return the page: tested part, excluded rows with reasons, scores and class scores."""
    card = result.card
    columns = ["class", "precision", "recall", "F1", "support"]
    by_class = [
        (row["class"], *(short(row[name], 2) for name in columns[1:4]), row["support"])
        for _, row in _pooled(class_scores).iterrows()
    ]
    sections = [
        f"# {escape_cell(card.name)} on {escape_cell(study)}",
        f"Part `{result.part}`, from {', '.join(result.inputs)}. Tensors {card.tensors_sha256[:12]}.",
        "## Excluded rows",
        "\n".join(f"- {escape_cell(line)}" for line in overlap_lines(result)),
        "## Results",
        f"UAR (unweighted average recall) with its interval.{_mean(result)}{breach_sentence(result.predictions)}",
        markdown_table(
            ["corpus", "predictions", "clips", "overlapping clips", "speakers", "UAR", "interval"], _scores(result)
        ),
        *_several_emotions(result),
        "### Classes",
        "Free predictions over all corpora together; `classes.csv` and `confusion.csv` contain each corpus.",
        markdown_table(columns, by_class),
        "![confusion matrix](confusion.png)",
        "![precision, recall and F1 of each class](classes.png)",
    ]
    return "\n\n".join(sections) + "\n"


def overlap_lines(result: EvaluationResult) -> list[str]:
    """Return which rows were excluded or are no test because of the model's training data, notes, and breaches."""
    breach = [sentence] if (sentence := breach_sentence(result.predictions).strip()) else []
    if result.part in TESTS:
        lines = [
            f"{row.corpus}: {row.rows:,} rows excluded: {OVERLAP_PHRASES[row.overlap]}"
            for row in result.left_out.itertuples()
        ]
        none = "no row was excluded: the model was trained and validated on none of them"
        return [*(lines or [none]), *result.notes, *breach]
    rows = result.predictions
    counts = (
        rows.loc[rows["overlap"] != "", ["test_corpus", "overlap"]].value_counts(sort=False).reset_index(name="rows")
    )
    lines = [
        f"{row.test_corpus}: {row.rows:,} rows are no test: {OVERLAP_PHRASES[row.overlap]}"
        for row in counts.itertuples()
    ]
    return [*(lines or ["the model was trained and validated on none of the rows"]), *result.notes, *breach]


def _several_emotions(result: EvaluationResult) -> list[str]:
    """The metrics of several emotions at once, each beside the best constant answer; nothing for other models."""
    means = result.results[result.results["seed"].isna()]
    rows = [
        (row.test_corpus, MULTI_LABEL_METRICS[row.metric].title, row.n, short(row.value),
         bounds(row.low, row.high, row.speakers), short(row.chance))
        for row in means[means["metric"].isin(list(MULTI_LABEL_METRICS))].itertuples()
    ]  # fmt: skip
    if not rows:
        return []
    header = ["corpus", "metric", "clips", "score", "interval", "best constant answer"]
    return ["### Several emotions at once", markdown_table(header, rows)]


def _scores(result: EvaluationResult) -> list[Sequence[object]]:
    """The UAR of each corpus, then the means over corpora."""
    means = result.results[result.results["seed"].isna()]
    means = means.assign(symbols=symbols(means))
    rows = [means[means["metric"] == "UAR"], means[means["metric"].ne("UAR") & (means["test_corpus"] == MEAN)]]
    return [_score(row) for part in rows for row in part.itertuples()]


def _pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """Free predictions over all corpora together, which are the last rows."""
    free = rows[rows["answers"] == "free"]
    return free[free["test_corpus"] == free["test_corpus"].iloc[-1]]


def _mean(result: EvaluationResult) -> str:
    if not result.mean_corpora:
        return ""
    return f" `{MEAN}` is the mean chance-corrected UAR over acted corpora, here {', '.join(result.mean_corpora)}."


def _score(row) -> Sequence[object]:
    interval = "–" if row.test_corpus == MEAN else bounds(row.low, row.high, row.speakers)
    return row.test_corpus, row.answers, row.n, row.overlap, row.speakers, f"{short(row.value)}{row.symbols}", interval
