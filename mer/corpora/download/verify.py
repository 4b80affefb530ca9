"""The comparison of a corpus's files with the published digests."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mer import files
from mer.corpora.download.source import DownloadSource, File
from mer.corpora.reading.files import walk

EXAMPLES = 5
"""The number of names that a report lists."""


@dataclass
class VerificationResult:
    """The result of a comparison."""

    matching: int = 0
    """The number of files that are as published."""
    different: list[str] = field(default_factory=list)
    """One line per file that differs, with the address at which it is published."""
    missing: list[str] = field(default_factory=list)
    """The names of files that do not exist."""
    converted: int = 0
    """The number of files of the same name in another format, which have no published digest."""


def verify(source: DownloadSource, folder: Path) -> VerificationResult:
    """Compare the files in a corpus's folder, or below it, with the published digests of single files."""
    result = VerificationResult()
    present: dict[str, list[Path]] = {}
    for path in walk(folder):
        present.setdefault(path.stem, []).append(path)
    for file in _with_digest(source):
        name = PurePosixPath(file.name)
        candidates = present.get(name.stem, [])
        same = [path for path in candidates if path.suffix.lower() == name.suffix.lower()]
        if not candidates:
            result.missing.append(file.name)
        elif not same:
            result.converted += 1
        elif (fault := file.fault(same[0])) is None:
            result.matching += 1
        else:
            result.different.append(f"{files.to_root(same[0])}: {fault}; it is at {file.urls[0]}")
    return result


def report(result: VerificationResult) -> list[str]:
    """Return lines for people; none if no digests of single files are published."""
    lines = [f"{result.matching:,} files are as published"] if result.matching else []
    if result.converted:
        lines.append(f"{result.converted:,} files are in another format than published, and cannot be compared")
    for state, names in (("differ from what is published", result.different), ("are not there", result.missing)):
        if names:
            lines.append(f"{len(names):,} files {state}:")
            lines += [f"  {name}" for name in names[:EXAMPLES]]
            lines += [f"  … and {len(names) - EXAMPLES:,} more"] if len(names) > EXAMPLES else []
    return lines


def _with_digest(source: DownloadSource) -> Iterator[File]:
    return (file for file in source.files() if file.digest and not file.unpack)
