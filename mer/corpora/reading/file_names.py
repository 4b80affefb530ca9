"""File names as tables write them, and the files that they mean."""

import difflib
import re
import unicodedata
from functools import cached_property
from pathlib import Path, PurePosixPath

from mer.corpora.reading.files import relative, walk

MAX_SEARCHED = 50
"""missing files per table for which the nearest name is looked for; the search reads every name"""


class FileNames:
    """The files below a folder, found by the names that a table gives them.

    Names match in any case and in any Unicode normalisation, as they do on other systems, where one file fits.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._searched = folder, 0

    def find(self, path: Path) -> Path | None:
        """Return the file that a path below the folder means; None where none or several fit.

        A path that is there as it is written is that file.
        """
        if path.is_file():
            return path
        fitting = self._by_name.get(_case_folded(self._below(path)), [])
        return fitting[0] if len(fitting) == 1 else None

    def nearest(self, path: Path) -> str:
        """Return the existing name that is most like that of a missing file, for a message; empty where none is.

        The same letters and digits count first, then the same file name in another folder, then likeness.
        """
        if self._searched >= MAX_SEARCHED:
            return ""
        self._searched += 1
        wanted = self._below(path)
        for key in (_letters_only, lambda name: _letters_only(PurePosixPath(name).stem)):
            if fitting := next((name for name in self._names if key(name) == key(wanted) != ""), None):
                return fitting
        return next(iter(difflib.get_close_matches(wanted, self._names, n=1)), "")

    @cached_property
    def _files(self) -> dict[str, Path]:
        return {relative(path, self.folder): path for path in walk(self.folder)}

    @cached_property
    def _names(self) -> list[str]:
        return list(self._files)

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for name, path in self._files.items():
            found.setdefault(_case_folded(name), []).append(path)
        return found

    def _below(self, path: Path) -> str:
        return path.as_posix().removeprefix(f"{self.folder.as_posix().rstrip('/')}/")


def _case_folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _letters_only(name: str) -> str:
    """Letters and digits of a name without its suffix."""
    return re.sub(r"[\W_]", "", _case_folded(str(PurePosixPath(name).with_suffix("")) if name else ""))
