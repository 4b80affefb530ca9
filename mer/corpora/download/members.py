"""Names of an archive's members: what they say, and whether a file may be made of them."""

import os
import re
import unicodedata

from mer.corpora.download.source import DownloadError

PARTS = 40
"""folders in one another, at most"""
LENGTH = 240
"""bytes of one name, at most; file systems take 255"""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
DRIVE = re.compile(r"[A-Za-z]:")
LITTER = re.compile(r"__MACOSX|\.DS_Store|Thumbs\.db|\._.*")
UNKNOWN_TO_WINDOWS = re.compile(r'[<>:"|?*]|[. ](?=[. ]*$)')
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)", re.IGNORECASE)


class ArchiveError(DownloadError):
    """An archive that is damaged, or that asks for what no corpus needs; nothing of it is left on disk."""


def parts(name: str, windows: bool = os.name == "nt") -> tuple[str, ...]:
    """Return the folders and the file that a member's name stands for, each of them a plain name.

    Backslashes are taken for separators, as some archivers on Windows write them. What `windows` cannot have
    in a name becomes an underscore there; elsewhere names stay as they were published.

    >>> parts("RAVDESS/./Actor_01/03-01.wav"), parts("Sad\\\\a.wav"), parts("./")
    (('RAVDESS', 'Actor_01', '03-01.wav'), ('Sad', 'a.wav'), ())
    >>> parts("House. /no-safe-calm-??.wav", windows=True), parts("a/aux.wav", windows=True)
    (('House__', 'no-safe-calm-__.wav'), ('a', 'aux_.wav'))

    Raises:
        ArchiveError: the name leads out of the folder, or is no name for a file.
    """
    shown = ascii(name if len(name) <= 100 else name[:100] + "…")
    if CONTROL.search(name):
        raise ArchiveError(f"the member {shown} has control characters in its name")
    plain = name.replace("\\", "/")
    if plain.startswith("/") or DRIVE.match(plain):
        raise ArchiveError(f"the member {shown} names a place on the disk, not one within the archive")
    found = [part for part in plain.split("/") if part not in ("", ".")]
    if ".." in found:
        raise ArchiveError(f"the member {shown} leads out of the folder")
    if windows:
        found = [DEVICE.sub(r"\1_", UNKNOWN_TO_WINDOWS.sub("_", part), count=1) for part in found]
    if len(found) > PARTS or any(len(part.encode("utf-8")) > LENGTH for part in found):
        raise ArchiveError(f"the member {shown} is nested too deep, or its name is too long")
    return tuple(found)


def litter(found: tuple[str, ...]) -> bool:
    """Say whether a member is what macOS or Windows keeps for itself beside the files.

    >>> litter(("train", "._dia0_utt0.mp4")), litter(("__MACOSX", "a.wav")), litter(("a.wav",))
    (True, True, False)
    """
    return any(LITTER.fullmatch(part) for part in found)


def same_place(found: tuple[str, ...]) -> tuple[str, ...]:
    """Return a key that is equal for names which some file system takes for one.

    >>> same_place(("Angry", "A.wav")) == same_place(("angry", "a.WAV"))
    True
    """
    return tuple(unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold()) for part in found)


def from_zip(name: str, utf8: bool) -> str:
    """Return a zip member's name; without the mark for UTF-8 it may be that all the same, else it is code page 437.

    >>> from_zip("Col\\u251c\\u00bfre", utf8=False), from_zip("Colère", utf8=False)
    ('Colère', 'Colère')
    """
    if utf8:
        return name
    data = name.encode("cp437", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return name


def from_tar(name: str) -> str:
    """Return a tar member's name, which holds bytes that are not UTF-8 as surrogates.

    >>> from_tar("Col\\udce8re")
    'Colère'
    """
    data = name.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
