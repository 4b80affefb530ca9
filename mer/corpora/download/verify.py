"""Whether the files of a corpus are those that were published, byte for byte, where their digests are known."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mer import files
from mer.corpora.download.source import File, Source
from mer.corpora.reading.files import walk

EXAMPLES = 5


@dataclass
class Verdict:
    """What was compared."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    """what differs, one line per file, with where it is published"""
    absent: list[str] = field(default_factory=list)
    converted: int = 0
    """files under the same name in another format, which no digest can speak about"""


def verify(source: Source, folder: Path) -> Verdict:
    """Compare what lies in `folder` to what is known of each published file, wherever below it the file lies."""
    verdict = Verdict()
    there: dict[str, list[Path]] = {}
    for path in walk(folder):
        there.setdefault(path.stem, []).append(path)
    for file in _known(source):
        name = PurePosixPath(file.name)
        found = there.get(name.stem, [])
        same = [path for path in found if path.suffix.lower() == name.suffix.lower()]
        if not found:
            verdict.absent.append(file.name)
        elif not same:
            verdict.converted += 1
        elif (wrong := file.wrong(same[0])) is None:
            verdict.right += 1
        else:
            verdict.wrong.append(f"{files.to_root(same[0])}: {wrong}; it is at {file.urls[0]}")
    return verdict


def report(verdict: Verdict) -> list[str]:
    """Return what is to be said of it, nothing where nothing is known of single files."""
    lines = [f"{verdict.right:,} files are as published"] if verdict.right else []
    if verdict.converted:
        lines.append(f"{verdict.converted:,} files are in another format than published, and cannot be compared")
    for what, names in (("differ from what is published", verdict.wrong), ("are not there", verdict.absent)):
        if names:
            lines.append(f"{len(names):,} files {what}:")
            lines += [f"  {name}" for name in names[:EXAMPLES]]
            lines += [f"  … and {len(names) - EXAMPLES:,} more"] if len(names) > EXAMPLES else []
    return lines


def _known(source: Source) -> Iterator[File]:
    return (file for file in source.files() if file.digest and not file.unpack)
