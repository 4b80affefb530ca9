"""Predictions as a table, for files, folders, arrays and tables that name recordings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mer.features.sources import write_array
from mer.predict.inputs.requests import Request, collect_requests
from mer.predict.inputs.segments import PredictionSettings
from mer.predict.outputs.prediction import Prediction
from mer.predict.predictor import Predictor, load
from mer.temporary import TemporaryFolder

PATH_COLUMNS, TEXT_COLUMNS = ("path", "file", "filename", "audio"), ("text", "transcription", "transcript")
"""The names of columns of a table that hold paths and texts; the first one that a table has is read."""


@dataclass(frozen=True)
class _Source:
    """A request, the label of the row that it comes from, and its name if it is no file."""

    request: Request
    row: object
    name: str | None = None


def predict_table(
    sources: str | Path | np.ndarray | Sequence | pd.DataFrame,
    model: str | Path | Predictor,
    *,
    sampling_rate: int | None = None,
    text: str | Sequence[str | None] | None = None,
    settings: PredictionSettings | None = None,
    **options: object,
) -> pd.DataFrame:
    """Return the predictions for recordings: a row for each, or for each segment of a long one.

    A recording that cannot be predicted has a row with an `error`.

    Args:
        sources: one or several of: paths of files and folders; arrays of audio of shape (samples,) or (samples,
            channels). Or a table with a column `path` and optionally `text`.
        model: the folder of a model, or a loaded one.
        sampling_rate: the sampling rate of arrays, in Hz.
        text: the texts of the recordings, one for each source; without them, text files beside recordings are read.
        settings: how recordings are segmented and predicted, if `model` is a folder.
        options: further arguments of `mer.predict.load`, such as `device`.

    Returns:
        `row` (the position of the source from 0, or the index of a table's row), `path`, `start` and `end` in seconds
        (NaN for a whole recording), `label`, `certainty`, `entropy`, `margin`, a column `p_CLASS` for each class,
        `inputs` that were used, `text`, `scaled_by` (whose recordings scaled the features), `warning` and `error`.

    Raises:
        ValueError: there is nothing to predict, a table has no column of paths, or an array has no sampling rate.
        CheckpointError: of `mer.predict.load`.
    """
    with TemporaryFolder() as folder:
        items = _sources(sources, sampling_rate, text, Path(folder))
        if not items:
            raise ValueError("there is nothing to predict: name files or folders, or give arrays or a table")
        if isinstance(model, Predictor) and (settings is not None or options):
            raise ValueError("settings and options belong to `mer.predict.load`: the model is loaded already")
        predictor = model if isinstance(model, Predictor) else load(model, settings=settings, **options)
        numbered = list(predictor.predict_numbered(item.request for item in items))
    rows = [_row(items[number], prediction, predictor.card.classes) for number, prediction in numbered]
    return pd.DataFrame(rows)


def _sources(sources: object, rate: int | None, text: object, folder: Path) -> list[_Source]:
    if isinstance(sources, pd.DataFrame):
        return _of_table(sources, text)
    single = isinstance(sources, str | Path | np.ndarray)
    given = [sources] if single else list(sources)
    texts = [text] if isinstance(text, str) else [None] * len(given) if text is None else list(text)
    if len(texts) != len(given):
        raise ValueError(f"{len(given)} sources, but {len(texts)} texts; give one text for each source, or None")
    items: list[_Source] = []
    for number, (source, own) in enumerate(zip(given, texts, strict=True)):
        if isinstance(source, str | Path):
            items += [_Source(request, number) for request in collect_requests([Path(source)], text=own)]
        else:
            path = write_array(np.asarray(source), number, rate, folder)
            items.append(_Source(Request(path, own), number, f"array {number}"))
    return items


def _of_table(table: pd.DataFrame, text: object) -> list[_Source]:
    if text is not None:
        raise ValueError("text: a table has its texts in a column `text`")
    paths = next((name for name in PATH_COLUMNS if name in table), None)
    if paths is None:
        columns = ", ".join(map(str, table.columns))
        raise ValueError(f"the table has no column {PATH_COLUMNS[0]!r} of paths; its columns are {columns}")
    texts = next((name for name in TEXT_COLUMNS if name in table), None)
    own = [None] * len(table) if texts is None else table[texts].astype(object).where(table[texts].notna(), None)
    items = []
    for row, path, spoken in zip(table.index, table[paths], own, strict=True):
        if pd.isna(path):
            items.append(_Source(Request(None, spoken, error=None if spoken else "there is no path"), row))
        else:
            items += [_Source(request, row) for request in collect_requests([Path(path)], text=spoken or None)]
    return items


def _row(source: _Source, prediction: Prediction, classes: Sequence[str]) -> dict[str, object]:
    if source.name is not None:
        prediction = replace(prediction, path=source.name)
    shares = {f"p_{name}": prediction.probabilities.get(name, np.nan) for name in classes}
    number = lambda value: np.nan if value is None else value  # noqa: E731
    return {
        "row": source.row, "path": prediction.path, "start": number(prediction.start), "end": number(prediction.end),
        "label": prediction.label, "certainty": number(prediction.certainty), "entropy": number(prediction.entropy),
        "margin": number(prediction.margin), **shares, "inputs": "+".join(prediction.inputs), "text": prediction.text,
        "scaled_by": prediction.scaled_by, "warning": "; ".join(prediction.warnings), "error": prediction.error,
    }  # fmt: skip
