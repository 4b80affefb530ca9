"""The pages of a run as one archive that opens anywhere: `run_all.py --zip`."""

import re
import zipfile
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote

from mer import files
from mer.runner import lock
from mer.runner.reporting.screen import size
from mer.runner.study import Study, StudyError

LINK = re.compile(r"""(?:href|src)="([^"#]+)""")
"""An address in a page."""
DATE = (1980, 1, 1, 0, 0, 0)
"""The date of all entries, so that the same pages give the same bytes."""


def write(study: Study, out: TextIO) -> int:
    """Write `outputs/exports/<run>.zip` with the front page and everything that it leads to; return the exit code.

    Args:
        study: the study; its pages exist.
        out: where a line about the archive is printed.

    Raises:
        StudyError: the run has no front page, or another runner uses the folder.
    """
    folder = study.folder
    if not (folder / "index.html").is_file():
        raise StudyError([f"{files.to_root(folder)} has no index.html: run the study first"])
    path = files.ROOT / "outputs" / "exports" / f"{folder.name}.zip"
    with lock.exclusive(folder, lambda line: print(line, file=out)):
        names = linked_files(folder, "index.html")
        with files.replacing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                entry = zipfile.ZipInfo(f"{folder.name}/{name}", DATE)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, (folder / name).read_bytes())
    summary = f"{len(names)} files, {size(path.stat().st_size)}; open {folder.name}/index.html in it"
    print(f"{files.to_root(path)}: {summary}", file=out)
    print("  pages may contain data of others: pass it on only if its licence allows that", file=out)
    return 0


def linked_files(folder: Path, start: str) -> list[str]:
    """Return the files of a folder that a page leads to, over all pages, by name; addresses outside do not count.

    Args:
        folder: the run folder.
        start: the page.
    """
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        found.add(name)
        if name.endswith(".html"):
            text = (folder / name).read_text(encoding="utf-8")
            waiting += {link for link in _links(folder, text) if link not in found}
    return sorted(found)


def _links(folder: Path, text: str) -> set[str]:
    """The files of the folder that a page names; pages of a run are all in the folder itself."""
    links = set()
    for address in LINK.findall(text):
        name = unquote(address.replace("&amp;", "&"))
        if not re.match(r"[a-z]+:", name) and ".." not in Path(name).parts and (folder / name).is_file():
            links.add(Path(name).as_posix())
    return links
