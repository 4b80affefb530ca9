"""Answers as files: a table for people, JSON lines for programs."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from mer import files
from mer.predict.outputs.prediction import Answer

FIRST = ("path", "start", "end", "label", "certainty", "entropy", "margin", "modalities")
LAST = ("text", "text_source", "warning", "error")


def columns(classes: Sequence[str], modalities: Sequence[str]) -> list[str]:
    """Return the names of the table's columns.

    >>> columns(["anger"], ["audio"])[8:11]
    ['p_anger', 'audio_label', 'audio_certainty']
    """
    alone = [f"{m}_{what}" for m in modalities for what in ("label", "certainty")]
    return [*FIRST, *(f"p_{name}" for name in classes), *alone, *LAST]


def row(answer: Answer, classes: Sequence[str], modalities: Sequence[str]) -> dict[str, object]:
    """Return an answer as a row of the table; what there is not is empty."""
    found = {
        "path": answer.path, "start": _seconds(answer.start), "end": _seconds(answer.end), "label": answer.label,
        "certainty": _share(answer.certainty), "entropy": _share(answer.entropy), "margin": _share(answer.margin),
        "modalities": "+".join(answer.used), "text": answer.text, "text_source": answer.text_source,
        "warning": "; ".join(answer.warnings), "error": answer.error,
    }  # fmt: skip
    found |= {f"p_{name}": _share(answer.probabilities.get(name)) for name in classes}
    for m in modalities:
        p = answer.each.get(m, {})
        best = max(p, key=p.get) if p else None
        found |= {f"{m}_label": best, f"{m}_certainty": _share(p.get(best))}
    return {name: found[name] for name in columns(classes, modalities)}


def write(answers: Iterable[Answer], table: Path, lines: Path | None, card: dict) -> Iterator[Answer]:
    """Yield the answers on, each written as it comes; the files take their names when the last one is.

    Args:
        table: CSV in UTF-8.
        lines: an `Answer` with `certainty` a line; None writes none.
        card: of the model, for the order of columns.
    """
    classes, modalities = card["classes"], card["modalities"]
    with ExitStack() as stack:
        opened = [
            stack.enter_context(stack.enter_context(files.replacing(place)).open("w", encoding="utf-8", newline=""))
            for place in (table, lines)
            if place is not None
        ]
        sheet = csv.DictWriter(opened[0], columns(classes, modalities), lineterminator="\n")
        sheet.writeheader()
        for answer in answers:
            sheet.writerow(row(answer, classes, modalities))
            if lines is not None:
                told = asdict(answer) | {"certainty": answer.certainty}
                opened[1].write(json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n")
            yield answer


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"
