"""The description of published files: addresses, sizes, digests, and the folders into which they are put."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MB, GB = 10**6, 10**9
"""Units of size, in bytes."""


class DownloadError(RuntimeError):
    """A corpus cannot be downloaded. The message gives the reason and the remedy."""


@dataclass(frozen=True)
class Unpack:
    """The limits of an archive, and the folder into which it is unpacked."""

    limit: int
    """The largest total size of its files, in bytes."""
    into: str = ""
    """The folder within the corpus's folder."""
    depth: int = 1
    """1, or 2 if tar archives inside the archive are unpacked as well."""
    skip: str = r"(?!)"
    """A regular expression for whole paths within the archive that are not unpacked."""
    files: int = 100_000
    """The largest number of members."""
    ratio: int = 100
    """The largest ratio of the size of its files to that of the archive. Audio and video hardly compress."""


@dataclass(frozen=True)
class File:
    """One published file."""

    name: str
    """The path within the corpus's folder, with forward slashes; for an archive only its name."""
    urls: tuple[str, ...]
    """The addresses of the same bytes, in the order in which they are tried."""
    bytes: int | None = None
    """The exact size, in bytes, if it is published."""
    digest: str | None = None
    """Algorithm and hexadecimal digits, as in md5:bc69…. If digits are missing at the end, the others are compared."""
    limit: int = 50 * MB
    """The largest size, in bytes, if the exact size is not published."""
    unpack: Unpack | None = None

    def max_bytes(self) -> int:
        """Return the largest size that is accepted, in bytes."""
        return self.limit if self.bytes is None else self.bytes

    def fault(self, path: Path) -> str | None:
        """Return how a file differs from the published one, or None if it does not."""
        if self.bytes is not None and (size := path.stat().st_size) != self.bytes:
            return f"{size:,} bytes, {self.bytes:,} are published"
        if self.digest is not None:
            algorithm, _, published = self.digest.partition(":")
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, algorithm).hexdigest()
            if not digest.startswith(published):
                return f"{algorithm} {digest[:12]}…, {published[:12]}… is published"
        return None


@dataclass(frozen=True)
class DownloadSource:
    """The place where a corpus is published for anyone to download."""

    folder: str
    """The folder of the corpus below the raw folder."""
    files: Callable[[], Sequence[File]]
    """A function that returns the published files."""
    space: int
    """The disk space needed while it is downloaded and unpacked, in bytes, approximately."""
    terms: str = ""
    """What the licence forbids or asks, if the user has to confirm it first; else empty."""
    licence: str = ""
    """The address of the terms."""
    dataverse: tuple[str, str] | None = None
    """Server and DOI of a Dataverse data set, whose list of files is requested when it is downloaded."""


def size(count: float) -> str:
    """Return a number of bytes as text for people.

    >>> size(162_110), size(208_468_073), size(10_878_146_150)
    ('0.2 MB', '208 MB', '10.9 GB')
    """
    if count >= GB:
        return f"{count / GB:.1f} GB"
    return f"{count / MB:.0f} MB" if count >= 10 * MB else f"{count / MB:.1f} MB"
