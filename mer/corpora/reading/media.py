"""Find the media files of a corpus, each recording once and audio before video, and the split that a folder names."""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from mer.corpora.corpus import AUDIO_SUFFIXES, Problem
from mer.corpora.reading.files import audio, duplicate, is_empty, relative, table, unreadable_reason, walk

COMPRESSED_SUFFIXES = (".m4a",)
"""The suffixes of compressed audio that some parsers read."""
VIDEO_SUFFIXES = (".mp4", ".avi", ".flv", ".mkv", ".mov", ".webm")
"""The suffixes of video files."""
SPLIT_WORDS = {"train": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "test": "test"}
"""Maps a word in the name of a folder to the part that it means."""
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
"""Maps the name of a part in file names to its name in the manifest."""

Key = TypeVar("Key", bound=Hashable)


def split_of(folder: Path) -> str | None:
    """Return the part that a folder names; the innermost folder that names exactly one counts.

    >>> split_of(Path("MELD.Raw/train/dev_splits_complete")), split_of(Path("latest/audio"))
    ('dev', None)
    """
    for name in reversed(folder.parts):
        words = {SPLIT_WORDS[word] for word in re.split("[^a-z]+", name.lower()) if word in SPLIT_WORDS}
        if len(words) == 1:
            return words.pop()
    return None


def split_lists(
    raw: Path, folder: Path, pattern: re.Pattern[str], columns: Sequence[str]
) -> Iterator[tuple[str, str, tuple[int, dict[str, str]]] | Problem]:
    """Yield (path below `raw`, split, (line, cells)) of every line of the lists of which each split has one.

    Args:
        raw: folder of all corpora.
        folder: folder of the corpus.
        pattern: regular expression for the whole name of a list. Its first group is the split.
        columns: required columns.
    """
    first: dict[str, str] = {}
    for path in walk(folder):
        if not (match := pattern.fullmatch(path.name)):
            continue
        name, split = relative(path, raw), match[1].lower()
        if split in first:
            yield Problem(name, f"duplicate copy of {first[split]}", utterance_lost=False)
            continue
        first[split] = name
        for row in table(raw, path, columns):
            yield row if isinstance(row, Problem) else (name, split, row)


def recordings(
    raw: Path, folder: Path, suffixes: tuple[str, ...], key: Callable[[Path], Key | str | None]
) -> Iterator[tuple[Key, Path, Path | None] | Problem]:
    """Yield each recording once, with its audio file and, if that is not a video itself, its video file.

    Users convert videos and compressed audio in place. Of several files, the least compressed one is read for the audio
    and the others are ignored. A second file of the same kind is reported. A file of 0 bytes is read only if there is
    no other, and reported otherwise.

    Args:
        raw: folder of all corpora.
        folder: folder of the corpus.
        suffixes: suffixes of the files to read.
        key: function from a path below `folder` to the key of the recording. It returns a string if the file cannot be
            used, which is the reason, and None if the file is ignored.
    """
    files_of: dict[Key, list[Path]] = {}
    for path in audio(raw, folder, suffixes):
        if isinstance(path, Problem):
            yield path
            continue
        recording = key(path.relative_to(folder))
        if isinstance(recording, str):
            yield Problem(relative(path, raw), recording)
        elif recording is not None:
            files_of.setdefault(recording, []).append(path)
    for recording, paths in files_of.items():
        first, *others = sorted(paths, key=lambda path: (is_empty(path), _kind(path)))
        videos_beside = (path for path in others if path.suffix.lower() in VIDEO_SUFFIXES and not is_empty(path))
        yield recording, first, next(videos_beside, None)
        for path in others:
            if _kind(path) == _kind(first) or is_empty(path):
                yield duplicate(path, relative(path, raw), relative(first, raw))


def videos(raw: Path, folder: Path, key: Callable[[str], Key | None]) -> Iterator[tuple[Key, Path] | Problem]:
    """Yield the video files below a folder whose audio has other file names, and the problems with them.

    Args:
        raw: folder of all corpora.
        folder: folder of the corpus.
        key: function from a file name without suffix to the key of the recording, or None to ignore the file.
    """
    for path in walk(folder):
        if path.suffix.lower() in VIDEO_SUFFIXES and (recording := key(path.stem)) is not None:
            name, reason = relative(path, raw), unreadable_reason(path)
            yield Problem(name, reason) if reason else (recording, path)


def _kind(path: Path) -> int:
    """Return 0 for audio, 1 for compressed audio and 2 for video."""
    kinds = (AUDIO_SUFFIXES, COMPRESSED_SUFFIXES, VIDEO_SUFFIXES)
    return next(i for i, suffixes in enumerate(kinds) if path.suffix.lower() in suffixes)
