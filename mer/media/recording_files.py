"""The recordings in a folder."""

from collections.abc import Iterator
from pathlib import Path

from mer.media import container, video

AUDIO_SUFFIXES = (".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav")
VIDEO_SUFFIXES = (".3gp", ".m4v", ".mpeg", ".mpg", ".mts", ".ogv", ".ts")
SUFFIXES = {*AUDIO_SUFFIXES, *VIDEO_SUFFIXES, *container.SUFFIXES, *video.SUFFIXES}
"""The suffixes of recordings that are taken from a folder. A file that is named itself may have any suffix."""


def recordings_in(folder: Path) -> Iterator[Path]:
    """Yield the recordings below a folder, sorted by path, without hidden files and folders."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            yield path
