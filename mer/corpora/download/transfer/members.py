"""Names of an archive's members: how they are decoded, and whether a file of this name may be written."""

import os
import re
import unicodedata

from mer.corpora.download.source import DownloadError

MAX_DEPTH = 40
"""The largest number of nested folders."""
MAX_NAME_BYTES = 240
"""The longest name of a file or folder, in bytes. File systems allow 255."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
DRIVE = re.compile(r"[A-Za-z]:")
LITTER = re.compile(r"__MACOSX|\.DS_Store|Thumbs\.db|\._.*")
FORBIDDEN_ON_WINDOWS = re.compile(r'[<>:"|?*]|[. ](?=[. ]*$)')
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)", re.IGNORECASE)


class ArchiveError(DownloadError):
    """An archive that is damaged or exceeds its limits. Nothing of it is left on disk."""


def parts(name: str, windows: bool = os.name == "nt") -> tuple[str, ...]:
    """Return the path that a member's name means, by folders.

    Backslashes are separators, because some archivers on Windows write them. Characters that Windows does not allow in
    names become underscores if `windows` is true.

    >>> parts("RAVDESS/./Actor_01/03-01.wav"), parts("Sad\\\\a.wav"), parts("./")
    (('RAVDESS', 'Actor_01', '03-01.wav'), ('Sad', 'a.wav'), ())
    >>> parts("House. /no-safe-calm-??.wav", windows=True), parts("a/aux.wav", windows=True)
    (('House__', 'no-safe-calm-__.wav'), ('a', 'aux_.wav'))

    Raises:
        ArchiveError: the name leads out of the folder, or is no valid name of a file.
    """
    shown = ascii(name if len(name) <= 100 else name[:100] + "…")
    if CONTROL.search(name):
        raise ArchiveError(f"the member {shown} has control characters in its name")
    plain = name.replace("\\", "/")
    if plain.startswith("/") or DRIVE.match(plain):
        raise ArchiveError(f"the member {shown} names a place on the disk, not one within the archive")
    path = [part for part in plain.split("/") if part not in ("", ".")]
    if ".." in path:
        raise ArchiveError(f"the member {shown} leads out of the folder")
    if windows:
        path = [DEVICE.sub(r"\1_", FORBIDDEN_ON_WINDOWS.sub("_", part), count=1) for part in path]
    if len(path) > MAX_DEPTH or any(len(part.encode("utf-8")) > MAX_NAME_BYTES for part in path):
        raise ArchiveError(f"the member {shown} is nested too deep, or its name is too long")
    return tuple(path)


def litter(path: tuple[str, ...]) -> bool:
    """Return whether a member is a file that macOS or Windows writes for its own use.

    >>> litter(("train", "._dia0_utt0.mp4")), litter(("__MACOSX", "a.wav")), litter(("a.wav",))
    (True, True, False)
    """
    return any(LITTER.fullmatch(part) for part in path)


def same_place(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return a key that is equal for paths that some file system treats as one.

    >>> same_place(("Angry", "A.wav")) == same_place(("angry", "a.WAV"))
    True
    """
    return tuple(unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold()) for part in path)


def from_zip(name: str, utf8: bool) -> str:
    """Return a zip member's name. Without the flag for UTF-8 it is UTF-8 if it can be, else code page 437.

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
    """Return a tar member's name, in which bytes that are not UTF-8 are surrogates.

    >>> from_tar("Col\\udce8re")
    'Colère'
    """
    data = name.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
