"""What is told of a publisher's files: addresses, sizes, digests, and where they go."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

KB, MB, GB = 10**3, 10**6, 10**9


class DownloadError(RuntimeError):
    """Why a corpus cannot be had, and what to do."""


@dataclass(frozen=True)
class Unpack:
    """What an archive may hold, and where that goes."""

    limit: int
    """bytes: what all its files may have together"""
    into: str = ""
    """folder within the corpus's folder"""
    depth: int = 1
    """2 where tar archives inside of it are unpacked, too"""
    skip: str = r"(?!)"
    """a regular expression for whole paths within the archive that are passed over"""
    files: int = 100_000
    ratio: int = 100
    """how many times larger than the archive its files may be together; speech and video hardly compress"""


@dataclass(frozen=True)
class File:
    """One file as it is published."""

    name: str
    """path within the corpus's folder, with forward slashes; of an archive only its name"""
    urls: tuple[str, ...]
    """addresses of the same bytes, in the order in which they are tried"""
    bytes: int | None = None
    """its exact size, where that is published"""
    digest: str | None = None
    """algorithm and hexadecimal digits, as in md5:bc69…; of a shortened one the digits that are there count"""
    limit: int = 50 * MB
    """bytes: more are never read where the exact size is not known"""
    unpack: Unpack | None = None

    def most(self) -> int:
        """Return the bytes it can have at most."""
        return self.limit if self.bytes is None else self.bytes

    def wrong(self, path: Path) -> str | None:
        """Say in what `path` differs from what is published, or None where it does not."""
        if self.bytes is not None and (size := path.stat().st_size) != self.bytes:
            return f"{size:,} bytes, {self.bytes:,} are published"
        if self.digest is not None:
            algorithm, _, wanted = self.digest.partition(":")
            with path.open("rb") as file:
                found = hashlib.file_digest(file, algorithm).hexdigest()
            if not found.startswith(wanted):
                return f"{algorithm} {found[:12]}…, {wanted[:12]}… is published"
        return None


@dataclass(frozen=True)
class Source:
    """Where a corpus is published for anyone to download."""

    folder: str
    """its folder below the raw folder"""
    files: Callable[[], Sequence[File]]
    space: int
    """bytes of disk that are needed while it is downloaded and unpacked, about"""
    terms: str = ""
    """what the licence forbids or asks, where that has to be read and confirmed first; else empty"""
    licence: str = ""
    """where the terms are written down"""
    dataverse: tuple[str, str] | None = None
    """server and DOI of a Dataverse data set whose list of files is asked for at the time"""


def size(count: float) -> str:
    """Return a number of bytes as people say it.

    >>> size(162_110), size(208_468_073), size(10_878_146_150)
    ('0.2 MB', '208 MB', '10.9 GB')
    """
    if count >= GB:
        return f"{count / GB:.1f} GB"
    return f"{count / MB:.0f} MB" if count >= 10 * MB else f"{count / MB:.1f} MB"
