"""Parquet tables, as the package datasets of Hugging Face writes them: columns of texts, numbers and class numbers.

Class numbers become names by the list that the file's metadata holds. A column of recordings (`Audio`: bytes and path)
cannot be read in place; `unpack.py` writes its recordings into files.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mer.corpora.corpus import Problem
from mer.corpora.own.table_row import TableRow
from mer.corpora.reading.files import relative
from mer.foreign import load_json

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SUFFIX = ".parquet"
BATCH_ROWS = 64
"""The number of rows that are in memory at a time."""
EMBEDDED = "holds its recordings itself: write them into files with python -m mer.corpora unpack {path} data/raw/NAME"


def rows(raw: Path, path: Path) -> Iterator[TableRow | Problem]:
    """Yield the rows of a Parquet file without embedded recordings; line 1 is its first row."""
    name = relative(path, raw)
    try:
        file = open_file(path)
        if recordings_column(file.schema_arrow):
            yield Problem(name, EMBEDDED.format(path=name))
            return
        for line, cells in enumerate(texts(file), start=1):
            yield TableRow(name, line, cells)
    except Exception as error:  # the reader raises many types of errors for foreign bytes
        yield Problem(name, f"not readable as Parquet ({type(error).__name__}: {str(error)[:200]})")


def open_file(path: Path) -> "pq.ParquetFile":
    """Return a Parquet file.

    Raises:
        ValueError: it is none.
    """
    import pyarrow.parquet as pq

    return pq.ParquetFile(path)


def recordings_column(schema: "pa.Schema") -> str | None:
    """Return the name of the column of embedded recordings, which has a field `bytes`; None if there is none."""
    import pyarrow as pa

    for field in schema:
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            return field.name
    return None


def texts(file: "pq.ParquetFile", also: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows as {column: text}; columns that hold lists or structures are left out.

    Args:
        file: as from `open_file`.
        also: a column whose values are kept as they are.
    """
    import pyarrow as pa

    names = class_names(file.schema_arrow)
    columns = [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)
               and not pa.types.is_binary(field.type) and not pa.types.is_large_binary(field.type)]  # fmt: skip
    read = [*columns, also] if also else columns
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=read):
        for row in batch.to_pylist():
            cells = {column: _text(row[column], names.get(column)) for column in columns}
            yield cells | {also: row[also]} if also else cells


def class_names(schema: "pa.Schema") -> dict[str, list[str]]:
    """Return column -> names of its classes, from the metadata of the package datasets; empty without it."""
    stored = (schema.metadata or {}).get(b"huggingface")
    try:
        features = load_json(stored.decode("utf-8"))["info"]["features"] if stored else {}
        return {str(name): [str(label) for label in feature["names"]] for name, feature in features.items()
                if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"}  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _text(value: object, names: list[str] | None) -> str:
    if isinstance(value, int) and names and 0 <= value < len(names):
        return names[value]
    return "" if value is None else str(value)
