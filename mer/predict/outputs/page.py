"""Predictions as one page with player, timeline, text and probabilities.

The page is self-contained: it loads nothing from the internet. A recording of up to 2 MiB is embedded as long as all
embedded ones are below 24 MiB, or all are embedded by request. A larger one is played from its file, by its path
relative to the page. The template escapes text from files.
"""

import base64
import hashlib
import math
import mimetypes
import os
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from mer import files
from mer.media import video
from mer.predict.outputs.prediction import Prediction
from mer.report.style import palette
from mer.training.checkpoints.card import Card

TEMPLATES = Path(__file__).parent
"""The folder of the template and of the script."""
MAX_RECORDING_BYTES, MAX_PAGE_BYTES = 2 * 2**20, 24 * 2**20
"""The largest size of an embedded recording, and of all embedded recordings, in bytes."""
MEDIA_TYPES = {".flac": "audio/flac", ".m4a": "audio/mp4", ".opus": "audio/ogg", ".mkv": "video/x-matroska"}
"""Media types that the standard library lacks or names differently from browsers."""


def write(
    path: Path, predictions: Sequence[Prediction], card: Card, notes: Sequence[str] = (), *, embed: bool = False,
    names: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write the page.

    Args:
        path: the path of the page.
        predictions: the predictions; those of one recording follow one another.
        card: the model's card.
        notes: sentences that hold for all predictions.
        embed: whether all recordings are embedded, whatever their size, so that the page can be moved.
        names: path of a recording -> the name that is shown for it; by default the path.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    styles = palette.emotion_styles(card.classes, card.classes)
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    colours = {name: style.colour for name, style in styles.items()}
    page = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page.filters["clock"] = clock
    text = page.get_template("page.html.j2").render(
        recordings=_recordings(predictions, path.parent, embed), names=names or {}, card=card, colours=colours,
        notes=notes, ordered=list(styles), digest=digest,
        script=Markup(script),  # noqa: S704  (a file of this package)
    )  # fmt: skip
    files.write_text(path, text)


def clock(seconds: float, digits: int = 1) -> str:
    """Return a time as players show it.

    >>> clock(62.34), clock(3.0), clock(59.96), clock(90.2, 0)
    ('1:02.3', '0:03.0', '1:00.0', '1:30')
    """
    minutes, rest = divmod(round(seconds, digits), 60)
    return f"{minutes:.0f}:{rest:0{3 + digits if digits else 2}.{digits}f}"


def _recordings(predictions: Sequence[Prediction], home: Path, embed: bool) -> list[dict]:
    """Return the recordings as the template reads them."""
    free_bytes, recordings = math.inf if embed else MAX_PAGE_BYTES, []
    for path, group in groupby(predictions, key=lambda prediction: prediction.path):
        player, embedded_bytes = _player(path, home, free_bytes)
        free_bytes -= embedded_bytes
        of_recording = list(group)
        seconds = max((prediction.end or 0.0 for prediction in of_recording), default=0.0)
        recordings.append({"path": path, "player": player, "predictions": of_recording, "seconds": seconds})
    return recordings


def _player(path: str, home: Path, free_bytes: float) -> tuple[dict | None, int]:
    """Return the tag and the address of a recording's player, and the number of bytes embedded for it.

    Args:
        path: the recording.
        home: the folder of the page.
        free_bytes: the bytes that may still be embedded; infinite if the size of a recording does not matter.
    """
    recording = Path(path)
    if not path or not recording.is_file():
        return None, 0
    media_type = MEDIA_TYPES.get(recording.suffix.lower()) or mimetypes.guess_type(recording.name)[0] or ""
    tag = "video" if media_type.startswith("video/") and video.has_video(recording) else "audio"
    size = recording.stat().st_size
    if media_type and size <= (free_bytes if math.isinf(free_bytes) else min(MAX_RECORDING_BYTES, free_bytes)):
        data = base64.b64encode(recording.read_bytes()).decode("ascii")
        return {"tag": tag, "source": f"data:{media_type};base64,{data}"}, size
    return {"tag": tag, "source": _address(recording, home)}, 0


def _address(recording: Path, home: Path) -> str:
    """Return the path relative to the page; the absolute one if they are on different drives."""
    try:
        relative = os.path.relpath(recording.resolve(), home.resolve())
    except ValueError:
        return recording.resolve().as_uri()
    return quote(Path(relative).as_posix(), safe="/")
