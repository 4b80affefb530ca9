"""What a notebook prints: all of it into the log, a bounded part into the notebook, progress to the screen."""

import re
import time
from collections.abc import Callable
from typing import Any, TextIO

from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from traitlets import Instance

SHOWN = 500_000
"""characters of one cell's printing, or of one value it shows, that a notebook keeps"""

LONGEST_LINE = 20_000
"""characters of a line of an error that notebook and log keep"""

LOGGED = 20_000_000
"""characters of printing that a log keeps"""

PROGRESS = re.compile(r"(\d[\d.,]*[kMG]?/\d[\d.,]*[kMG]?) \[")
"""what tqdm writes: ` 37/429 [00:12<02:10,`"""

NOTED = re.compile(r"Warning: (deleted: .+)")
"""what is told on the screen, too: a file was damaged and is made anew"""


class Log:
    """A log to which printing goes line by line; a line that was overwritten is left out."""

    def __init__(self, file: TextIO, progress: Callable[[str], None], note: Callable[[str], None]) -> None:
        self.file, self._tell, self._note = file, progress, note
        self._open = ""
        self._size = 0
        self._told = 0.0

    def write(self, text: str) -> None:
        """Take what was printed; it may end in the middle of a line."""
        self._open = folded(self._open + text)
        whole, newline, self._open = self._open.rpartition("\n")
        if len(self._open) > SHOWN:  # a line without an end
            whole, newline, self._open = whole + newline + self._open, "", ""
        self._put(whole + newline)
        for line in NOTED.findall(whole):
            self._note(line)
        found = PROGRESS.findall(text[-400:])
        if found and time.monotonic() > self._told + 0.2:
            self._told = time.monotonic()
            self._tell(found[-1])

    def close_line(self) -> None:
        """Write what is left of the last line."""
        self._put(self._open + "\n" if self._open else "")
        self._open = ""

    def _put(self, text: str) -> None:
        if text and self._size < LOGGED:
            self.file.write(text[: LOGGED - self._size])
            self._size += len(text)
            if self._size >= LOGGED:
                self.file.write(f"\n… the log ends here: more than {LOGGED:,} characters were printed\n")
            self.file.flush()


class Client(PapermillNotebookClient):
    """papermill's client; it keeps a bounded part of what is printed and tells all of it to a `Log`."""

    mer_log = Instance(Log)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._printed = (-1, 0)

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> Any:
        """Add an output to its cell, cut to what is kept."""
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
        if before >= SHOWN:
            return None
        text = _follow_on(content["text"])
        size = before + len(text)
        content["text"] = text[: SHOWN - before]
        last = None if self.clear_before_next_output else _stream(outs, content["name"])
        if last is not None:
            length = len(last["text"])
            last["text"] = folded(last["text"] + content["text"])
            size -= length + len(content["text"]) - len(last["text"])  # what was overwritten takes no room
        else:
            super().output(outs, msg, display_id, cell_index)
        self._printed = (cell_index, size)
        if size >= SHOWN:
            note = f"\n… more than {SHOWN:,} characters were printed; the log has more\n"
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
            if not (isinstance(value, str) and len(value) > SHOWN and kind.startswith("text/")):
                continue
            beginning = value[:1000] + "\n" if kind == "text/plain" else ""  # half a table of HTML is none
            data[kind] = f"{beginning}… {len(value):,} characters, too long to be shown"


def folded(text: str) -> str:
    r"""Return printed text as a terminal shows it: what a carriage return overwrote is gone.

    nbclient's own folding takes time with the square of a line's length.

    >>> folded("10%\r50%\r100%\ndone\r"), folded("a\r\nb")
    ('100%\ndone\r', 'a\nb')
    """
    if "\r" not in text:
        return text
    *whole, rest = text.split("\n")
    last = "\r" if rest.endswith("\r") else ""  # what comes next overwrites it
    return "\n".join([*map(_visible, whole), _visible(rest) + last])


def _short(line: str) -> str:
    """A line of an error, which may hold a whole table."""
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}… ({len(line):,} characters)"


def _follow_on(text: str) -> str:
    """Fold a piece of printing, but keep that it overwrites the line before it."""
    first = text.partition("\n")[0]
    return ("\r" if "\r" in first.rstrip("\r") else "") + folded(text)


def _stream(outs: list, name: str) -> Any:
    """The output that further printing belongs to: the last of that name, if nothing was shown since."""
    for output in reversed(outs):
        if output["output_type"] != "stream":
            return None
        if output["name"] == name:
            return output
    return None


def _visible(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
