"""Answers as one page: player, timeline, words and probabilities. It asks no network for anything.

A recording of up to 2 MiB is put into the page as long as all of them are below 24 MiB; a larger one is played from
where it lies, by its path as seen from the page. What comes from files is escaped by the template.
"""

import base64
import hashlib
import mimetypes
import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from mer import files
from mer.media import video
from mer.predict.outputs.prediction import Answer
from mer.report.style import palette

HERE = Path(__file__).parent
LARGEST, ALL = 2 * 2**20, 24 * 2**20
"""bytes of one recording, and of all, that are put into the page"""
TYPES = {".flac": "audio/flac", ".m4a": "audio/mp4", ".opus": "audio/ogg", ".mkv": "video/x-matroska"}
"""what the standard library does not know, or calls otherwise than browsers do"""


def write(place: Path, answers: Sequence[Answer], card: dict, notes: Sequence[str] = ()) -> None:
    """Write the page.

    Args:
        answers: those of a recording one after the other.
        card: of the model.
        notes: sentences that hold for all of them.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    looks = palette.emotion_styles(card["classes"])
    room, recordings = ALL, []
    for path, together in groupby(answers, key=lambda answer: answer.path):
        player, taken = _player(path, place.parent, room)
        room -= taken
        told = list(together)
        seconds = max((answer.end or 0.0 for answer in told), default=0.0)
        recordings.append({"path": path, "player": player, "answers": told, "seconds": seconds})
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    colours = {name: look.colour for name, look in looks.items()}
    page = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    text = page.get_template("page.html.j2").render(
        recordings=recordings, card=card, colours=colours, notes=notes, ordered=list(looks), digest=digest,
        script=Markup(script),  # noqa: S704  (our own file)
    )  # fmt: skip
    files.write_text(place, text)


def _player(path: str, home: Path, room: int) -> tuple[dict | None, int]:
    """The tag and address that play a recording, and the bytes that it takes in the page."""
    recording = Path(path)
    if not path or not recording.is_file():
        return None, 0
    kind = TYPES.get(recording.suffix.lower()) or mimetypes.guess_type(recording.name)[0] or ""
    tag = "video" if kind.startswith("video/") and video.has_video(recording) else "audio"
    size = recording.stat().st_size
    if kind and size <= min(LARGEST, room):
        data = base64.b64encode(recording.read_bytes()).decode("ascii")
        return {"tag": tag, "source": f"data:{kind};base64,{data}"}, size
    return {"tag": tag, "source": _address(recording, home)}, 0


def _address(recording: Path, home: Path) -> str:
    """The path as seen from the page; on another drive, which has no such path, the whole one."""
    try:
        seen = os.path.relpath(recording.resolve(), home.resolve())
    except ValueError:
        return recording.resolve().as_uri()
    return quote(Path(seen).as_posix(), safe="/")
