"""Finding a corpus's files and reading its lists, with everything odd about them told as a `Problem`."""

import codecs
import csv
import functools
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance

OTHER_SUFFIXES = (".aac", ".aif", ".aiff", ".m4a", ".mp3", ".ogg", ".opus", ".wma")
"""into what people convert recordings, beside what parsers ask for"""

STUB_START = b"version https://git-lfs.github.com/spec/v1"
STUB_LIMIT = 1024
"""bytes; a Git-LFS pointer is some 130, so larger files are not opened"""

EXTRACT = "`python -m zipfile -e ARCHIVE.zip FOLDER` knows how old archives spell their names"

RECORD_LIMIT = 10
"""lines; a longer record means an unclosed quotation mark that swallowed what follows"""

Parse = Callable[[Path, Path], Iterator[Utterance | Problem]]


def in_path_order(parse: Parse) -> Parse:
    """Make a parser yield by path, whatever order the parser itself or the operating system has."""

    @functools.wraps(parse)
    def ordered(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
        # the sort is stable: what a parser says of one path and line stays in the parser's order
        yield from sorted(parse(raw, folder), key=lambda found: (found.path, getattr(found, "line", None) or 0))

    return ordered


def relative(path: Path, raw: Path) -> str:
    """Return `path` below `raw` with forward slashes, printable even where the name is not UTF-8."""
    text = _below(path, raw)
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _below(path: Path, raw: Path) -> str:
    """`path.relative_to(raw).as_posix()` of a path that is below, in a fifth of the time."""
    return path.as_posix().removeprefix(f"{raw.as_posix().rstrip('/')}/")


def walk(folder: Path) -> Iterator[Path]:
    """Yield every file below `folder` by POSIX path, without the litter of macOS.

    Linked folders are entered, because large corpora often live on another disk; no folder twice,
    because a link may lead back to its parent.
    """
    seen: set[str] = set()
    found = []
    for place, below, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if name != "__MACOSX" and not name.startswith("._"))
        here = Path(place)
        found += [(f"{here.as_posix()}/{name}", here / name) for name in names if not name.startswith("._")]
    yield from (path for _, path in sorted(found))


def unreadable_reason(path: Path) -> str | None:
    """Say why a file holds nothing to read, or None where it may: only its size and first bytes are read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(STUB_START)) if size < STUB_LIMIT else b""
    except OSError as error:
        return f"cannot be opened ({error.strerror}): check the link or the permissions"
    if size == 0:
        return "empty file (0 bytes): copy or extract it again"
    if start == STUB_START:
        return "Git-LFS pointer, not the file itself: run `git lfs pull` in the clone or download the file"
    return None


def audio(raw: Path, folder: Path, suffixes: Sequence[str] = AUDIO_SUFFIXES) -> Iterator[Path | Problem]:
    """Yield the files below `folder` that end in one of `suffixes`, or why one of them is of no use.

    A recording that is there in another format only is told, too.
    """
    stems, others = set(), []
    for path in walk(folder):
        if (suffix := path.suffix.lower()) not in suffixes:
            others += [path] if suffix in OTHER_SUFFIXES else []
            continue
        stems.add(path.stem)
        name = relative(path, raw)
        if name != _below(path, raw):
            yield Problem(name, f"the path is not UTF-8: rename the file or its folder, or extract it again: {EXTRACT}")
        elif reason := unreadable_reason(path):
            yield Problem(name, reason)
        else:
            yield path
    for path in others:
        if path.stem not in stems:
            yield Problem(relative(path, raw), f"{path.suffix} is not read here: convert it to {suffixes[0]}")


def clips(raw: Path, folder: Path) -> Iterator[tuple[str, str, Path] | Problem]:
    """Yield (stem, path relative to `raw`, path) of each usable audio file, each stem once."""
    first: dict[str, str] = {}
    for path in audio(raw, folder):
        if isinstance(path, Problem):
            yield path
            continue
        name = relative(path, raw)
        if path.stem in first:
            yield Problem(name, f"duplicate copy of {first[path.stem]}", utterance_lost=False)
        else:
            first[path.stem] = name
            yield path.stem, name, path


def with_label(problem: Problem, read: Callable[[str, str], Utterance | Problem]) -> Problem:
    """Return what is wrong with a recording together with the label in its name.

    Args:
        read: takes a stem and its path below `raw`.
    """
    if not problem.utterance_lost:
        return problem
    found = read(PurePosixPath(problem.path).stem, problem.path)
    return replace(problem, label=found.emotion_raw) if isinstance(found, Utterance) else problem


def decode(data: bytes, fallback: str = "cp1252") -> str:
    """Decode a text file: by its mark, else UTF-8, else `fallback`; what fits nothing becomes �.

    >>> decode("naïve".encode("utf-16")), decode(b"na\\xefve"), decode("naïve".encode("utf-8-sig"))
    ('naïve', 'naïve', 'naïve')
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if b"\0" in data[:STUB_LIMIT]:  # UTF-16 without its mark: every other byte of Latin text is zero
        return data.decode("utf-16-be" if data.startswith(b"\0") else "utf-16-le", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(fallback, "replace")


def lines(text: str) -> list[str]:
    """Return the lines of a list. `str.splitlines` would cut what is said, too, where it holds a rare separator.

    >>> lines("one\\r\\nyes\\u2028no\\x85\\n")
    ['one', 'yes\\u2028no\\x85']
    """
    return [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]


def table(
    raw: Path, path: Path, columns: Sequence[str], delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str]] | Problem]:
    """Yield (line number, {column: stripped value}) of a file with a header, or what is wrong with a line.

    Tab-separated files have no quotation rules. `columns` are those that must be there.
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
    if twice := [column for column in dict.fromkeys(header) if column and header.count(column) > 1]:
        yield Problem(name, f"column {twice[0]} is in the header twice: rename one of them", line=1)
        return
    for line, row in _records(reader):
        cells = [cell.strip() for cell in row]
        while len(cells) > len(header) and not cells[-1]:  # programs leave separators at the end of a line
            cells.pop()
        if reader.line_num - line >= RECORD_LIMIT:
            lost = f"lines {line} to {reader.line_num} read as one: a quotation mark is not closed"
            yield Problem(name, lost, line=line)
        elif len(cells) != len(header):
            yield Problem(name, f"expected {len(header)} columns, found {len(cells)}", line=line)
        else:
            yield line, dict(zip(header, cells, strict=True))


def _records(reader) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line, cells) of each record that is not blank; one that cannot be read has no cells."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field beyond the module's limit; it has consumed lines, so this ends
            yield line, []
            continue
        if any(cell.strip() for cell in row):
            yield line, row


def as_integer(text: str | None) -> int | None:
    """Return a whole number written in a list, or None where there is none.

    >>> whole("31"), whole(""), whole("NaN")
    (31, None, None)
    """
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
