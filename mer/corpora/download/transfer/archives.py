"""Unpack zip and tar archives from untrusted sources: completely and within limits, or not at all."""

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
from mer.corpora.download.source import MB, DownloadError, Unpack, size
from mer.corpora.download.transfer.disk import require_space
from mer.corpora.download.transfer.members import ArchiveError, from_tar, from_zip, litter, parts, same_place

CHUNK = 1 << 20
"""The number of bytes that are read at once."""
MAX_HEADER_BYTES = 4 * MB
"""The largest size of the headers between two members of a tar. They hold names and times; more would fill the memory.
"""
BLOCK = 20 * 512
"""The number of bytes that tarfile reads at once, and therefore in advance."""
ENTRY_BYTES = 256
"""The size of a member's entry in the directory of a zip: 46 bytes, its name, and times."""
ALWAYS_ALLOWED_BYTES = 10 * MB
"""The total size to which any archive may be unpacked, however small it is."""
TARS = (".tar", ".tar.gz", ".tgz")
ARCHIVE_ERRORS = (
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
"""The errors of the standard library for archives that are damaged or malicious."""


def unpack(archive: Path, target: Path, limits: Unpack) -> int:
    """Unpack `archive` to the folder `target`, which must not exist, and return the number of files.

    The archive is unpacked next to `target` and then renamed. The remains of an interrupted call are deleted first. A
    single folder around everything is dropped. Links, devices and system files are never written.

    Args:
        archive: zip or tar file.
        target: folder to create.
        limits: largest size, number of files and ratio.

    Raises:
        ArchiveError: the archive is damaged, exceeds the limits, or holds links or paths outside of its folder.
        DownloadError: the disk is full.
    """
    if target.exists():
        raise ArchiveError(f"{target.name} exists already")
    place = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        writer = _Writer(place, limits, archive.stat().st_size)
        try:
            _unpack(archive, writer)
        except ARCHIVE_ERRORS as error:
            if isinstance(error, DownloadError):
                raise
            raise ArchiveError(f"damaged or not what its name says ({str(error) or type(error).__name__})") from error
        if not writer.used_names:
            raise ArchiveError("there is no file in it")
        _without_wrapper_folder(place).rename(target)
        return len(writer.used_names)
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


def _without_wrapper_folder(place: Path) -> Path:
    inside = list(place.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else place


@dataclass
class _Writer:
    """Writes members below one folder and checks the limits."""

    place: Path
    limits: Unpack
    packed: int
    """The size of the archive, in bytes."""
    members: int = 0
    total: int = 0
    used_names: dict[tuple[str, ...], str] = field(default_factory=dict)
    folders: set[tuple[str, ...]] = field(default_factory=set)

    def accepts(self, name: str) -> tuple[str, ...]:
        """Return the path of a member, by folders; empty if the member is not unpacked."""
        self.members += 1
        if self.members > self.limits.files:
            raise ArchiveError(f"more than the {self.limits.files:,} members that it may have")
        path = parts(name)
        return () if litter(path) or fullmatch(self.limits.skip, "/".join(path)) else path

    def count(self, name: str, count: int) -> None:
        """Add the stated size of a member, in bytes, before the member is written."""
        self.total += count
        if count < 0 or self.total > self.limits.limit:
            raise ArchiveError(f"its files have more than the {size(self.limits.limit)} that they may have")
        if self.total > max(ALWAYS_ALLOWED_BYTES, self.packed * self.limits.ratio):
            raise ArchiveError(f"its files are more than {self.limits.ratio} times larger than the archive")
        require_space(self.place, count, ascii(name))

    def write(self, name: str, path: tuple[str, ...], count: int, stream: BinaryIO) -> None:
        """Write one member, which must have exactly `count` bytes."""
        self._reserve(name, path)
        target = self.place.joinpath(*path)
        with _writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            out = target.open("xb")
        with out:
            left = count
            while left and (data := stream.read(min(CHUNK, left))):
                left -= len(data)
                with _writing(target):
                    out.write(data)
                    out.flush()
        if left or stream.read(1):
            raise ArchiveError(f"the member {name!a} is not as long as the archive says")

    def _reserve(self, name: str, path: tuple[str, ...]) -> None:
        key = same_place(path)
        above = {key[:depth] for depth in range(1, len(key))}
        if key in self.used_names or key in self.folders or not above.isdisjoint(self.used_names):
            raise ArchiveError(f"the member {name!a} takes the place of another one, on some disks at least")
        self.used_names[key] = name
        self.folders |= above


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise errors of the disk as DownloadError, because errors of the archive may be of type OSError too."""
    try:
        yield
    except OSError as error:
        raise DownloadError(f"{files.to_root(path)} cannot be written ({error.strerror})") from error


class _Directory(io.BufferedReader):
    """A zip file whose directory, which zipfile reads in one piece, is limited in size."""

    def __init__(self, path: Path, members: int) -> None:
        super().__init__(io.FileIO(path))
        self.members = members

    def read(self, count: int | None = -1) -> bytes:
        if (count or 0) > max(CHUNK, self.members * ENTRY_BYTES):
            raise ArchiveError(f"its list of members is longer than that of {self.members:,} members")
        return super().read(count)


def _zip(path: Path, writer: _Writer) -> None:
    with _Directory(path, writer.limits.files) as file, zipfile.ZipFile(file) as archive:
        members = []
        for info in archive.infolist():
            name = from_zip(info.orig_filename, utf8=bool(info.flag_bits & 0x800))
            kind = stat.S_IFMT(info.external_attr >> 16)
            target = writer.accepts(name)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ArchiveError(f"the member {name!a} is a link or a device, not a file")
            if info.flag_bits & 1:
                raise ArchiveError(f"the member {name!a} is encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ArchiveError(f"the member {name!a} is neither stored nor deflated")  # others need much memory
            if target and not name.endswith(("/", "\\")):
                members.append((name, target, info))
        writer.count(path.name, sum(info.file_size for _, _, info in members))
        for name, target, info in members:
            with archive.open(info) as stream:
                writer.write(name, target, info.file_size, stream)


class _CountingStream:
    """A stream that limits how much tarfile reads, because tarfile reads as much as headers state."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.left = MAX_HEADER_BYTES
        self.n_read = 0

    def read(self, count: int) -> bytes:
        data = self.stream.read(count)
        self.left -= len(data)
        self.n_read += len(data)
        if self.left < 0:
            raise ArchiveError("has far more between its members than names and times")
        return data


def _tar(file: BinaryIO, name: str, prefix: str, writer: _Writer, depth: int) -> None:
    plain = name.lower().endswith(".tar")
    stream = _CountingStream(file if plain else gzip.GzipFile(fileobj=file, mode="rb"))
    # the stream mode never seeks, so that no size in a header can cause a loop
    with tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK, encoding="utf-8") as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # tarfile collects both for seeking and for later members
            archive.pax_headers.clear()
            stream.left = max(member.size, 0) + BLOCK
            _member(archive, member, prefix, writer, depth)
            stream.left = MAX_HEADER_BYTES
        while stream.read(CHUNK):  # read to the end, where gzip has its check sum
            pass
        if stream.n_read <= archive.offset:  # there is no end marker, and tarfile does not report that
            raise ArchiveError("ends after some of its members")


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, prefix: str, writer: _Writer, depth: int) -> None:
    name = prefix + from_tar(member.name)
    target = writer.accepts(name)
    if member.isdir():
        return
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise ArchiveError(f"the member {name!a} is a link or a device, not a file")
    stream = archive.extractfile(member)
    if target and depth > 1 and target[-1].lower().endswith(TARS):
        folder = next(name[: -len(end)] for end in TARS if name.lower().endswith(end))
        _tar(stream, target[-1], f"{folder}/", writer, depth - 1)
    else:
        writer.count(name, member.size)
        if target:
            writer.write(name, target, member.size, stream)
    while stream.read(CHUNK):  # skip the rest of the member
        pass
