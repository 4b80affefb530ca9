"""What is to be predicted: files, folders and lists, and the text stored beside recordings."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mer.media.recording_files import SUFFIXES, recordings_in
from mer.predict.inputs.subtitles import Cue, parse

MAX_WHOLE_SECONDS = 15.0
"""The longest recording without a text that is predicted as a whole by default, in seconds. Longer ones are cut at
pauses, because the emotion may change."""
MAX_TEXT_BYTES = 8 * 2**20
"""The largest size of a text file, in bytes; a larger one holds something else."""


@dataclass(frozen=True)
class Request:
    """A recording, a text, or both, to be predicted.

    Attributes:
        path: the recording; None for text alone.
        text: the text of the whole recording.
        cues: text with times.
        error: the reason why it cannot be predicted.
        speaker: who speaks: the column `speaker` of a list, else the folder of the recording. Every subfolder of a
            folder that was named is one speaker, with all that is below it. Empty if the speaker is unknown.
    """

    path: Path | None
    text: str | None = None
    cues: tuple[Cue, ...] = ()
    error: str | None = None
    speaker: str = ""


def collect_requests(paths: Sequence[Path], lists: Sequence[Path] = (), text: str | None = None) -> list[Request]:
    """Return the requests in the order of the arguments; files of a folder are sorted by name.

    A listed file that does not exist becomes a request whose prediction has an `error`.

    Args:
        paths: recordings, and folders that are searched with their subfolders.
        lists: files with one path per line (.txt), or tables with the columns `path` and, optionally, `text` and
            `speaker` (.csv, .tsv). Paths are relative to the list.
        text: the text of the one recording that is named, or text without a recording.

    Raises:
        ValueError: nothing is requested, a list cannot be read, or the text belongs to no single recording.
    """
    empty = f"no recording in it; recordings end in {' '.join(sorted(SUFFIXES))}"
    requests = [one for path in paths for one in list(_of_path(path)) or [Request(path, error=empty)]]
    requests += [one for path in lists for one in _of_list(path)]
    if text is not None:
        if len(requests) > 1:
            raise ValueError(
                f"--text belongs to one recording, but {len(requests)} are requested; use a list with a column `text`"
            )
        return [replace(requests[0], text=text, cues=(), error=None) if requests else Request(None, text)]
    if all(one.error == empty for one in requests):
        named = ", ".join(map(str, [*paths, *lists])) or "no file was named"
        raise ValueError(f"no recording to predict ({named}): {empty}")
    return requests


def _of_path(path: Path) -> Iterator[Request]:
    if not _is(path.is_dir):
        yield replace(_with_transcript(path), speaker=str(path.parent))
        return
    for recording in recordings_in(path):
        below = recording.relative_to(path).parts
        speaker = path / below[0] if len(below) > 1 else path
        yield replace(_with_transcript(recording), speaker=str(speaker))


def _of_list(path: Path) -> Iterator[Request]:
    content, error = _read(path)
    if error:
        raise ValueError(f"--list {path}: {error}")
    if path.suffix.lower() not in (".csv", ".tsv"):
        for line in filter(None, map(str.strip, io.StringIO(content))):
            yield _listed(path.parent / line)
        return
    rows = csv.DictReader(io.StringIO(content, newline=""), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        if "path" not in (rows.fieldnames or ()):
            raise ValueError(f"--list {path}: the first line names the columns {rows.fieldnames}; `path` is missing")
        for row in rows:
            text, recording, speaker = ((row.get(name) or "").strip() for name in ("text", "path", "speaker"))
            if recording:
                request = _listed(path.parent / recording, text)
                yield replace(request, speaker=speaker) if "speaker" in row else request
            elif text:
                yield Request(None, text)
    except csv.Error as error:
        raise ValueError(f"--list {path}: line {rows.line_num} cannot be read ({error})") from None


def _listed(path: Path, text: str = "") -> Request:
    if _is(path.is_dir):
        return Request(path, error="this is a folder; a list names recordings")
    return replace(Request(path, text) if text else _with_transcript(path), speaker=str(path.parent))


def _is(kind: Callable[[], bool]) -> bool:
    """Return whether a path is of a kind; False for a path that the system refuses, which gets its error later."""
    try:
        return kind()
    except OSError:
        return False


def _with_transcript(path: Path) -> Request:
    """Return a request with the text file beside the recording; a file with times has precedence."""
    for suffix in (".srt", ".vtt", ".txt"):
        file = path.with_suffix(suffix)
        if file == path or not _is(file.is_file):
            continue
        text, error = _read(file)
        if error:
            return Request(path, error=f"{file.name}: {error}")
        if suffix == ".txt":
            return Request(path, text.strip() or None)
        try:
            cues = parse(text)
        except ValueError as wrong:
            return Request(path, error=f"{file.name}, {wrong}")
        if cues:
            return Request(path, cues=cues)
        return Request(path, error=f"{file.name}: no text with times in it (00:00:01,000 --> 00:00:02,500)")
    return Request(path)


def _read(path: Path) -> tuple[str, str | None]:
    """Return a file's text, or the reason why there is none."""
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            return "", f"larger than {MAX_TEXT_BYTES // 2**20} MiB, so it is no text file"
        data = path.read_bytes()
    except OSError as error:
        return "", f"cannot be read ({error.strerror})"
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding), None
    except UnicodeDecodeError as error:
        return "", f"not UTF-8 (byte {error.start}); save it as UTF-8"
