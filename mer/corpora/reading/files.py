"""Find the files of a corpus and read its lists. Faults in them become `Problem`s."""

import codecs
import csv
import functools
import io
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance

OTHER_SUFFIXES = (".aac", ".aif", ".aiff", ".m4a", ".mp3", ".ogg", ".opus", ".wma")
"""The suffixes of other audio formats, to which users convert recordings."""

STUB_START = b"version https://git-lfs.github.com/spec/v1"
"""The first bytes of a Git-LFS pointer."""
EMPTY = "empty file (0 bytes): copy or extract it again"
"""The reason why a list of 0 bytes cannot be read. Whether a recording of 0 bytes is used follows from
`data.audio_failure`, as for other unreadable recordings."""
STUB_LIMIT = 1024
"""The size, in bytes, below which a file may be a Git-LFS pointer. A pointer has about 130 bytes."""

EXTRACT = "`python -m zipfile -e ARCHIVE.zip FOLDER` decodes the names in old archives"
"""The advice for files whose names were decoded wrongly."""

RECORD_LIMIT = 10
"""The number of lines from which on a record means an unclosed quotation mark."""

Parse = Callable[[Path, Path], Iterator[Utterance | Problem]]
"""A parser: (raw folder, corpus folder) -> utterances and problems."""


def in_path_order(parse: Parse) -> Parse:
    """Return a parser that yields in the order of paths, whatever the order of the parser or the operating system."""

    @functools.wraps(parse)
    def ordered(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
        # the sort is stable: items of one path and line stay in the parser's order
        yield from sorted(parse(raw, folder), key=lambda item: (item.path, getattr(item, "line", None) or 0))

    return ordered


def relative(path: Path, raw: Path) -> str:
    """Return `path` below `raw` with forward slashes. Bytes of the name that are not UTF-8 are escaped."""
    text = _below(path, raw)
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _below(path: Path, raw: Path) -> str:
    """Return `path.relative_to(raw).as_posix()` of a path below `raw`, but faster."""
    return path.as_posix().removeprefix(f"{raw.as_posix().rstrip('/')}/")


def walk(folder: Path) -> Iterator[Path]:
    """Yield every file below `folder` in the order of POSIX paths, without the system files of macOS.

    Linked folders are entered, because large corpora often lie on another disk. No folder is entered twice, because a
    link may lead back to its parent.
    """
    visited: set[str] = set()
    paths = []
    for place, subfolders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = sorted(name for name in subfolders if name != "__MACOSX" and not name.startswith("._"))
        parent = Path(place)
        paths += [(f"{parent.as_posix()}/{name}", parent / name) for name in names if not name.startswith("._")]
    yield from (path for _, path in sorted(paths))


def unreadable_reason(path: Path) -> str | None:
    """Return why a file cannot be read, or None if it may be readable. Only its size and first bytes are checked."""
    return EMPTY if is_empty(path) else missing_reason(path)


def is_empty(path: Path) -> bool:
    """Return whether a file exists and has 0 bytes."""
    try:
        state = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(state.st_mode) and state.st_size == 0


def missing_reason(path: Path) -> str | None:
    """Return why there is no file to read, or None. A file of 0 bytes exists, and is an unreadable recording."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # to open a pipe would wait for somebody to write into it
            return "neither a file nor a link to one, but a folder, a pipe, a socket or a device"
        with path.open("rb") as file:
            start = file.read(len(STUB_START)) if state.st_size < STUB_LIMIT else b""
    except OSError as error:
        return f"cannot be opened ({error.strerror}): check the link or the permissions"
    if start == STUB_START:
        return "Git-LFS pointer, not the file itself: run `git lfs pull` in the clone or download the file"
    return None


def audio(raw: Path, folder: Path, suffixes: Sequence[str] = AUDIO_SUFFIXES) -> Iterator[Path | Problem]:
    """Yield the files below `folder` that end in one of `suffixes`, and the problems with them.

    Files of 0 bytes come last, so that readable files with the same name are found before them. A recording that exists
    in another format only is a problem as well.
    """
    stems, others, empty = set(), [], []
    for path in walk(folder):
        if (suffix := path.suffix.lower()) not in suffixes:
            others += [path] if suffix in OTHER_SUFFIXES else []
            continue
        stems.add(path.stem)
        name = relative(path, raw)
        if name != _below(path, raw):
            yield Problem(name, f"the path is not UTF-8: rename the file or its folder, or extract it again: {EXTRACT}")
        elif reason := missing_reason(path):
            yield Problem(name, reason)
        elif is_empty(path):
            empty.append(path)
        else:
            yield path
    yield from empty
    for path in others:
        if path.stem not in stems:
            yield Problem(relative(path, raw), f"{path.suffix} is not read here: convert it to {suffixes[0]}")


def clips(raw: Path, folder: Path) -> Iterator[tuple[str, str, Path] | Problem]:
    """Yield (stem, path relative to `raw`, path) of each audio file, each stem once."""
    first: dict[str, str] = {}
    for path in audio(raw, folder):
        if isinstance(path, Problem):
            yield path
            continue
        name = relative(path, raw)
        if path.stem in first:
            yield duplicate(path, name, first[path.stem])
        else:
            first[path.stem] = name
            yield path.stem, name, path


def duplicate(path: Path, name: str, first: str) -> Problem:
    """Return the problem with a file whose recording is read from another file.

    Args:
        path: the file.
        name: its path below `raw`.
        first: the path below `raw` of the file that is read.
    """
    return Problem(name, EMPTY if is_empty(path) else f"duplicate copy of {first}", utterance_lost=False)


def with_label(problem: Problem, read: Callable[[str, str], Utterance | Problem]) -> Problem:
    """Return the problem with a recording together with the label in its file name.

    Args:
        problem: problem whose path is that of the recording.
        read: function from a stem and a path below `raw` to an utterance or a problem.
    """
    if not problem.utterance_lost:
        return problem
    item = read(PurePosixPath(problem.path).stem, problem.path)
    return replace(problem, label=item.emotion_raw) if isinstance(item, Utterance) else problem


def decode(data: bytes, fallback: str = "cp1252") -> str:
    """Decode a text file by its byte order mark, else as UTF-8, else as `fallback`. Invalid bytes become �.

    >>> decode("naïve".encode("utf-16")), decode(b"na\\xefve"), decode("naïve".encode("utf-8-sig"))
    ('naïve', 'naïve', 'naïve')
    >>> decode("naïve, oui".encode("utf-16-be")), decode(b"no\\x00 loss")
    ('naïve, oui', 'no\\x00 loss')
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if coding := _utf_16(data[:STUB_LIMIT]):
        return data.decode(coding, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(fallback, "replace")


def _utf_16(start: bytes) -> str | None:
    """Return the coding of UTF-16 without byte order mark, or None.

    Every other byte of Latin text is zero then. A few zeros in other places are damage.
    """
    even, odd = start[::2].count(0), start[1::2].count(0)
    most, least = max(even, odd), min(even, odd)
    if most < 3 or most * 8 < len(start) // 2 or least * 4 > most:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def lines(text: str) -> list[str]:
    """Return the lines of a list. `str.splitlines` would also split transcripts at rare separators.

    >>> lines("one\\r\\nyes\\u2028no\\x85\\n")
    ['one', 'yes\\u2028no\\x85']
    """
    return [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]


def table(
    raw: Path, path: Path, columns: Sequence[str], delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str]] | Problem]:
    """Yield (line number, {column: stripped value}) of a table with a header, and the problems with its lines.

    Args:
        raw: folder of all corpora.
        path: table.
        columns: required columns.
        delimiter: character between cells. Tables with tabs have no quotation marks.
    """
    name = relative(path, raw)
    if reason := unreadable_reason(path):
        yield Problem(name, reason)
        return
    text = io.StringIO(decode(path.read_bytes()), newline="")
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(text, delimiter=delimiter, quoting=quoting)
    header = [cell.strip() for cell in next(_records(reader), (0, []))[1]]
    if missing := [column for column in columns if column not in header]:
        yield Problem(name, f"no column {', '.join(missing)} in the header", line=1)
        return
    if twice := [column for column, count in Counter(header).items() if column and count > 1]:
        yield Problem(name, f"column {twice[0]} is in the header twice: rename one of them", line=1)
        return
    for line, row in _records(reader):
        cells = [cell.strip() for cell in row]
        while len(cells) > len(header) and not cells[-1]:  # programs write separators at the end of a line
            cells.pop()
        if reader.line_num - line >= RECORD_LIMIT:
            reason = f"lines {line} to {reader.line_num} read as one: a quotation mark is not closed"
            yield Problem(name, reason, line=line)
        elif len(cells) != len(header):
            yield Problem(name, f"expected {len(header)} columns, found {len(cells)}", line=line)
        else:
            yield line, dict(zip(header, cells, strict=True))


def _records(reader) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line, cells) of each record that is not blank. An unreadable record has no cells."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field is too long for the csv module; lines were read, so the loop ends
            yield line, []
            continue
        if any(cell.strip() for cell in row):
            yield line, row


def as_integer(text: str | None) -> int | None:
    """Return a whole number in a list, or None if the text is none.

    >>> as_integer("31"), as_integer(""), as_integer("NaN")
    (31, None, None)
    """
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
