"""Unpacking zip and tar archives that nobody has vouched for: all of it within the limits, or nothing."""

import gzip
import io
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from re import fullmatch
from typing import BinaryIO

from mer import files
from mer.corpora.download.disk import require
from mer.corpora.download.members import ArchiveError, from_tar, from_zip, litter, parts, same_place
from mer.corpora.download.source import MB, DownloadError, Unpack, size

CHUNK = 1 << 20
HEADERS = 4 * MB
"""bytes between two members of a tar: a few names and times; more could only be meant to fill the memory"""
BLOCK = 20 * 512
"""what tarfile reads at a time, and so ahead"""
ENTRY = 256
"""bytes that a member takes in a zip's list of members: 46, its name, and times"""
GRACE = 10 * MB
"""bytes that any archive may unpack to, however small it is"""
TARS = (".tar", ".tar.gz", ".tgz")
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    IndexError,
    NotImplementedError,
    RuntimeError,
)
"""what the standard library raises on an archive that is damaged, or made up to look like one"""


def unpack(archive: Path, target: Path, limits: Unpack) -> int:
    """Unpack `archive` to the folder `target`, which must not exist; return the number of files.

    It is unpacked beside `target`, then renamed; what an interrupted call left is cleared away first. A single
    folder around everything is dropped. Links, devices and litter of operating systems are never written.

    Raises:
        ArchiveError: it is damaged, or asks for a place outside, for links, or for more than the limits.
        DownloadError: the disk has no room for it.
    """
    if target.exists():
        raise ArchiveError(f"{target.name} is there already")
    place = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        writer = _Writer(place, limits, archive.stat().st_size)
        try:
            _unpack(archive, writer)
        except DAMAGE as error:
            if isinstance(error, DownloadError):
                raise
            raise ArchiveError(f"damaged or not what its name says ({str(error) or type(error).__name__})") from error
        if not writer.taken:
            raise ArchiveError("there is no file in it")
        _without_wrapping(place).rename(target)
        return len(writer.taken)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _unpack(archive: Path, writer: "_Writer") -> None:
    if archive.name.lower().endswith(".zip"):
        _zip(archive, writer)
    elif archive.name.lower().endswith(TARS):
        with archive.open("rb") as file:
            _tar(file, archive.name, "", writer, writer.limits.depth)
    else:
        raise ArchiveError("not a zip or tar archive by its name")


def _without_wrapping(place: Path) -> Path:
    inside = list(place.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else place


@dataclass
class _Writer:
    """Writes members below one folder, and counts."""

    place: Path
    limits: Unpack
    packed: int
    """bytes of the archive"""
    members: int = 0
    total: int = 0
    taken: dict[tuple[str, ...], str] = field(default_factory=dict)
    folders: set[tuple[str, ...]] = field(default_factory=set)

    def wanted(self, name: str) -> tuple[str, ...]:
        """Return the parts of a member's name, none where it is passed over."""
        self.members += 1
        if self.members > self.limits.files:
            raise ArchiveError(f"more than the {self.limits.files:,} members that it may have")
        found = parts(name)
        return () if litter(found) or fullmatch(self.limits.skip, "/".join(found)) else found

    def count(self, name: str, count: int) -> None:
        """Take note of what a member says of its size, before a byte of it is written."""
        self.total += count
        if count < 0 or self.total > self.limits.limit:
            raise ArchiveError(f"its files have more than the {size(self.limits.limit)} that they may have")
        if self.total > max(GRACE, self.packed * self.limits.ratio):
            raise ArchiveError(f"its files are more than {self.limits.ratio} times larger than the archive")
        require(self.place, count, ascii(name))

    def write(self, name: str, found: tuple[str, ...], count: int, stream: BinaryIO) -> None:
        """Write one member, of which exactly `count` bytes must be there."""
        self._claim(name, found)
        path = self.place.joinpath(*found)
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            out = path.open("xb")
        with out:
            left = count
            while left and (data := stream.read(min(CHUNK, left))):
                left -= len(data)
                with _writing(path):
                    out.write(data)
                    out.flush()
        if left or stream.read(1):
            raise ArchiveError(f"the member {name!a} is not as long as the archive says")

    def _claim(self, name: str, found: tuple[str, ...]) -> None:
        key = same_place(found)
        above = {key[:depth] for depth in range(1, len(key))}
        if key in self.taken or key in self.folders or not above.isdisjoint(self.taken):
            raise ArchiveError(f"the member {name!a} takes the place of another one, on some disks at least")
        self.taken[key] = name
        self.folders |= above


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Tell what goes wrong with the disk from what is wrong with the archive, which also comes as an OSError."""
    try:
        yield
    except OSError as error:
        raise DownloadError(f"{files.to_root(path)} cannot be written ({error.strerror})") from error


class _Directory(io.BufferedReader):
    """A zip of whose list of members, which zipfile reads in one piece, no more is read than may be."""

    def __init__(self, path: Path, members: int) -> None:
        super().__init__(io.FileIO(path))
        self.members = members

    def read(self, count: int | None = -1) -> bytes:
        if (count or 0) > max(CHUNK, self.members * ENTRY):
            raise ArchiveError(f"its list of members is longer than that of {self.members:,} members")
        return super().read(count)


def _zip(path: Path, writer: _Writer) -> None:
    with _Directory(path, writer.limits.files) as file, zipfile.ZipFile(file) as archive:
        members = []
        for info in archive.infolist():
            name = from_zip(info.orig_filename, utf8=bool(info.flag_bits & 0x800))
            kind = stat.S_IFMT(info.external_attr >> 16)
            found = writer.wanted(name)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ArchiveError(f"the member {name!a} is a link or a device, not a file")
            if info.flag_bits & 1:
                raise ArchiveError(f"the member {name!a} is encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ArchiveError(f"the member {name!a} is neither stored nor deflated")  # what needs much memory
            if found and not name.endswith(("/", "\\")):
                members.append((name, found, info))
        writer.count(path.name, sum(info.file_size for _, _, info in members))
        for name, found, info in members:
            with archive.open(info) as stream:
                writer.write(name, found, info.file_size, stream)


class _Metered:
    """A stream that fails once more is read from it than was allowed: tarfile itself reads what headers ask for."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.left = HEADERS
        self.seen = 0

    def read(self, count: int) -> bytes:
        data = self.stream.read(count)
        self.left -= len(data)
        self.seen += len(data)
        if self.left < 0:
            raise ArchiveError("has far more between its members than names and times")
        return data


def _tar(file: BinaryIO, name: str, prefix: str, writer: _Writer, depth: int) -> None:
    plain = name.lower().endswith(".tar")
    stream = _Metered(file if plain else gzip.GzipFile(fileobj=file, mode="rb"))
    # the stream mode never seeks, so that no size in a header can lead back or in circles
    with tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK, encoding="utf-8") as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # tarfile gathers both, for seeking and for the members to come
            archive.pax_headers.clear()
            stream.left = max(member.size, 0) + BLOCK
            _member(archive, member, prefix, writer, depth)
            stream.left = HEADERS
        while stream.read(CHUNK):  # to the end, where gzip has its check sum
            pass
        if stream.seen <= archive.offset:  # nothing tells the end: tarfile takes that for the end
            raise ArchiveError("ends after some of its members")


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, prefix: str, writer: _Writer, depth: int) -> None:
    name = prefix + from_tar(member.name)
    found = writer.wanted(name)
    if member.isdir():
        return
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise ArchiveError(f"the member {name!a} is a link or a device, not a file")
    stream = archive.extractfile(member)
    if found and depth > 1 and found[-1].lower().endswith(TARS):
        folder = next(name[: -len(end)] for end in TARS if name.lower().endswith(end))
        _tar(stream, found[-1], f"{folder}/", writer, depth - 1)
    else:
        writer.count(name, member.size)
        if found:
            writer.write(name, found, member.size, stream)
    while stream.read(CHUNK):  # what nobody wanted of it
        pass
