"""From a source to a corpus's folder: fetch, unpack, put in place in one step; an interrupted call goes on.

Everything is made in `.downloads/<corpus>/` below the raw folder and moved when it is whole, so that no study
reads half a corpus. What lies in the corpus's own folder already is never overwritten.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import filelock
import requests
import tqdm

from mer import files
from mer.corpora.corpus import Corpus
from mer.corpora.download import dataverse, licences, web
from mer.corpora.download.archives import unpack
from mer.corpora.download.disk import require
from mer.corpora.download.fetch import fetch
from mer.corpora.download.members import ArchiveError
from mer.corpora.download.source import DownloadError, File, Source, size
from mer.corpora.download.status import status
from mer.corpora.reading.files import unreadable_reason, walk

DOWNLOADS = ".downloads"


def get(
    corpus: Corpus,
    source: Source,
    raw: Path,
    *,
    accept: bool,
    say: Callable[[str], None],
    patience: web.Patience = web.PATIENCE,
    session: requests.Session | None = None,
) -> None:
    """Download a corpus to its folder below `raw`; nothing is done where it is complete.

    Args:
        accept: the terms of its licence are confirmed.
        say: told what happens, a line at a time.

    Raises:
        DownloadError: with the reason and what to do; what has arrived is kept for the next call.
    """
    now = status(corpus, raw)
    if now.folder and now.ready:
        say(f"{corpus.name}: {files.to_root(now.folder)} is there already, {now.found.total():,} utterances")
        return
    licences.confirm(corpus, source, raw / DOWNLOADS / "licences.json", accept)
    session = session or web.session()
    target = now.folder or raw / source.folder
    with _workplace(corpus, raw) as place:
        wanted = list(source.files())
        if source.dataverse:
            wanted += dataverse.listed(*source.dataverse, session, patience)
        wanted = _missing(corpus, wanted, target, say)
        require(raw, source.space - sum(path.stat().st_size for path in walk(place)), corpus.name)
        say(f"{corpus.name}: {len(wanted):,} files, some {size(source.space)} of disk until it is done")
        _collect(corpus, wanted, place, session, patience)
        _settle(place / "tree", target)
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _workplace(corpus: Corpus, raw: Path) -> Iterator[Path]:
    """Yield the folder in which a corpus is made, for one process at a time."""
    place = raw / DOWNLOADS / corpus.name
    place.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(raw / DOWNLOADS / f"{corpus.name}.lock", timeout=0):
            yield place
    except filelock.Timeout as error:
        raise DownloadError(f"{corpus.name}: another process is downloading it; wait for it, or end it") from error


def _missing(corpus: Corpus, wanted: Sequence[File], target: Path, say: Callable[[str], None]) -> list[File]:
    """Return the files that are not in the corpus's folder yet.

    Raises:
        DownloadError: something is there that cannot be completed file by file, or that is of no use.
    """
    there = {path.stem: path for path in walk(target)} if target.is_dir() else {}
    if not there:
        if target.exists() and not target.is_dir():
            raise DownloadError(f"{files.to_root(target)} is a file; move it away, then type the same line again")
        return list(wanted)
    if any(file.unpack for file in wanted):
        raise DownloadError(
            f"{corpus.name}: {files.to_root(target)} is there but not complete, and nothing in it is overwritten. "
            f"See `python -m mer.corpora status {corpus.name}`; to have it anew, move the folder away and type the "
            "same line again"
        )
    spoilt = [path for file in wanted if (path := there.get(PurePosixPath(file.name).stem)) and unreadable_reason(path)]
    if spoilt:
        raise DownloadError(
            f"{corpus.name}: {len(spoilt):,} files in {files.to_root(target)} are of no use, such as "
            f"{spoilt[0].name}: {unreadable_reason(spoilt[0])}. Delete them, then type the same line again"
        )
    missing = [file for file in wanted if PurePosixPath(file.name).stem not in there]
    if not missing:
        raise DownloadError(
            f"{corpus.name}: every file is there, and still it is not complete: see "
            f"`python -m mer.corpora verify {corpus.name}`"
        )
    say(f"{corpus.name}: {len(wanted) - len(missing):,} of {len(wanted):,} files are there, and stay as they are")
    return missing


def _collect(
    corpus: Corpus, wanted: Sequence[File], place: Path, session: requests.Session, patience: web.Patience
) -> None:
    """Bring every file to `place`/tree, archives unpacked. An archive that makes up all of the tree comes first."""
    tree = place / "tree"
    first = 0
    known = sum(file.bytes or 0 for file in wanted)
    with tqdm.tqdm(total=known or None, unit="B", unit_scale=True, desc=corpus.name, disable=None) as bar:
        for file in wanted:
            if (tree / (file.unpack.into if file.unpack else file.name)).exists():
                bar.update(file.bytes or 0)
            elif file.unpack:
                first = _bring(file, place / file.name, session, patience, first, bar)
                bar.set_postfix_str(f"unpacking {file.name}")
                _unpack(file, place / file.name, tree / file.unpack.into)
                bar.set_postfix_str("")
            else:
                first = _bring(file, tree / file.name, session, patience, first, bar)


def _bring(
    file: File, place: Path, session: requests.Session, patience: web.Patience, first: int, bar: tqdm.tqdm
) -> int:
    """Fetch a file with the bar moving; return the number of the address that gave it, to be tried first next."""
    before, told = bar.n, file.bytes or 0

    def tell(there: int, total: int | None) -> None:
        nonlocal told
        if total is not None and total != told:
            bar.total, told = (bar.total or 0) + total - told, total
        bar.update(before + there - bar.n)

    if place.exists():  # an archive that an interrupted call had fetched, but not unpacked
        bar.update(place.stat().st_size)
        return first
    first = first if first < len(file.urls) else 0
    return fetch(file, place, session=session, patience=patience, first=first, tell=tell)


def _unpack(file: File, archive: Path, folder: Path) -> None:
    try:
        unpack(archive, folder, file.unpack)
    except ArchiveError as error:
        archive.unlink()
        raise DownloadError(f"{file.name}: {error}. The archive is deleted, nothing of it was used") from error
    archive.unlink()


def _settle(tree: Path, target: Path) -> None:
    """Move a finished tree to its place; into a folder that is there only what is not there."""
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
