"""By how much two files of two runs differ."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mer import files
from mer.runner.changes import flat, shown
from mer.runner.digests import below

TABLES = (".csv", ".parquet")


def everything(a: Path, b: Path, names: Iterable[str]) -> list[tuple[str, str | None]]:
    """Compare what two run folders hold under `names`, file by file.

    Returns:
        (file, how it differs; None where it is the same to the byte), each file once, in order.
    """
    found = sorted({file for name in names for folder in (a, b) for file in _files(folder, name)})
    return [(name, _difference(a, b, name)) for name in found]


def difference(a: Path, b: Path) -> str | None:
    """Return by how much two files differ, in words; None where they are the same to the byte."""
    if files.digest_file(a) == files.digest_file(b):
        return None
    try:
        if a.suffix in TABLES:
            return _tables(*(_table(path) for path in (a, b)))
        if a.suffix == ".json":
            return _leaves(*(flat(json.loads(path.read_text(encoding="utf-8"))) for path in (a, b)))
    except (OSError, ValueError, KeyError) as error:
        return f"cannot be compared ({type(error).__name__}: {shown(error)})"
    sizes = [path.stat().st_size for path in (a, b)]
    return "other bytes" if sizes[0] == sizes[1] else f"{sizes[1]:,} bytes, was {sizes[0]:,}"


def _difference(a: Path, b: Path, name: str) -> str | None:
    there = [(folder / name).is_file() for folder in (a, b)]
    if all(there):
        return difference(a / name, b / name)
    return f"only in {files.to_root(a if there[0] else b)}"


def _files(folder: Path, name: str) -> list[str]:
    path = folder / name
    if path.is_dir():
        return [f"{name.rstrip('/')}/{inner}" for inner, _ in below(path)]
    return [name] if path.is_file() else []


def _table(path: Path) -> Any:
    import pandas as pd

    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def _leaves(a: dict, b: dict) -> str:
    absent = object()
    names = [name for name in sorted(a | b) if a.get(name, absent) != b.get(name, absent)]
    if not names:
        return "the same values, written otherwise"
    return f"{len(names)} values differ: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"


def _tables(a: Any, b: Any) -> str:
    """Rows are matched by what is not a fraction: names, seeds, counts."""
    told = [f"columns {', '.join(map(str, only))} only in the {which}" for which, only in (
        ("first", [c for c in a if c not in b]), ("second", [c for c in b if c not in a])) if only]  # fmt: skip
    columns = [c for c in a if c in b]
    measured = [c for c in columns if a[c].dtype.kind == "f" or b[c].dtype.kind == "f"]
    names = [c for c in columns if c not in measured and not _title(a[c], b[c])]
    a, b = (_keyed(table[columns], names) for table in (a, b))
    rows = [len(a.index.difference(b.index)), len(b.index.difference(a.index))]
    if any(rows):
        told.append(f"{rows[0]} rows only in the first, {rows[1]} only in the second (of {len(a)} and {len(b)})")
    both = a.index.intersection(b.index)
    told += _numbers(a.loc[both, measured], b.loc[both, measured])
    return "; ".join(told) or "the same values, written otherwise"


def _title(a: Any, b: Any) -> bool:
    """Whether a column names the whole table, as the study does, and another in each."""
    return a.nunique() == b.nunique() == 1 and a.iloc[0] != b.iloc[0]


def _keyed(table: Any, keys: list) -> Any:
    """Number rows that have the same key: a table may hold one line twice."""
    import pandas as pd

    texts = pd.Series([" | ".join(map(str, row)) for row in table[keys].itertuples(index=False)], dtype=str)
    number = texts.groupby(texts).cumcount()
    return table.set_index(pd.Index(texts + number.map(lambda n: f" #{n + 1}" if n else "")))


def _numbers(a: Any, b: Any) -> list[str]:
    import numpy as np

    if a.empty:
        return []
    x, y = (table.to_numpy(dtype=float) for table in (a, b))
    unlike = (x != y) & ~(np.isnan(x) & np.isnan(y))
    if not unlike.any():
        return []
    apart = np.where(unlike, np.nan_to_num(np.abs(x - y), nan=np.inf), -1.0)
    row, column = np.unravel_index(apart.argmax(), apart.shape)
    most = f"{apart[row, column]:.3g}" if np.isfinite(apart[row, column]) else "a value that is missing in one"
    where = f"{a.columns[column]} of {shown(a.index[row])}" if a.index[row] else f"{a.columns[column]}, row {row + 1}"
    return [f"{unlike.sum()} of {unlike.size} numbers differ, the most by {most} ({where})"]
