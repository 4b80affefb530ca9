"""Paths of recordings in a table, and where they lie on disk."""

from pathlib import Path

MEDIA_SUFFIXES = (".aac", ".aif", ".aiff", ".avi", ".flac", ".m4a", ".mkv", ".mov", ".mp3", ".mp4", ".oga", ".ogg",
                  ".opus", ".sph", ".wav", ".webm", ".wma")  # fmt: skip
"""The suffixes of paths that name a recording. Other paths name the list in which an utterance occurs."""


def path_inside(folder: Path, path: object) -> Path:
    """Return the file of a recording.

    Links are followed, because users link corpora that are stored in other places.

    Raises:
        OSError: there is no such file below the folder.
    """
    if not isinstance(path, str) or "\0" in path:
        raise OSError("the table names no recording")
    file = folder / path
    if ".." in file.parts[len(folder.parts) :] or not file.is_relative_to(folder):
        raise OSError("lies outside the folder of the recordings")
    if not file.is_file():
        raise OSError("does not exist")
    return file
