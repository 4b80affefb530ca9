"""Describe the differences between files of two runs."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mer import files
from mer.runner.staleness.differences import differing, format_value, sentence
from mer.runner.staleness.digests import files_below

SAME_VALUES = "the same values, other bytes"
UNREADABLE = (OSError, ValueError, TypeError, KeyError, NotImplementedError, RecursionError)
"""The errors of readers if a file has another content than its suffix says."""


def compare_files(a: Path, b: Path, names: Iterable[str]) -> list[tuple[str, str | None]]:
    """Compare the files of two run folders, file by file; hidden files do not count.

    Args:
        a: a run folder.
        b: another one.
        names: names of files and folders in the run folders.

    Returns:
        (file, the difference in words; None if it is the same to the byte), each file once, in order.
    """
    folders = files.to_root(a), files.to_root(b)
    compared: set[str] = set()
    for name in names:
        below = {file for folder in (a, b) for file in _files(folder, name)}
        empty = (a / name).is_dir() and (b / name).is_dir()
        compared |= below or (set() if empty else {name})
    return [(name, _presence_or_difference(a / name, b / name, folders)) for name in sorted(compared)]


def difference(a: Path, b: Path) -> str | None:
    """Return the difference between two files in words; None if they are the same to the byte."""
    return _difference(a, b, (files.to_root(a), files.to_root(b)))


def _files(folder: Path, name: str) -> list[str]:
    path = folder / name
    if path.is_dir():
        return [f"{name.rstrip('/')}/{inner}" for inner, _ in files_below(path)]
    return [name] if path.is_file() else []


def _presence_or_difference(a: Path, b: Path, folders: tuple[str, str]) -> str | None:
    exists = [path.is_file() for path in (a, b)]
    if all(exists):
        return _difference(a, b, folders)
    return f"only in {folders[exists.index(True)]}" if any(exists) else f"neither in {folders[0]} nor in {folders[1]}"


def _difference(a: Path, b: Path, folders: tuple[str, str]) -> str | None:
    read = {".csv": _csv, ".parquet": _parquet, ".json": _json}.get(a.suffix)
    content = []
    try:
        if files.digest_file(a) == files.digest_file(b):
            return None
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    for path, folder in zip((a, b), folders, strict=True):
        try:
            content.append(read(path) if read else path.stat().st_size)
        except UNREADABLE as error:
            return f"cannot be read in {folder} ({format_value(' '.join(str(error).split()))})"
    if read is None:
        return "other bytes" if content[0] == content[1] else f"{content[1]:,} bytes, was {content[0]:,}"
    text = _values(*content) if read is _json else "; ".join(_tables(*content, folders))
    return text or SAME_VALUES


def _csv(path: Path) -> Any:
    """Read a table; whole numbers stay whole if some are missing, and only empty fields and NaN are missing."""
    import pandas as pd

    return _checked(
        pd.read_csv(
            path, dtype_backend="numpy_nullable", low_memory=False,
            keep_default_na=False, na_values=["", "nan", "NaN"],
        )
    )  # fmt: skip


def _parquet(path: Path) -> Any:
    """Read a table from an open file: from a path such as `seed=0/a.parquet`, pandas would make a column."""
    import pandas as pd

    with path.open("rb") as file:
        return _checked(pd.read_parquet(file))


def _checked(table: Any) -> Any:
    import pandas as pd

    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    if not table.columns.is_unique:
        raise ValueError("two columns have the same name")
    return table


def _json(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8"))


def _values(a: object, b: object) -> str:
    sentences = [sentence(path or "the value", old, new) for path, old, new in differing(a, b)]
    if not sentences:
        return ""
    more = "; …" if len(sentences) > 3 else ""
    return f"{_count(len(sentences), 'value')} {_differ(sentences)}: {'; '.join(sentences[:3])}{more}"


def _tables(a: Any, b: Any, folders: tuple[str, str]) -> Iterator[str]:
    """Compare row by row. Rows correspond if they agree in the columns whose values identify each row."""
    for folder, x, y in ((folders[0], a, b), (folders[1], b, a)):
        if only := [str(column) for column in x if column not in y]:
            yield f"only in {folder}: {'columns' if len(only) > 1 else 'column'} {', '.join(only)}"
    if len(a) != len(b):
        yield f"{_count(len(b), 'row')}, was {len(a):,}"
    columns = [column for column in a if column in b]
    measured = [column for column in columns if _is_measured(a[column], b[column])]
    texts = [column for column in columns if column not in measured]
    moved = columns != [column for column in b if column in a]
    a, b = (table[measured].join(table[texts].apply(_as_text)) for table in (a, b))
    titles = [column for column in texts if _is_title(a[column], b[column])]
    for column in titles:
        yield sentence(str(column), a[column].iloc[0], b[column].iloc[0])
    texts = [column for column in texts if column not in titles]
    keys = _keys(a, b, texts)
    if keys:
        a, b = (table.set_index(keys, drop=False) for table in (a, b))
    elif len(a) != len(b):
        yield "compared in order, because no column names the rows"
    for folder, x, y in ((folders[0], a, b), (folders[1], b, a)):
        if only := int((~x.index.isin(y.index)).sum()):
            yield f"{_count(only, 'row')} only in {folder}"
    common = b[b.index.isin(a.index)].index
    a = a[a.index.isin(b.index)]
    b = b.iloc[b.index.get_indexer(a.index)]
    yield from _numbers(a[measured], b[measured], keys)
    yield from _cells(a[texts], b[texts], keys)
    if moved:
        yield "columns in another order"
    if not a.index.equals(common):
        yield "rows in another order"


def _is_measured(a: Any, b: Any) -> bool:
    """Return whether a column holds fractions in at least one table, and numbers in both."""
    kinds = {column.dtype.kind for column in (a, b) if not column.isna().all()}
    return "f" in kinds and kinds <= set("iuf")


def _is_title(a: Any, b: Any) -> bool:
    """Return whether a column has one value in all rows, and another in the other table, as a study's name has."""
    return a.nunique() == b.nunique() == 1 and a.iloc[0] != b.iloc[0]


def _as_text(column: Any) -> Any:
    values = column.astype(object)
    texts = values.map(lambda value: str(value.tolist() if hasattr(value, "tolist") else value))
    return texts.where(column.notna(), "missing").astype(object)


def _keys(a: Any, b: Any, texts: list) -> list:
    """Return few of the first columns whose values identify each row of both tables; none if no columns do."""

    def unique(columns: list) -> bool:
        return bool(columns) and not any(table.duplicated(columns).any() for table in (a, b))

    keys = next((texts[:count] for count in range(1, len(texts) + 1) if unique(texts[:count])), [])
    for column in reversed(keys):
        if unique(fewer := [key for key in keys if key != column]):
            keys = fewer
    return keys


def _numbers(a: Any, b: Any, keys: list) -> Iterator[str]:
    """Describe how many numbers differ, by how much at most and in which row. NaN is the same as NaN."""
    import numpy as np

    x, y = (table.to_numpy(dtype=float, na_value=np.nan) for table in (a, b))
    different = (x != y) & ~(np.isnan(x) & np.isnan(y))
    if not (count := int(different.sum())):
        return
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(x - y)
    distance[~different | ~np.isfinite(distance)] = -1.0
    text = f"{count:,} of {_count(different.size, 'number')} {'differs' if count == 1 else 'differ'}"
    odd = int((different & (distance < 0)).sum())
    if odd < count:
        row, column = np.unravel_index(distance.argmax(), distance.shape)
        text += f", by at most {distance[row, column]:.3g} ({_place(a, row, column, keys)})"
    if odd:
        row, column = np.argwhere(different & (distance < 0))[0]
        text += f", {odd:,} missing or infinite in one of them (first {_place(a, row, column, keys)})"
    yield text


def _cells(a: Any, b: Any, keys: list) -> Iterator[str]:
    """Describe how many texts and whole numbers differ, and the first of them."""
    import numpy as np

    if a.empty or not (positions := np.argwhere(a.to_numpy() != b.to_numpy())).size:
        return
    row, column = positions[0]
    first = sentence(_place(a, row, column, keys), a.iat[row, column], b.iat[row, column])
    yield f"{_count(len(positions), 'other cell')} {_differ(positions)}, first {first}"


def _place(table: Any, row: int, column: int, keys: list) -> str:
    label = table.index[row]
    values = label if isinstance(label, tuple) else (label,)
    row_name = (
        ", ".join(f"{key}={value}" for key, value in zip(keys, values, strict=True)) if keys else f"row {row + 1}"
    )
    return f"{table.columns[column]} at {row_name}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _differ(items: Any) -> str:
    return "differs" if len(items) == 1 else "differ"
