"""Media files found by what they are: each recording once, sound before video; and the split a folder names."""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from mer.corpora.corpus import AUDIO_SUFFIXES, Problem
from mer.corpora.reading.files import audio, relative, table, unreadable_reason, walk

COMPRESSED_SUFFIXES = (".m4a",)
VIDEO_SUFFIXES = (".mp4", ".avi", ".flv", ".mkv", ".mov", ".webm")
SPLIT_WORDS = {"train": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "test": "test"}
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
"""the word for a split in file names -> the manifest's word"""

Key = TypeVar("Key", bound=Hashable)


def split_of(folder: Path) -> str | None:
    """Return the split that the innermost telling part of a folder names.

    >>> split_of(Path("MELD.Raw/train/dev_splits_complete")), split_of(Path("latest/audio"))
    ('dev', None)
    """
    for part in reversed(folder.parts):
        told = {SPLIT_WORDS[word] for word in re.split("[^a-z]+", part.lower()) if word in SPLIT_WORDS}
        if len(told) == 1:
            return told.pop()
    return None


def split_lists(
    raw: Path, folder: Path, pattern: re.Pattern[str], columns: Sequence[str]
) -> Iterator[tuple[str, str, tuple[int, dict[str, str]]] | Problem]:
    """Yield (path below `raw`, split, (line, cells)) of every line of the lists that there is one of per split.

    Args:
        pattern: for the whole name of a list; its first group is the split.
        columns: those that must be there.
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
        for found in table(raw, path, columns):
            yield found if isinstance(found, Problem) else (name, split, found)


def recordings(
    raw: Path, folder: Path, suffixes: tuple[str, ...], key: Callable[[Path], Key | str | None]
) -> Iterator[tuple[Key, Path, Path | None] | Problem]:
    """Yield each recording once, with its file and, where that is not one itself, the video of it.

    People convert videos and compressed sound where they lie, so of several files the plainest counts for the sound
    and the others are passed over; a second file of the same kind is told.

    Args:
        key: says of a path below `folder` which recording it is; a string says why it is of no use, None
            passes it over.
    """
    found: dict[Key, list[Path]] = {}
    for path in audio(raw, folder, suffixes):
        if isinstance(path, Problem):
            yield path
            continue
        what = key(path.relative_to(folder))
        if isinstance(what, str):
            yield Problem(relative(path, raw), what)
        elif what is not None:
            found.setdefault(what, []).append(path)
    for what, paths in found.items():
        first, *others = sorted(paths, key=_kind)
        yield what, first, next((path for path in others if path.suffix.lower() in VIDEO_SUFFIXES), None)
        for path in others:
            if _kind(path) == _kind(first):
                yield Problem(relative(path, raw), f"duplicate copy of {relative(first, raw)}", utterance_lost=False)


def videos(raw: Path, folder: Path, key: Callable[[str], Key | None]) -> Iterator[tuple[Key, Path] | Problem]:
    """Yield the videos below a folder that lie beside sound of other names, or why one of them is of no use.

    Args:
        key: says of a file's name without suffix which recording it is; None passes it over.
    """
    for path in walk(folder):
        if path.suffix.lower() in VIDEO_SUFFIXES and (what := key(path.stem)) is not None:
            name, reason = relative(path, raw), unreadable_reason(path)
            yield Problem(name, reason) if reason else (what, path)


def _kind(path: Path) -> int:
    kinds = (AUDIO_SUFFIXES, COMPRESSED_SUFFIXES, VIDEO_SUFFIXES)
    return next(i for i, suffixes in enumerate(kinds) if path.suffix.lower() in suffixes)
