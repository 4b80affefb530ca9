"""Predictions as files: a table for people, JSON lines for programs."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from mer import csv_tables, files
from mer.predict.outputs.prediction import Prediction

FIRST = ("path", "start", "end", "label", "certainty", "entropy", "margin", "modalities", "inputs")
"""The columns of the table before the probabilities."""
LAST = ("text", "text_source", "language", "language_probability", "scaled_by", "warning", "error")
"""The columns of the table after all probabilities."""


def columns(classes: Sequence[str], inputs: Sequence[str]) -> list[str]:
    """Return the names of the table's columns.

    >>> columns(["anger"], ["audio"])[9:12]
    ['p_anger', 'audio_label', 'audio_certainty']
    """
    by_input = [f"{name}_{value}" for name in inputs for value in ("label", "certainty")]
    return [*FIRST, *(f"p_{name}" for name in classes), *by_input, *LAST]


def row(prediction: Prediction, classes: Sequence[str], inputs: Sequence[str]) -> dict[str, object]:
    """Return a prediction as a row of the table; None marks an empty entry. No spreadsheet runs a text in it."""
    entries = {
        "path": csv_tables.inert_path(prediction.path),
        "start": _seconds(prediction.start), "end": _seconds(prediction.end),
        "label": prediction.label, "certainty": _share(prediction.certainty), "entropy": _share(prediction.entropy),
        "margin": _share(prediction.margin), "modalities": "+".join(prediction.modalities),
        "inputs": "+".join(prediction.inputs), "text": prediction.text, "text_source": prediction.text_source,
        "language": prediction.language, "language_probability": _share(prediction.language_probability),
        "scaled_by": prediction.scaled_by,
        "warning": "; ".join(prediction.warnings), "error": prediction.error,
    }  # fmt: skip
    entries |= {f"p_{name}": _share(prediction.probabilities.get(name)) for name in classes}
    for name in inputs:
        p = prediction.per_input.get(name, {})
        best = max(p, key=p.get) if p else None
        entries |= {f"{name}_label": best, f"{name}_certainty": _share(p.get(best))}
    return {name: csv_tables.inert(entries[name]) for name in columns(classes, inputs)}


def write_predictions(
    predictions: Iterable[Prediction], table: Path, lines: Path | None, classes: Sequence[str], inputs: Sequence[str]
) -> Iterator[Prediction]:
    """Yield the predictions, writing each as it is yielded; the files get their names after the last one.

    Args:
        predictions: the predictions, in order.
        table: the path of the table, CSV in UTF-8.
        lines: the path of the JSON lines, each a `Prediction` with `certainty`; None writes none.
        classes, inputs: the model's classes and the names of its inputs, in the order of columns.
    """
    with ExitStack() as stack:
        opened = [
            stack.enter_context(stack.enter_context(files.replacing(path)).open("w", encoding="utf-8", newline=""))
            for path in (table, lines)
            if path is not None
        ]
        sheet = csv.DictWriter(opened[0], columns(classes, inputs), lineterminator="\n")
        sheet.writeheader()
        for prediction in predictions:
            sheet.writerow(row(prediction, classes, inputs))
            if lines is not None:
                values = asdict(prediction) | {"certainty": prediction.certainty}
                opened[1].write(json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n")
            yield prediction


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"
