"""The rows of user-defined tables: CSV and TSV, Excel, JSON lines, Parquet, audformat databases, and AudioFolders.

No code in them is run.
"""

import json
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.corpus import Problem
from mer.corpora.own import audio_folder, parquet
from mer.corpora.own.table_row import TableRow
from mer.corpora.reading.files import decode, lines, relative, table, unreadable_reason
from mer.files import is_file
from mer.foreign import load_yaml

AUDFORMAT = "db.yaml"
JSON_LINES = (".jsonl", ".ndjson")
EXCEL = (".xlsx", ".xlsm")
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of xlsx and ods files, and of xls files."""
MAX_EXCEL_BYTES = 512 * 2**20
"""The largest size of the content of an Excel file, unpacked, in bytes."""
TIMEDELTA = re.compile(
    r"(?:(?P<days>[0-9]{1,6}) days? )?(?:(?P<hours>[0-9]{1,6}):)?(?P<minutes>[0-9]{1,6}):(?P<seconds>[0-9.]+)"
)


def rows(raw: Path, path: Path) -> Iterator[TableRow | Problem]:
    """Yield the rows of a table or of a folder of recordings, and the problems with it or with its lines."""
    if path.is_dir():
        yield from audio_folder.rows(raw, path, rows)
    elif reason := unreadable_reason(path) or _spreadsheet(path):
        yield Problem(relative(path, raw), reason)
    elif path.suffix.lower() in EXCEL:
        yield from _excel(raw, path)
    elif path.name == AUDFORMAT:
        yield from _audformat(raw, path)
    elif path.suffix.lower() in JSON_LINES:
        yield from _json_lines(raw, path)
    elif path.suffix.lower() == parquet.SUFFIX:
        yield from parquet.rows(raw, path)
    else:
        yield from _separated(raw, path)


def seconds(text: str | None) -> float | None:
    """Return seconds from a number or a time span; None if the text is neither.

    >>> seconds("1.5"), seconds("0 days 00:01:02.500000"), seconds("NaT"), seconds("nan")
    (1.5, 62.5, None, None)
    """
    if not text:
        return None
    if match := TIMEDELTA.fullmatch(text):
        days, hours, minutes = (int(match[name] or 0) for name in ("days", "hours", "minutes"))
        rest = _number(match["seconds"])
        return None if rest is None else ((days * 24 + hours) * 60 + minutes) * 60 + rest
    value = _number(text)
    return None if value is None or value < 0 else value


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def _spreadsheet(path: Path) -> str | None:
    if path.suffix.lower() in EXCEL:
        return None
    with path.open("rb") as file:
        is_spreadsheet = file.read(4) in SPREADSHEETS
    return (
        "a spreadsheet of another form than .xlsx, which is not read: save it as .xlsx or CSV"
        if is_spreadsheet
        else None
    )


def _separated(raw: Path, path: Path) -> Iterator[TableRow | Problem]:
    with path.open("rb") as file:
        header = next(iter(lines(decode(file.read(65_536)))), "")
    delimiter = max("\t;,", key=header.count)
    for row in table(raw, path, (), delimiter):
        yield row if isinstance(row, Problem) else TableRow(relative(path, raw), *row)


def _excel(raw: Path, path: Path) -> Iterator[TableRow | Problem]:
    """Yield the rows of the first sheet of an Excel file. Formulas have the values that Excel stored."""
    name = relative(path, raw)
    try:
        header, *stored = _sheet(path) or [[]]
    except Exception as error:  # the reader raises many types of errors for foreign bytes
        yield Problem(name, f"not readable as an Excel file ({type(error).__name__}: {error}); save it as CSV")
        return
    columns = [cell.strip() for cell in header]
    for line, cells in enumerate(stored, start=2):
        if any(cells):
            yield TableRow(name, line, {column: cell for column, cell in zip(columns, cells, strict=False) if column})


def _sheet(path: Path) -> list[list[str]]:
    from openpyxl import load_workbook

    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_EXCEL_BYTES:
            raise ValueError("its content is too large")
    book = load_workbook(path, read_only=True, data_only=True)
    try:
        rows = [[_cell(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    finally:
        book.close()
    return rows


def _cell(value: object) -> str:
    """Return the text of a cell; Excel stores whole numbers as 1.0.

    >>> _cell(1.0), _cell(None), _cell("01"), _cell(2.5)
    ('1', '', '01', '2.5')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()


def _json_lines(raw: Path, path: Path) -> Iterator[TableRow | Problem]:
    name = relative(path, raw)
    for number, line in enumerate(lines(decode(path.read_bytes())), start=1):
        if not line.strip():
            continue
        try:
            cells = {key: "" if value is None else str(value) for key, value in json.loads(line).items()}
        except (ValueError, AttributeError, RecursionError):
            cells = None
        if cells is not None:
            yield TableRow(name, number, cells)
        else:
            yield Problem(name, "expected one JSON object per line", line=number)


def _audformat(raw: Path, path: Path) -> Iterator[TableRow | Problem]:
    """Join the tables of a database by file, or by file and time, and add the attributes in its schemes.

    The line of a row is that of the first table that lists its file or segment. A cell that no table has is empty.
    """
    try:
        header = load_yaml(decode(path.read_bytes()))
        tables = {str(name): dict(description) for name, description in header["tables"].items()}
        schemes = dict(header.get("schemes") or {})
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        yield Problem(relative(path, raw), f"not the header of an audformat database ({type(error).__name__})")
        return
    joined: dict[tuple[str, str, str], dict[str, str]] = {}
    places: dict[tuple[str, str, str], tuple[str, int]] = {}
    for name, description in tables.items():
        stored = _stored(path.parent, name)
        if isinstance(stored, str):
            yield Problem(relative(path, raw), stored)
            continue
        attributes = _attributes(path.parent, schemes, description)
        for line, cells in enumerate(stored, start=2):  # line 1 is the header
            key = (cells.pop("file", ""), cells.pop("start", ""), cells.pop("end", ""))
            places.setdefault(key, (relative(_file(path.parent, name), raw), line))
            for column, by_value in attributes.items():
                cells = by_value.get(cells.get(column, ""), {}) | cells
            joined.setdefault(key, {}).update({k: v for k, v in cells.items() if k not in joined[key]})
    segmented = {file for file, start, end in joined if start or end}
    empty = {column: "" for cells in joined.values() for column in cells}
    for key, cells in sorted(joined.items()):
        file, start, end = key
        if not (start or end) and file in segmented:
            continue  # its segments have its columns too
        whole_file = joined.get((file, "", ""), {})
        yield TableRow(*places[key], empty | whole_file | cells | {"file": file, "start": start, "end": end})


def _stored(folder: Path, name: str) -> list[dict[str, str]] | str:
    """Return the rows of one table of a database, or the reason why it cannot be read."""
    import pandas as pd

    place = _file(folder, name)
    if Path(name).name != name or not is_file(place):
        return f"table {name}: neither db.{name}.csv nor db.{name}.parquet is there; other formats are not read"
    try:
        if place.suffix == ".csv":  # in which "None" or "NA" may be a label or a name; NaT is pandas' own
            frame = pd.read_csv(place, dtype=str, keep_default_na=False, na_values=["NaT"])
        else:
            frame = pd.read_parquet(place)
        frame = frame.reset_index() if frame.index.name else frame
        frame = frame.astype(object).where(frame.notna(), "")
        return [{str(key): str(value) for key, value in row.items()} for row in frame.to_dict("records")]
    except Exception as error:  # the readers raise many types of errors for foreign bytes, also when values are read
        return f"table {name}: not readable ({type(error).__name__})"


def _file(folder: Path, name: str) -> Path:
    text = folder / f"db.{name}.csv"
    return text if is_file(text) else folder / f"db.{name}.parquet"


def _attributes(folder: Path, schemes: dict, description: dict) -> dict[str, dict[str, dict[str, str]]]:
    """Return column -> value -> attributes in the column's scheme, such as gender and age of a speaker."""
    attributes: dict[str, dict[str, dict[str, str]]] = {}
    columns = description.get("columns")
    for column, options in columns.items() if isinstance(columns, dict) else ():
        name = options.get("scheme_id") if isinstance(options, dict) else None
        scheme = schemes.get(name) if isinstance(name, str) else None
        labels = scheme.get("labels") if isinstance(scheme, dict) else None
        if isinstance(labels, str):  # the name of a table
            listed = _stored(folder, labels)
            first = (list(row.items()) for row in listed) if isinstance(listed, list) else ()
            labels = {items[0][1]: dict(items[1:]) for items in first if items}
        if isinstance(labels, dict):
            attributes[str(column)] = {
                str(value): {str(key): str(item) for key, item in entry.items()}
                for value, entry in labels.items()
                if isinstance(entry, dict)
            }
    return attributes
