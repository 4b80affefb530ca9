"""Folders of recordings as the package datasets of Hugging Face reads them (AudioFolder), instead of a table.

`metadata.csv`, `metadata.jsonl` or `metadata.parquet` name the files below their own folder in the column `file_name`.
Without such a file, a recording's folder is its label. A folder `train`, `validation` or `test` above is its part.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from mer.corpora.corpus import AUDIO_SUFFIXES, Problem
from mer.corpora.own import parquet
from mer.corpora.own.table_row import TableRow
from mer.corpora.reading.columns import PARTS
from mer.corpora.reading.files import relative, walk
from mer.corpora.reading.media import COMPRESSED_SUFFIXES, VIDEO_SUFFIXES

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""The names of files that list recordings."""
FILE_NAME = "file_name"
"""The column of these files with the path below their own folder."""
SUFFIXES = {*AUDIO_SUFFIXES, *COMPRESSED_SUFFIXES, *VIDEO_SUFFIXES, ".mp3", ".ogg", ".opus"}
"""The suffixes of recordings that are found without a list."""

Reader = Callable[[Path, Path], Iterator[TableRow | Problem]]
"""A function that reads one table, given the raw folder and the table."""


def is_folder(table: str) -> bool:
    """Whether a study names a folder as the table of a corpus: a path whose last part has no suffix.

    >>> is_folder("mine/"), is_folder("mine/clips"), is_folder("mine/my.csv")
    (True, True, False)
    """
    return table.endswith("/") or "." not in table.rpartition("/")[2]


def rows(raw: Path, folder: Path, read: Reader) -> Iterator[TableRow | Problem]:
    """Yield a row per recording, with the paths below `folder`.

    Args:
        raw: the folder of all corpora.
        folder: the folder of the corpus.
        read: reads one of the `METADATA` files.
    """
    files = list(walk(folder))
    if listed := [path for path in files if path.name in METADATA]:
        for path in listed:
            yield from (_placed(row, path.parent, folder) for row in read(raw, path))
        return
    if shards := [path for path in files if path.suffix == parquet.SUFFIX]:
        yield Problem(relative(shards[0], raw), parquet.EMBEDDED.format(path=relative(folder, raw)))
        return
    for path in files:
        if path.suffix.lower() in SUFFIXES:
            place = path.relative_to(folder)
            label = place.parent.name if place.parent.name not in PARTS else ""
            yield TableRow(relative(path, raw), 1, {"file": place.as_posix(), "label": label, "split": _part(place)})


def _placed(row: TableRow | Problem, place: Path, folder: Path) -> TableRow | Problem:
    """A row of a list with its path below the folder of the corpus, and the part that the list's folder names."""
    if isinstance(row, Problem):
        return row
    below = place.relative_to(folder)
    cells = {"split": _part(below / "x"), **row.cells}
    if FILE_NAME in cells and below.parts and cells[FILE_NAME]:
        cells[FILE_NAME] = (below / cells[FILE_NAME]).as_posix()
    return TableRow(row.path, row.line, cells)


def _part(path: Path) -> str:
    return next((name for name in path.parts[:-1] if name in PARTS), "")
