"""What is asked: files, folders and lists, and the words that lie beside them."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mer.media import container, video
from mer.predict.inputs.subtitles import Cue, parse

PLAIN = (".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav")
FILMED = (".3gp", ".m4v", ".mpeg", ".mpg", ".mts", ".ogv", ".ts")
SUFFIXES = {*PLAIN, *FILMED, *container.SUFFIXES, *video.SUFFIXES}
"""what is taken from a folder; a file that is named itself may have any"""
LARGEST_TEXT = 8 * 2**20
"""bytes of a file of words; a larger one is something else"""


@dataclass(frozen=True)
class Asked:
    """A recording, words, or both.

    Attributes:
        text: of the whole recording.
        cues: words with their times, where there are such.
        error: why it cannot be asked about.
    """

    path: Path | None
    text: str | None = None
    cues: tuple[Cue, ...] = ()
    error: str | None = None


def collect(places: Sequence[Path], lists: Sequence[Path] = (), text: str | None = None) -> list[Asked]:
    """Return what there is to ask about, in the order given; what lies in a folder by name.

    A recording that a list names and that is not there is asked about all the same, so that it gets its error.

    Args:
        places: recordings, and folders that are searched to their bottom.
        lists: a path a line (.txt), or a table with the columns `path` and, if wanted, `text` (.csv, .tsv). Paths are
            relative to the list.
        text: what is said in the one recording that is named, or words without a recording.

    Raises:
        ValueError: nothing is asked, a list cannot be read, or the text is not of one recording.
    """
    empty = f"no recording in it; these count: {' '.join(sorted(SUFFIXES))}"
    found = [one for place in places for one in list(_of_place(place)) or [Asked(place, error=empty)]]
    found += [one for place in lists for one in _of_list(place)]
    if text is not None:
        if len(found) > 1:
            raise ValueError(f"--text is of one recording, and {len(found)} are asked about: give a list with texts")
        return [Asked(found[0].path, text) if found else Asked(None, text)]
    if all(one.error == empty for one in found):
        where = ", ".join(map(str, [*places, *lists])) or "nothing was named"
        raise ValueError(f"no recording to ask about ({where}): {empty}")
    return found


def _of_place(place: Path) -> Iterator[Asked]:
    if not _is(place.is_dir):
        yield _with_words(place)
        return
    for path in sorted(place.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(place).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            yield _with_words(path)


def _of_list(place: Path) -> Iterator[Asked]:
    text, error = _read(place)
    if error:
        raise ValueError(f"--list {place}: {error}")
    if place.suffix.lower() not in (".csv", ".tsv"):
        for line in filter(None, map(str.strip, io.StringIO(text))):
            yield _listed(place.parent / line)
        return
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if place.suffix.lower() == ".tsv" else ",")
    try:
        if "path" not in (rows.fieldnames or ()):
            raise ValueError(f"--list {place}: its first line names {rows.fieldnames}, and not a column `path`")
        for row in rows:
            said, path = (row.get("text") or "").strip(), (row["path"] or "").strip()
            if path:
                yield _listed(place.parent / path, said)
            elif said:
                yield Asked(None, said)
    except csv.Error as error:
        raise ValueError(f"--list {place}: line {rows.line_num} cannot be read ({error})") from None


def _listed(path: Path, said: str = "") -> Asked:
    if _is(path.is_dir):
        return Asked(path, error="a folder: a list names recordings")
    return Asked(path, said) if said else _with_words(path)


def _is(kind: Callable[[], bool]) -> bool:
    """Whether a path is of a kind; one that no system takes or lets us see is of none, and gets its error later."""
    try:
        return kind()
    except OSError:
        return False


def _with_words(path: Path) -> Asked:
    """A recording with the file of words beside it: that with times first."""
    for suffix in (".srt", ".vtt", ".txt"):
        beside = path.with_suffix(suffix)
        if beside == path or not _is(beside.is_file):
            continue
        text, error = _read(beside)
        if error:
            return Asked(path, error=f"{beside.name}: {error}")
        if suffix == ".txt":
            return Asked(path, text.strip() or None)
        try:
            cues = parse(text)
        except ValueError as wrong:
            return Asked(path, error=f"{beside.name}, {wrong}")
        if cues:
            return Asked(path, cues=cues)
        return Asked(path, error=f"{beside.name}: no words with times in it (00:00:01,000 --> 00:00:02,500)")
    return Asked(path)


def _read(path: Path) -> tuple[str, str | None]:
    """Return a file's text, or why there is none."""
    try:
        if path.stat().st_size > LARGEST_TEXT:
            return "", f"more than {LARGEST_TEXT // 2**20} MiB, which no text has"
        data = path.read_bytes()
    except OSError as error:
        return "", f"cannot be read ({error.strerror})"
    code = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(code), None
    except UnicodeDecodeError as error:
        return "", f"not UTF-8 (byte {error.start}): save it as UTF-8"
