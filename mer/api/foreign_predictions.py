"""Predictions that were made elsewhere, as a table of predictions of MER (mer/evaluation/scores/scores.py)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import corpora, stats
from mer.api.metrics import two_spellings
from mer.corpora.reading.columns import ALIASES, plain
from mer.evaluation.scores import flags
from mer.params.messages import near

NAMES = {
    "utterance_id": ("utteranceid", "id", "key", "uttid", *ALIASES["path"], "segmentid"),
    "emotion": ("emotion", "true", "ytrue", "truth", "gold", "target", "reference", *ALIASES["emotion"]),
    "free": ("free", "predicted", "prediction", "pred", "ypred", "hypothesis", "predictedlabel", "predictedemotion"),
    "speaker_id": (*ALIASES["speaker"], "group"),
    "dialogue_id": ALIASES["dialogue"],
    "test_corpus": ("testcorpus", "corpus", "dataset", "database"),
    "family": ("family",),
    "system": ("system", "model"),
    "seed": ("seed",),
    "protocol": ("protocol",),
    "train_corpora": ("traincorpora", "traincorpus", "trainedon"),
}  # fmt: skip
"""A column of predictions -> its names in tables without case and punctuation, the most probable first."""
TITLES = {"emotion": "true", "free": "predicted", "speaker_id": "speaker", "test_corpus": "corpus"}
"""The names of columns that messages use, if they differ from those of predictions."""
PROBABILITY = ("p_", "prob_")
"""The beginnings of the names of columns of probabilities; the class follows."""
DEFAULTS = {"test_corpus": "test", "system": "system", "seed": 0, "protocol": "external", "train_corpora": "unknown"}
"""The values of columns that a table need not have."""
SUM_TOLERANCE = 0.01
"""The largest distance of a sum of probabilities from 1."""


class PredictionTableError(ValueError):
    """A table of predictions cannot be scored; the message names the column or row and the remedy."""


def read(table: str | Path | pd.DataFrame, columns: Mapping[str, str] | None = None,
         classes: Sequence[str] | None = None) -> tuple[pd.DataFrame, tuple[str, ...]]:  # fmt: skip
    """Return a table of predictions of MER, and the classes among which a prediction chooses.

    Args:
        table: CSV, TSV or Parquet, or a table: a row per utterance (and system and seed).
        columns: MER's name of a column (`true`, `predicted`, `speaker`, `corpus`, …) -> the table's name, if it is not
            recognised.
        classes: the classes; by default all that occur as labels, predictions or columns of probabilities.

    Raises:
        PredictionTableError: names the fault and the remedy.
    """
    name = "predictions" if isinstance(table, pd.DataFrame) else str(table)
    frame = table if isinstance(table, pd.DataFrame) else _read_file(Path(table))
    if frame.empty:
        raise PredictionTableError(f"{name}: has no rows; write one row per utterance below the header")
    matches = _match(list(frame.columns), columns or {}, name)
    rows = frame.rename(columns={own: column for column, own in matches.items()})
    rows, named = _with_probabilities(rows.reset_index(drop=True), name)
    for column in ("emotion", "free", "speaker_id"):
        if column not in rows:
            raise PredictionTableError(_missing(column, list(frame.columns), name))
    rows = _completed(rows, name)
    classes = tuple(classes or _classes(rows, named))
    _check_values(rows, classes, name)
    return _with_restricted(rows, classes, named, name), classes


def _read_file(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise PredictionTableError(f"{path}: the file does not exist; name a CSV, TSV or Parquet file of predictions")
    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path)
    try:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        return pd.read_csv(path, sep=separator, dtype="str", keep_default_na=False, na_values=[""])  # "01" is no 1
    except (ValueError, UnicodeDecodeError) as error:  # pandas' own errors are of this type
        raise PredictionTableError(f"{path}: is not readable as CSV ({' '.join(str(error).split())})") from None


def _match(header: list, declared: Mapping[str, str], name: str) -> dict[str, str]:
    """Return column of predictions -> its name in the table."""
    own = {title: column for column, title in TITLES.items()} | {column: column for column in NAMES}
    matches = {}
    for key, value in declared.items():
        if key not in own:
            existing = f"there are {', '.join(own)}"
            raise PredictionTableError(f"columns: there is no column {key!r}{near(key, own)}; {existing}")
        if value not in header:
            raise PredictionTableError(f"{name}: has no column {value!r}, which `columns` names as {key}; "
                                       f"its columns are {', '.join(map(str, header))}")  # fmt: skip
        matches[own[key]] = value
    by_name: dict[str, str] = {}
    for column in header:
        by_name.setdefault(plain(str(column)), column)
    for column, spellings in NAMES.items():
        candidates = (by_name[s] for s in spellings if s in by_name and by_name[s] not in matches.values())
        if column not in matches and (match := next(candidates, None)) is not None:
            matches[column] = match
    return matches


def _missing(column: str, header: list, name: str) -> str:
    title = TITLES.get(column, column)
    reason = {"free": "the predicted label, or probabilities in columns p_CLASS", "emotion": "the true label",
              "speaker_id": "who speaks: intervals and tests are over speakers"}[column]  # fmt: skip
    return (f"{name}: no column is recognised as {title} ({reason}); name it: columns={{{title!r}: '…'}}. "
            f"The table has {', '.join(map(str, header))}")  # fmt: skip


def _with_probabilities(rows: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows with columns `p_CLASS` and the most probable class, and the classes of these columns."""
    columns = {column: f"p_{column[len(start):]}" for column in rows for start in PROBABILITY
               if str(column).startswith(start) and len(column) > len(start)}  # fmt: skip
    if not columns:
        return rows, []
    rows, own = rows.rename(columns=columns), list(columns.values())
    values = rows[own].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    wrong = ~(np.isfinite(values).all(axis=1) & (values >= 0).all(axis=1)) | (
        np.abs(np.nansum(values, axis=1) - 1) > SUM_TOLERANCE
    )
    if wrong.any():
        raise PredictionTableError(f"{name}: row {int(wrong.argmax()) + 1} has no probabilities, at least 0 with the "
                                   f"sum 1, in {', '.join(own)}; {wrong.sum()} rows are so")  # fmt: skip
    names = [column.removeprefix("p_") for column in own]
    rows = rows.assign(**dict(zip(own, values.T, strict=True)))
    if "free" not in rows:
        rows["free"] = np.array(names, dtype=object)[values.argmax(axis=1)]
    return rows, names


def _completed(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows with all columns of predictions."""
    rows = rows.assign(**{column: value for column, value in DEFAULTS.items() if column not in rows})
    if "utterance_id" not in rows:
        if len(rows[["system", "seed"]].drop_duplicates()) > 1:
            raise PredictionTableError(f"{name}: with several systems or seeds, a column `id` has to name the "
                                       "utterance of each row, so that the same utterances are compared")  # fmt: skip
        rows["utterance_id"] = [str(number) for number in range(len(rows))]
    families = {one: corpora.CORPORA[one].family if one in corpora.CORPORA else one for one in rows["test_corpus"]}
    rows = rows if "family" in rows else rows.assign(family=rows["test_corpus"].map(families))
    rows = rows if "dialogue_id" in rows else rows.assign(dialogue_id=None)
    rows = rows.assign(seed=pd.to_numeric(rows["seed"], errors="coerce"))
    if rows["seed"].isna().any() or (rows["seed"] % 1 != 0).any():
        raise PredictionTableError(f"{name}: the column seed must hold integers")
    stated = {column: rows[column].astype(str).eq("True") if column in rows else False
              for column in (*flags.FLAGS, "deterministic")}  # fmt: skip
    rows = rows.assign(seed=rows["seed"].astype(int), **stated, **({} if "lacks" in rows else {"lacks": ""}))
    texts = ["emotion", "free", "speaker_id", "test_corpus", "family", "system", "protocol", "train_corpora",
             "utterance_id"]  # fmt: skip
    for column in texts:
        rows[column] = rows[column].astype(object).where(rows[column].isna(), rows[column].map(str))
    return rows


def _classes(rows: pd.DataFrame, named: Sequence[str]) -> list[str]:
    return sorted({*rows["emotion"].dropna(), *rows["free"].dropna(), *named})


def _check_values(rows: pd.DataFrame, classes: tuple[str, ...], name: str) -> None:
    if twins := two_spellings(classes):
        raise PredictionTableError(f"{name}: {twins[0]!r} and {twins[1]!r} are two classes; write one label in one way")
    for column in ("emotion", "free", "speaker_id"):
        if (empty := rows[column].isna()).any():
            raise PredictionTableError(f"{name}: {TITLES[column]} is missing in {empty.sum()} rows, the first is row "
                                       f"{int(empty.argmax()) + 1}; fill them in or leave them out")  # fmt: skip
    for column in ("emotion", "free"):
        if (strange := ~rows[column].isin(classes)).any():
            value = rows[column][strange].iloc[0]
            raise PredictionTableError(f"{name}: {TITLES[column]} is {value!r} in row {int(strange.argmax()) + 1}, "
                                       f"which is none of the classes {', '.join(classes)}")  # fmt: skip


def _with_restricted(rows: pd.DataFrame, classes: tuple[str, ...], named: Sequence[str], name: str) -> pd.DataFrame:
    """Return the rows with predictions among the classes of their corpus, if they have probabilities."""
    if not named:
        return rows.drop(columns="restricted", errors="ignore")
    if unknown := sorted(set(named) - set(classes)):
        raise PredictionTableError(f"{name}: there are probabilities of {unknown[0]!r}, which is none of the classes "
                                   f"{', '.join(classes)}")  # fmt: skip
    rows = rows.assign(**{f"p_{one}": 0.0 for one in classes if one not in named})
    values, restricted = rows[[f"p_{one}" for one in classes]].to_numpy(float), np.empty(len(rows), dtype=object)
    for corpus, part in rows.groupby("test_corpus"):
        own = (rows["test_corpus"] == corpus).to_numpy()
        observed = np.isin(classes, part["emotion"].unique())
        restricted[own] = np.array(classes, dtype=object)[stats.restrict(values[own], observed)]
    return rows.assign(restricted=restricted)
