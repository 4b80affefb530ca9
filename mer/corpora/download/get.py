"""Download a corpus: fetch its files, unpack them, and move them into place in one step. A later call resumes.

Everything is prepared in `.downloads/<corpus>/` below the raw folder and moved when it is complete, so that no study
reads half a corpus. Files in the corpus's own folder are never overwritten.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import filelock
import requests
import tqdm

from mer import files
from mer.corpora.corpus import Corpus
from mer.corpora.download import licences
from mer.corpora.download.source import DownloadError, DownloadSource, File, size
from mer.corpora.download.status import status
from mer.corpora.download.transfer import dataverse, web
from mer.corpora.download.transfer.archives import unpack
from mer.corpora.download.transfer.disk import require_space
from mer.corpora.download.transfer.fetch import fetch
from mer.corpora.download.transfer.members import ArchiveError
from mer.corpora.reading.files import unreadable_reason, walk

DOWNLOADS = ".downloads"
"""The folder below the raw folder in which downloads are prepared."""


@dataclass(frozen=True)
class Connection:
    """How servers are reached."""

    session: requests.Session = field(default_factory=web.session)
    policy: web.RetryPolicy = web.RETRY_POLICY


def download(
    corpus: Corpus,
    source: DownloadSource,
    raw: Path,
    *,
    accept: bool,
    print_line: Callable[[str], None],
    connection: Connection | None = None,
) -> None:
    """Download a corpus to its folder below `raw`, unless it is complete.

    Args:
        corpus: description of the corpus.
        source: place where it is published.
        raw: folder of all corpora.
        accept: whether the user accepts the terms of its licence.
        print_line: function that shows a line of text.
        connection: session and retry policy; None opens a session.

    Raises:
        DownloadError: gives the reason and the remedy. Received bytes are kept for the next call.
    """
    current = status(corpus, raw)
    if current.folder and current.ready:
        folder = files.to_root(current.folder)
        print_line(f"{corpus.name}: {folder} is there already, {current.counts.total():,} utterances")
        return
    licences.confirm(corpus, source, raw / DOWNLOADS / "licences.json", accept)
    connection = connection or Connection()
    target = current.folder or raw / source.folder
    with _workplace(corpus, raw) as place:
        published = list(source.files())
        if source.dataverse:
            published += dataverse.list_files(*source.dataverse, connection.session, connection.policy)
        missing = _missing(corpus, published, target, print_line)
        require_space(raw, source.space - sum(path.stat().st_size for path in walk(place)), corpus.name)
        print_line(f"{corpus.name}: {len(missing):,} files, some {size(source.space)} of disk until it is done")
        _fetch_files(corpus, missing, place, connection)
        _move_into_place(place / "tree", target)
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _workplace(corpus: Corpus, raw: Path) -> Iterator[Path]:
    """Yield the folder in which a corpus is prepared, for one process at a time."""
    place = raw / DOWNLOADS / corpus.name
    place.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(raw / DOWNLOADS / f"{corpus.name}.lock", timeout=0):
            yield place
    except filelock.Timeout as error:
        raise DownloadError(f"{corpus.name}: another process is downloading it; wait for it, or end it") from error


def _missing(corpus: Corpus, published: Sequence[File], target: Path, print_line: Callable[[str], None]) -> list[File]:
    """Return the files that are not in the corpus's folder yet.

    Raises:
        DownloadError: the folder cannot be completed file by file, or holds unreadable files.
    """
    present = {path.stem: path for path in walk(target)} if target.is_dir() else {}
    if not present:
        if target.exists() and not target.is_dir():
            raise DownloadError(f"{files.to_root(target)} is a file; move it away, then type the same line again")
        return list(published)
    if any(file.unpack for file in published):
        raise DownloadError(
            f"{corpus.name}: {files.to_root(target)} is there but not complete, and nothing in it is overwritten. "
            f"See `python -m mer.corpora status {corpus.name}`; to download it again, move the folder away and type "
            "the same line again"
        )
    _refuse_unreadable(corpus, published, target, present)
    missing = [file for file in published if PurePosixPath(file.name).stem not in present]
    if not missing:
        raise DownloadError(
            f"{corpus.name}: every file is there, and still it is not complete: see "
            f"`python -m mer.corpora verify {corpus.name}`"
        )
    n_present = len(published) - len(missing)
    print_line(f"{corpus.name}: {n_present:,} of {len(published):,} files are there, and stay as they are")
    return missing


def _refuse_unreadable(corpus: Corpus, published: Sequence[File], target: Path, present: dict[str, Path]) -> None:
    paths = (present.get(PurePosixPath(file.name).stem) for file in published)
    unreadable = [path for path in paths if path and unreadable_reason(path)]
    if unreadable:
        raise DownloadError(
            f"{corpus.name}: {len(unreadable):,} files in {files.to_root(target)} cannot be used, such as "
            f"{unreadable[0].name}: {unreadable_reason(unreadable[0])}. Delete them, then type the same line again"
        )


def _fetch_files(corpus: Corpus, missing: Sequence[File], place: Path, connection: Connection) -> None:
    """Fetch files to `place`/tree and unpack archives. An archive that fills the whole tree comes first."""
    tree, first = place / "tree", 0
    total = sum(file.bytes or 0 for file in missing)
    with tqdm.tqdm(total=total or None, unit="B", unit_scale=True, desc=corpus.name, disable=None) as bar:
        for file in missing:
            if (tree / (file.unpack.into if file.unpack else file.name)).exists():
                bar.update(file.bytes or 0)
            elif file.unpack:
                first = _fetch_file(file, place / file.name, connection, first, bar)
                bar.set_postfix_str(f"unpacking {file.name}")
                _unpack(file, place / file.name, tree / file.unpack.into)
                bar.set_postfix_str("")
            else:
                first = _fetch_file(file, tree / file.name, connection, first, bar)


def _fetch_file(file: File, path: Path, connection: Connection, first: int, bar: tqdm.tqdm) -> int:
    """Fetch a file and move the bar; return the index of the address that gave it, to be tried first next."""
    before, expected = bar.n, file.bytes or 0

    def progress(received: int, total: int | None) -> None:
        nonlocal expected
        if total is not None and total != expected:
            bar.total, expected = (bar.total or 0) + total - expected, total
        bar.update(before + received - bar.n)

    if path.exists():  # an archive that an interrupted call has fetched but not unpacked
        bar.update(path.stat().st_size)
        return first
    first = first if first < len(file.urls) else 0
    session, policy = connection.session, connection.policy
    return fetch(file, path, session=session, policy=policy, first=first, progress=progress)


def _unpack(file: File, archive: Path, folder: Path) -> None:
    try:
        unpack(archive, folder, file.unpack)
    except ArchiveError as error:
        archive.unlink()
        raise DownloadError(f"{file.name}: {error}. The archive is deleted, nothing of it was used") from error
    archive.unlink()


def _move_into_place(tree: Path, target: Path) -> None:
    """Move a finished tree to its place. If the folder exists, only missing files are moved into it."""
    if not target.exists() or not any(target.iterdir()):
        if target.exists():
            target.rmdir()
        tree.rename(target)
        return
    for path in walk(tree):
        place = target / path.relative_to(tree)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
