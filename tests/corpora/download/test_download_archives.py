"""Unpacking of valid, damaged and hostile archives."""

import bz2
import gzip
import hashlib
import os
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mer.corpora.download.source import GB, MB, DownloadError, Unpack
from mer.corpora.download.transfer import archives, disk, members
from mer.corpora.download.transfer.archives import unpack
from mer.corpora.download.transfer.members import ArchiveError
from tests.corpora.download.packing import CLIP, tarred, zipped

SPARSE = {"GNU.sparse.map": "0,100", "GNU.sparse.realsize": "9000"}
LIMITS = Unpack(GB, files=50, depth=2)


def mode(value):
    return lambda info: setattr(info, "external_attr", value << 16)


def kind(value, link=""):
    def change(info):
        info.type, info.linkname, info.size = value, link, 0

    return change


def renamed(archive: bytes, old: bytes, new: bytes) -> bytes:
    """Return an archive in which a name is replaced by another one of the same length."""
    assert len(old) == len(new)
    assert old in archive
    return archive.replace(old, new)


def header(size: int, type_: bytes = b"0", name: bytes = b"a.wav") -> bytes:
    """Return a tar header with any content; a negative size is written in base 256."""
    digits = size.to_bytes(12, signed=True) if size < 0 else b"%011o\0" % size
    block = bytearray(struct.pack("100s8s8s8s12s12s8s1s355x", name, *[b"0000644\0"] * 3, digits, b"0" * 12, b"", type_))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@dataclass
class Row:
    """An archive, and the expected result."""

    served: str
    data: bytes
    expected: str
    """The expected message, or the expected paths."""
    name: str = ""
    limits: dict = field(default_factory=dict)


NOISE = hashlib.shake_256(b"seed").digest(9000)
ZEROS = bytes(11 * MB)
HOSTILE = [
    Row("zip: ../", zipped(("../evil.wav", CLIP)), "leads out of the folder"),
    Row("zip: a/../../", zipped(("a/../../evil.wav", CLIP)), "leads out of the folder"),
    Row("zip: ..\\", zipped(("..\\..\\evil.wav", CLIP)), "leads out of the folder"),
    Row("zip: absolute", zipped(("/etc/evil.wav", CLIP)), "names a place on the disk"),
    Row("zip: drive letter", zipped(("C:\\evil.wav", CLIP)), "names a place on the disk"),
    Row("zip: share", zipped(("\\\\host\\share\\evil.wav", CLIP)), "names a place on the disk"),
    Row("zip: folder outside", zipped(("../evil/", b"")), "leads out of the folder"),
    Row(
        "zip: NUL in the name",
        renamed(zipped(("good.wav/../../evil", CLIP)), b"good.wav/", b"good.wav\0"),
        "control characters",
    ),
    Row("zip: escape in the name", zipped(("a\x1b[2J.wav", CLIP)), "control characters"),
    Row("zip: symbolic link", zipped(("a.wav", b"/etc/passwd"), change=mode(0o120777)), "a link or a device"),
    Row("zip: device", zipped(("a.wav", b""), change=mode(0o020666)), "a link or a device"),
    Row("zip: one name twice", zipped(("a.wav", CLIP), ("./a.wav", b"other")), "takes the place of another"),
    Row("zip: names that differ in case", zipped(("Sad/a.wav", CLIP), ("sad/A.WAV", b"")), "takes the place of"),
    Row("zip: a file as a folder", zipped(("a", CLIP), ("a/b.wav", CLIP)), "takes the place of another"),
    Row("zip: a folder as a file", zipped(("a/b.wav", CLIP), ("A", CLIP)), "takes the place of another"),
    Row("zip: bomb by ratio", zipped(("a.wav", ZEROS), packed=zipfile.ZIP_DEFLATED), "more than 100 times larger"),
    Row("zip: bomb by size", zipped(("a.wav", CLIP), ("b.wav", CLIP)), "more than the 0.0 MB", limits={"limit": 300}),
    Row("zip: bomb by number", zipped(*((f"{n}.wav", b"") for n in range(51))), "more than the 50 members"),
    Row("zip: bomb of names", zipped(*(("n" * 200 + str(n), b"") for n in range(4500))), "its list of members"),
    Row("zip: says more than it holds", renamed(zipped(("a.wav", CLIP)), b"\xcc\0\0\0", b"\xff\0\0\0"), "damaged"),
    Row(
        "zip: says more than it holds, deflated",
        renamed(zipped(("a.wav", CLIP), packed=zipfile.ZIP_DEFLATED), b"\xcc\0\0\0", b"\xff\0\0\0"),
        "is not as long as the archive says",
    ),
    Row("zip: altered data", renamed(zipped(("a.wav", CLIP)), b"RIFF", b"RAFF"), "damaged or not .*CRC"),
    Row(
        "zip: encrypted", renamed(zipped(("a.wav", CLIP)), b"\x14\0\0\0", b"\x14\0\1\0"), "^the member .* is encrypted"
    ),
    Row("zip: packed with lzma", zipped(("a.wav", CLIP), packed=zipfile.ZIP_LZMA), "neither stored nor deflated"),
    Row("zip: deep", zipped(("a/" * 41 + "b", CLIP)), "nested too deep"),
    Row("zip: long name", zipped(("a" * 300, CLIP)), "too long"),
    Row("zip: cut off", zipped(("a.wav", CLIP))[:-30], "damaged or not what its name says"),
    Row("zip: a web page", b"<!doctype html>" + b" " * 900, "damaged or not what its name says"),
    Row("zip: empty", zipped(), "no file in it"),
    Row("tar: ../", tarred(("../evil.wav", CLIP)), "leads out of the folder"),
    Row("tar: absolute", tarred(("/etc/evil.wav", CLIP)), "names a place on the disk"),
    Row("tar: drive letter", tarred(("c:/evil.wav", CLIP)), "names a place on the disk"),
    Row("tar: ../ by a pax header", tarred(("a/" * 60 + "../" * 61 + "evil", CLIP)), "leads out of the folder"),
    Row("tar: symbolic link", tarred(("a", b""), change=kind(tarfile.SYMTYPE, "/etc")), "a link or a device"),
    Row("tar: hard link", tarred(("a", b""), change=kind(tarfile.LNKTYPE, "/etc/passwd")), "a link or a device"),
    Row("tar: device", tarred(("a", b""), change=kind(tarfile.CHRTYPE)), "a link or a device"),
    Row("tar: pipe", tarred(("a", b""), change=kind(tarfile.FIFOTYPE)), "a link or a device"),
    Row("tar: unknown kind", header(0, b"?") + bytes(1024), "a link or a device"),
    Row("tar: sparse", tarred(("a", CLIP), change=lambda info: info.pax_headers.update(SPARSE)), "a link or a device"),
    Row("tar: one name twice", tarred(("a.wav", CLIP), ("a.wav", b"other")), "takes the place of another"),
    Row("tar.gz: bomb by ratio", gzip.compress(tarred(("a.wav", ZEROS))), "more than 100 times larger"),
    Row("tar.gz: bomb by size", gzip.compress(tarred(("a.wav", CLIP))), "more than the 0.0 MB", limits={"limit": 100}),
    Row("tar.gz: bomb by number", gzip.compress(tarred(*((f"{n}", b"") for n in range(51)))), "the 50 members"),
    Row(
        "tar.gz: bomb of folders", gzip.compress(tarred(*[("a", b"")] * 51, change=kind(tarfile.DIRTYPE))), "50 members"
    ),
    Row(
        "tar.gz: bomb in an archive inside",
        gzip.compress(tarred(("in.tar.gz", gzip.compress(tarred(("a", ZEROS)))))),
        "more than 100 times larger",
    ),
    Row(
        "tar.gz: bomb in what is passed over",
        gzip.compress(tarred(("._a", ZEROS), ("b.wav", CLIP))),
        "more than 100 times larger",
    ),
    Row(
        "tar.gz: a header that fills the memory",
        gzip.compress(header(8 * MB, b"L") + bytes(8 * MB + 1024)),
        "far more between its members",
    ),
    Row("tar.gz: far more after the end", gzip.compress(tarred(("a", CLIP)) + bytes(8 * MB)), "far more between"),
    Row("tar: negative size", header(-512) + bytes(1024), "damaged|more than|no file"),
    Row("tar: says more than it holds", header(4096) + bytes(512), "damaged or not .*unexpected end"),
    Row("tar: cut off between members", tarred(("a", CLIP), ("b", CLIP))[:1024], "ends after some of its members"),
    Row(
        "tar.gz: cut off", gzip.compress(tarred(("a.wav", hashlib.shake_256(b"noise").digest(9000))))[:5000], "damaged"
    ),
    Row("tar.gz: altered", gzip.compress(tarred(("a.wav", CLIP)))[:-8] + bytes(8), "damaged or not .*CRC"),
    Row("tar.gz: a tar without gzip", tarred(("a.wav", CLIP)), "damaged or not .*gzip", name="x.tar.gz"),
    Row("tar.gz: a web page", b"<!doctype html>" + b" " * 900, "damaged or not what its name says", name="x.tar.gz"),
    Row("tar: nothing", b"", "damaged or not what its name says"),
    Row("tar: zeros", bytes(10240), "no file in it"),
    Row("bz2", bz2.compress(tarred(("a.wav", CLIP))), "not a zip or tar archive by its name", name="x.tar.bz2"),
]
GOOD = [
    Row("zip: plain", zipped(("Actor_01/a.wav", CLIP), ("Actor_02/a.wav", CLIP)), "Actor_01/a.wav Actor_02/a.wav"),
    Row("zip: a folder around everything", zipped(("main/", b""), ("main/a.wav", CLIP), ("main/b", b"")), "a.wav b"),
    Row("zip: backslashes", zipped(("x\\Sad\\", b""), ("x\\Sad\\a.wav", CLIP), ("x\\b", b"")), "Sad/a.wav b"),
    Row("zip: code page 437", renamed(zipped(("Col?re/a", CLIP), ("b", CLIP)), b"l?r", b"l\x8ar"), "Colère/a b"),
    Row("zip: UTF-8, not marked", renamed(zipped(("D--go/a", CLIP), ("b", b"")), b"--", "é".encode()), "Dégo/a b"),
    Row("zip: UTF-8, marked", zipped(("Colère/a", CLIP), ("b", CLIP)), "Colère/a b"),
    Row("zip: litter", zipped(("__MACOSX/._a.wav", CLIP), ("a.wav", CLIP), (".DS_Store", b""), ("b", b"")), "a.wav b"),
    Row("zip: marks of questions", zipped(("no-safe-calm-??.wav", CLIP)), "no-safe-calm-??.wav"),
    Row("zip: executable", zipped(("a.wav", CLIP), change=mode(0o104777)), "a.wav"),
    Row("tar: plain", tarred(("Actor_01/a.wav", CLIP), ("./b.wav", CLIP)), "Actor_01/a.wav b.wav"),
    Row("tar: GNU", tarred(("d/" + "n" * 150, CLIP), ("b", b""), form=tarfile.GNU_FORMAT), "b d/" + "n" * 150),
    Row("tar: Latin-1", tarred(("Col\udce8re/a", CLIP), ("b", b""), form=tarfile.GNU_FORMAT), "Colère/a b"),
    Row("tar.gz: litter", gzip.compress(tarred(("._a", bytes(9000)), ("a", CLIP), ("d/._b", b""))), "a"),
    Row(
        "tar.gz: archives inside, one of them two deep",
        gzip.compress(
            tarred(
                ("M/train.tar.gz", gzip.compress(tarred(("s/a.mp4", CLIP), ("deep.tar", tarred(("c", CLIP)))))),
                ("M/test.tar", tarred(("b.mp4", CLIP))),
                ("M/README", b""),
            )
        ),
        "README test/b.mp4 train/deep.tar train/s/a.mp4",
    ),
    Row("tar: passed over", tarred(("M/x_emo.csv", b"old"), ("M/a", CLIP)), "a", limits={"skip": r"(.*/)?x_emo\.csv"}),
]


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def place(row: Row, folder: Path) -> Path:
    suffix = row.served.split(":")[0]
    path = folder / (row.name or f"x.{suffix}")
    path.write_bytes(row.data)
    return path


def limits(row: Row) -> Unpack:
    return Unpack(**{"limit": GB, "files": 50, "depth": 2} | row.limits)


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.served)
def test_hostile_archive_leaves_no_files(tmp_path, row):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    archive = place(row, folder)
    before = tree(tmp_path)
    with pytest.raises(ArchiveError, match=row.expected):
        unpack(archive, folder / "target", limits(row))
    assert tree(tmp_path) == before


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row.served)
def test_archives_of_publishers_are_unpacked(tmp_path, row):
    archive = place(row, tmp_path)
    count = unpack(archive, tmp_path / "target", limits(row))
    files = {name for name in tree(tmp_path / "target") if (tmp_path / "target" / name).is_file()}
    assert sorted(files) == row.expected.split(" ")
    assert count == len(files)
    assert tree(tmp_path) - {f"target/{name}" for name in tree(tmp_path / "target")} == {archive.name, "target"}
    assert any((tmp_path / "target" / name).read_bytes() == CLIP for name in files)
    assert not any(os.access(tmp_path / "target" / name, os.X_OK) for name in files)


def test_interrupted_unpacking_starts_again(tmp_path, monkeypatch):
    archive = tmp_path / "x.zip"
    archive.write_bytes(zipped(("a.wav", CLIP), ("b.wav", CLIP)))
    write = archives._Writer.write

    def interrupted(self, name, *rest):
        if name == "b.wav":
            raise KeyboardInterrupt
        write(self, name, *rest)

    monkeypatch.setattr(archives._Writer, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "target", LIMITS)
    assert tree(tmp_path) == {"x.zip"}
    monkeypatch.undo()
    (tmp_path / ".target.unpacking" / "old").mkdir(parents=True)  # of a process that was killed
    assert unpack(archive, tmp_path / "target", LIMITS) == 2
    assert tree(tmp_path) == {"x.zip", "target", "target/a.wav", "target/b.wav"}


def test_existing_files_are_not_overwritten(tmp_path):
    archive = tmp_path / "x.zip"
    archive.write_bytes(zipped(("a.wav", CLIP)))
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "mine.txt").write_text("mine")
    with pytest.raises(ArchiveError, match="target exists already"):
        unpack(archive, tmp_path / "target", LIMITS)
    assert tree(tmp_path / "target") == {"mine.txt"}


@pytest.mark.parametrize("name", ["x.zip", "x.tar"])
def test_disk_space_is_checked_before_the_first_byte(tmp_path, monkeypatch, name):
    archive = tmp_path / name
    archive.write_bytes((zipped if name == "x.zip" else tarred)(("a.wav", CLIP)))
    monkeypatch.setattr(disk, "RESERVE", 10**18)
    with pytest.raises(DownloadError, match="free some space") as caught:
        unpack(archive, tmp_path / "target", LIMITS)
    assert not isinstance(caught.value, ArchiveError)
    assert tree(tmp_path) == {name}


def test_headers_do_not_accumulate_in_memory(tmp_path):
    archive = tmp_path / "x.tar"
    with archive.open("wb") as out:
        for number in range(30):
            data = tarred((str(number), CLIP), pax_headers={f"MER.{number}": "x" * 500_000})
            out.write(data[: data.rindex(CLIP) + 512])
        out.write(bytes(1024))
    tracemalloc.start()
    try:
        assert unpack(archive, tmp_path / "target", LIMITS) == 30
        assert tracemalloc.get_traced_memory()[1] < 10 * MB
    finally:
        tracemalloc.stop()


PIECES = st.sampled_from(
    [
        "..",
        ".",
        "a",
        "A",
        "b.wav",
        "",
        "C:",
        "con",
        "nul.wav",
        "x ",
        "x.",
        "..\\..",
        "é",
        "e\u0301",
        "ß",
        "\0",
        "~",
        "?",
    ]
)
NAMES = st.one_of(
    st.lists(PIECES | st.text(max_size=4), min_size=1, max_size=5).map("/".join),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    st.binary(min_size=1, max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape")),
)


@settings(max_examples=300)
@given(name=NAMES, windows=st.booleans())
@example(name="a/CON.wav", windows=True)
@example(name="a/b:c", windows=True)
def test_any_name_is_refused_or_inside_the_folder(name, windows):
    try:
        result = members.parts(name, windows)
    except ArchiveError:
        return
    for part in result:
        assert part not in ("", ".", "..")
        assert not set(part) & set("/\\\0")
        if windows:
            assert not set(part) & set('<>:"|?*')
            assert part == part.rstrip(". ")
            assert part.split(".")[0].lower() not in ("con", "nul", "aux", "prn", "com1", "lpt9")
    if result:
        base = Path("/base")
        assert base in Path(os.path.normpath(base.joinpath(*result))).parents


@settings(max_examples=100)
@given(names=st.lists(NAMES, min_size=1, max_size=4), kind=st.sampled_from(["x.zip", "x.tar", "x.tar.gz"]))
def test_nothing_is_written_outside_for_any_member_name(names, kind):
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder, "a", "b")
        inner.mkdir(parents=True)
        archive = inner / kind
        try:
            if kind == "x.zip":
                data = zipped(*((name, CLIP) for name in names))
            else:
                data = tarred(*((name, CLIP) for name in names), form=tarfile.GNU_FORMAT)
        except ValueError:
            return  # no archive can have that name
        archive.write_bytes(gzip.compress(data) if kind == "x.tar.gz" else data)
        try:
            count = unpack(archive, inner / "target", LIMITS)
        except ArchiveError:
            assert tree(Path(folder)) == {"a", "a/b", f"a/b/{kind}"}
        else:
            outside = {name for name in tree(Path(folder)) if not name.startswith("a/b/target")}
            assert outside == {"a", "a/b", f"a/b/{kind}"}
            assert count == sum(path.is_file() for path in (inner / "target").rglob("*"))


SAMPLES = {
    "x.zip": zipped(("a/b.wav", CLIP), ("c.wav", CLIP * 5), packed=zipfile.ZIP_DEFLATED),
    "x.tar": tarred(("a/b.wav", CLIP), ("n" * 120, CLIP), ("in.tar", tarred(("c", CLIP)))),
    "x.tar.gz": gzip.compress(tarred(("a/b.wav", CLIP), ("c.wav", CLIP * 5)), mtime=0),
}


@settings(max_examples=300)
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4),
    end=st.none() | st.integers(0, 10**6),
)
def test_damaged_archive_is_reported_and_leaves_no_files(name, places, end):
    data = bytearray(SAMPLES[name])
    for at, value in places:
        data[at % len(data)] = value
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, name)
        archive.write_bytes(data if end is None else data[: end % len(data)])
        try:
            unpack(archive, Path(folder, "target"), LIMITS)
        except ArchiveError:
            assert tree(Path(folder)) == {name}
