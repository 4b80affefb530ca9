"""Read foreign tables: Parquet, CSV and similar formats, or a JSON object per line. Every entry is returned as text."""

import csv
import io
import json
from pathlib import Path

import pandas as pd

from mer.corpora.reading.files import decode, unreadable_reason
from mer.dataset.audit.tables.column_names import TableError

SUFFIXES = (".parquet", ".csv", ".tsv", ".txt", ".jsonl")
_DELIMITERS = ",;\t|"


def read(path: Path) -> pd.DataFrame:
    """Return a table with text in every entry, null if it is empty.

    Raises:
        TableError: the file does not exist, has another format or is damaged; the message names the file and, if
            possible, the line.
    """
    if not path.is_file():
        raise TableError(f"{path}: the file does not exist")
    if reason := unreadable_reason(path):
        raise TableError(f"{path}: {reason}")
    readers = {".parquet": _parquet, ".jsonl": _json_lines}
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise TableError(f"{path}: not one of {', '.join(SUFFIXES)}")
    table = readers.get(suffix, _delimited)(path)
    table.columns = _unique([_text(name) or "" for name in table.columns])
    try:
        return pd.DataFrame({name: _texts(table[name]) for name in table.columns}, index=range(len(table)))
    except Exception as error:  # texts of a damaged Parquet file are decoded when they are read
        raise TableError(f"{path}: its values cannot be read ({_first_line(error)})") from None


def _parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except Exception as error:  # for foreign bytes the reader has no common type of error
        raise TableError(f"{path}: not readable as Parquet ({_first_line(error)})") from None
    return table.reset_index(drop=True)


def _delimited(path: Path) -> pd.DataFrame:
    text = decode(path.read_bytes()).replace("\0", "")
    header = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    try:
        return pd.read_csv(io.StringIO(text), sep=delimiter, quoting=quoting, dtype=object, keep_default_na=False,
                           na_values=[""], index_col=False)  # fmt: skip
    except (ValueError, OverflowError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise TableError(
            f"{path}: not readable as a table with {delimiter!r} between its entries ({_first_line(error)})"
        ) from None


def _json_lines(path: Path) -> pd.DataFrame:
    records = []
    for number, line in enumerate(decode(path.read_bytes()).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TableError(f"{path}, line {number}: not JSON ({_first_line(error)})") from None
        if not isinstance(record, dict):
            raise TableError(f"{path}, line {number}: not an object in braces, as each line of a .jsonl has to be")
        records.append({_text(name): value for name, value in record.items()})
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: pd.Series([record.get(name) for record in records], dtype=object) for name in names}
    return pd.DataFrame(columns, index=range(len(records)))


def _texts(column: pd.Series) -> pd.Series:
    return pd.Series([_text(value) for value in column.tolist()], dtype="str")


def _text(value: object) -> str | None:
    """Return one entry as text. Integers look the same if their column has gaps, which turn them into floats."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair fits no table


def _unique(names: list[str]) -> list[str]:
    """Return unique column names: a second column of the same name gets a number."""
    counts: dict[str, int] = {}
    result = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        result.append(name if counts[name] == 1 else f"{name}.{counts[name] - 1}")
    return result


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
