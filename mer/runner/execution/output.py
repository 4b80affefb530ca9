"""The printed output of a notebook: all of it goes to the log, a part to the notebook, progress to the screen."""

import re
import time
from collections.abc import Callable
from typing import Any, TextIO

from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from traitlets import Instance

MAX_NOTEBOOK_CHARS = 500_000
"""The number of characters of a cell's printed output, or of one displayed value, that a notebook stores."""

MAX_ERROR_LINE_CHARS = 20_000
"""The number of characters of a line of an error message that notebook and log store."""

MAX_LOG_CHARS = 20_000_000
"""The number of characters of printed output that a log stores."""

PROGRESS = re.compile(r"(?:([^\W\d][\w ]*): +\d+%\|[^|]*\| *)?(\d[\d.,]*[kMG]?/\d[\d.,]*[kMG]?) \[[\d:]+<?([\d:]*)")
"""Matches the progress that tqdm prints: `train:  9%|▉ | 37/429 [00:12<02:10,`."""

SCREEN_WARNINGS = re.compile(r"Warning: ((?:deleted|again|shared): .+)")
"""Matches warnings that are also printed on the screen: a damaged file was deleted and is computed again, a part of the
work is done again with less at once, the shared store cannot be used."""


class Log:
    """A log to which printed output is written line by line; lines that were overwritten are left out."""

    def __init__(self, file: TextIO, progress: Callable[[str], None], note: Callable[[str], None]) -> None:
        self.file, self._progress, self._note = file, progress, note
        self._open = ""
        self._size = 0
        self._last_progress = 0.0

    def write(self, text: str) -> None:
        """Write printed text, which may end in the middle of a line."""
        self._open = as_displayed(self._open + text)
        whole, newline, self._open = self._open.rpartition("\n")
        if len(self._open) > MAX_NOTEBOOK_CHARS:  # a line without an end
            whole, newline, self._open = whole + newline + self._open, "", ""
        self._put(whole + newline)
        for line in SCREEN_WARNINGS.findall(whole):
            self._note(line)
        counts = PROGRESS.findall(text[-400:])
        if counts and time.monotonic() > self._last_progress + 0.2:
            self._last_progress = time.monotonic()
            self._progress(progress(*counts[-1]))

    def close_line(self) -> None:
        """Write the rest of the last line."""
        self._put(self._open + "\n" if self._open else "")
        self._open = ""

    def _put(self, text: str) -> None:
        if text and self._size < MAX_LOG_CHARS:
            self.file.write(text[: MAX_LOG_CHARS - self._size])
            self._size += len(text)
            if self._size >= MAX_LOG_CHARS:
                self.file.write(f"\n… the log ends here: more than {MAX_LOG_CHARS:,} characters were printed\n")
            self.file.flush()


class Client(PapermillNotebookClient):
    """papermill's client, which stores a limited part of the printed output and writes all of it to a `Log`."""

    mer_log = Instance(Log)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._printed = (-1, 0)

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> Any:
        """Add an output to its cell, cut to the limits."""
        content = msg["content"]
        if msg["msg_type"] == "error":
            content["evalue"] = _short(content["evalue"])
            content["traceback"] = [_short(line) for line in content["traceback"]]
        if msg["msg_type"] != "stream":
            self._cut(content.get("data", {}))
            return super().output(outs, msg, display_id, cell_index)
        self.mer_log.write(content["text"])
        cell, before = self._printed
        before = before if cell == cell_index else 0
        if before >= MAX_NOTEBOOK_CHARS:
            return None
        text = _follow_on(content["text"])
        size = before + len(text)
        content["text"] = text[: MAX_NOTEBOOK_CHARS - before]
        last = None if self.clear_before_next_output else _stream(outs, content["name"])
        if last is not None:
            length = len(last["text"])
            last["text"] = as_displayed(last["text"] + content["text"])
            size -= length + len(content["text"]) - len(last["text"])  # overwritten text does not count
        else:
            super().output(outs, msg, display_id, cell_index)
        self._printed = (cell_index, size)
        if size >= MAX_NOTEBOOK_CHARS:
            note = f"\n… more than {MAX_NOTEBOOK_CHARS:,} characters were printed; the log has more\n"
            outs.append(new_output("stream", name="stderr", text=note))
        return None

    def execute_cell(self, *arguments: Any, **options: Any) -> Any:
        """Run a cell, and end its last line in the log."""
        try:
            return super().execute_cell(*arguments, **options)
        finally:
            self.mer_log.close_line()

    def _cut(self, data: dict) -> None:
        for kind, value in data.items():
            if not (isinstance(value, str) and len(value) > MAX_NOTEBOOK_CHARS and kind.startswith("text/")):
                continue
            beginning = value[:1000] + "\n" if kind == "text/plain" else ""  # half an HTML table is not readable
            data[kind] = f"{beginning}… {len(value):,} characters, too long to be shown"


def progress(name: str, counts: str, left: str) -> str:
    """Return the text of a progress bar, without parts that tqdm does not state.

    >>> progress(*PROGRESS.findall("train:   9%|▉         | 37/429 [00:12<02:10,  3.01job/s]")[0])
    'train 37/429, ready in 02:10'
    >>> progress(*PROGRESS.findall(" 3/7 [00:12<?, ?it/s]")[0])
    '3/7'
    """
    text = f"{name} {counts}".strip()
    return f"{text}, ready in {left}" if left else text


def as_displayed(text: str) -> str:
    r"""Return printed text as a terminal shows it, without what a carriage return overwrote.

    The time that nbclient's own implementation takes grows with the square of a line's length.

    >>> as_displayed("10%\r50%\r100%\ndone\r"), as_displayed("a\r\nb")
    ('100%\ndone\r', 'a\nb')
    """
    if "\r" not in text:
        return text
    *whole, rest = text.split("\n")
    last = "\r" if rest.endswith("\r") else ""  # the next text overwrites it
    return "\n".join([*map(_visible, whole), _visible(rest) + last])


def _short(line: str) -> str:
    """Return a line of an error, cut to the limit: it may contain a whole table."""
    return line if len(line) <= MAX_ERROR_LINE_CHARS else f"{line[:MAX_ERROR_LINE_CHARS]}… ({len(line):,} characters)"


def _follow_on(text: str) -> str:
    """Return printed text as displayed, with a carriage return at its start if it overwrites the line before."""
    first = text.partition("\n")[0]
    return ("\r" if "\r" in first.rstrip("\r") else "") + as_displayed(text)


def _stream(outs: list, name: str) -> Any:
    """Return the output to which more printed text belongs: the last of that name, if nothing was displayed since."""
    for output in reversed(outs):
        if output["output_type"] != "stream":
            return None
        if output["name"] == name:
            return output
    return None


def _visible(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
