"""The files that the file names in a table mean."""

import difflib
import re
import unicodedata
from functools import cached_property
from pathlib import Path, PurePosixPath

from mer.corpora.reading.files import relative, walk
from mer.files import is_file

MAX_SEARCHED = 50
"""The number of missing files per table for which a similar name is searched. Each search compares all names."""


class FileNames:
    """The files below a folder, by the names that a table gives them.

    Names match in any case and in any Unicode normalisation, as on other operating systems, if only one file matches.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._searched = folder, 0

    def find(self, path: Path) -> Path | None:
        """Return the file that a path below the folder means; None if no file or several files match.

        A file that exists under exactly this path takes precedence.
        """
        if is_file(path):
            return path
        matches = self._by_name.get(_case_folded(self._relative(path)), [])
        return matches[0] if len(matches) == 1 else None

    def nearest(self, path: Path) -> str:
        """Return the existing name that is most similar to a missing file, for a message; empty if there is none.

        A name with the same letters and digits comes first, then the same file name in another folder, then the most
        similar name.
        """
        if self._searched >= MAX_SEARCHED:
            return ""
        self._searched += 1
        missing = self._relative(path)
        for key in (_letters_only, lambda name: _letters_only(PurePosixPath(name).stem)):
            if match := next((name for name in self._names if key(name) == key(missing) != ""), None):
                return match
        return next(iter(difflib.get_close_matches(missing, self._names, n=1)), "")

    @cached_property
    def _files(self) -> dict[str, Path]:
        return {relative(path, self.folder): path for path in walk(self.folder)}

    @cached_property
    def _names(self) -> list[str]:
        return list(self._files)

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        paths: dict[str, list[Path]] = {}
        for name, path in self._files.items():
            paths.setdefault(_case_folded(name), []).append(path)
        return paths

    def _relative(self, path: Path) -> str:
        return path.as_posix().removeprefix(f"{self.folder.as_posix().rstrip('/')}/")


def _case_folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _letters_only(name: str) -> str:
    """Return the letters and digits of a name without its suffix."""
    return re.sub(r"[\W_]", "", _case_folded(str(PurePosixPath(name).with_suffix("")) if name else ""))
