"""One file from one of its addresses: taken up where it broke off, checked, then put in place in one step."""

import json
import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import requests

from mer import files
from mer.corpora.download.disk import require
from mer.corpora.download.source import MB, DownloadError, File
from mer.corpora.download.web import Interrupted, Patience, Refused, ask, read

STEP = 16 * MB
"""bytes; a try that brought so many more than any before does not count as a failure"""
EXTENT = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")

Tell = Callable[[int, int | None], None]
"""told of the bytes that are on disk and how many there will be"""


def fetch(file: File, place: Path, *, session: requests.Session, patience: Patience, first: int = 0, tell: Tell) -> int:
    """Bring `file` to `place`, which must not exist; return the number of the address that gave it.

    What arrives is kept beside `place` as `….part` with a note of which version of the file it is of, so that
    a later call asks for the rest only.

    Args:
        first: number of the address that is tried first.

    Raises:
        DownloadError: no address gives the file as it is published, or the disk is full.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = _Partial.of(place)
    if partial.url in file.urls:
        first = file.urls.index(partial.url)
    refused = []
    for number in (*range(first, len(file.urls)), *range(first)):
        try:
            _insist(file, file.urls[number], partial, session, patience, tell)
        except Refused as error:
            refused.append(f"{file.urls[number]}: {error}")
            continue
        partial.path.replace(place)
        partial.note.unlink(missing_ok=True)
        return number
    raise DownloadError("\n  ".join([f"{file.name}: no address gives it", *refused]))


@dataclass
class _Partial:
    """What has arrived so far, and what it is a part of."""

    path: Path
    url: str = ""
    validator: str = ""
    """what the server calls this version of the file: its ETag or the time of its last change"""
    total: int | None = None

    @property
    def note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    @classmethod
    def of(cls, place: Path) -> "_Partial":
        partial = cls(place.with_name(place.name + ".part"))
        try:
            told = json.loads(partial.note.read_text(encoding="utf-8"))
            partial.url, partial.validator = str(told["url"]), str(told["validator"])
            partial.total = None if told["total"] is None else int(told["total"])
        except (OSError, ValueError, KeyError, TypeError):
            partial.forget()  # bytes of which nobody knows what they are of
        return partial

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, url: str, validator: str, total: int | None) -> None:
        self.url, self.validator, self.total = url, validator, total
        files.write_json(self.note, {"url": url, "validator": validator, "total": total})

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.url, self.validator, self.total = "", "", None


def _insist(file: File, url: str, partial: _Partial, session: requests.Session, patience: Patience, tell: Tell) -> None:
    """Try one address until the file is there, as often as patience allows.

    Raises:
        Refused: that often, or the address will not give it.
    """
    failures, best = 0, partial.size() if partial.url == url else 0
    while True:
        try:
            _try(file, url, partial, session, patience, tell)
            return
        except Interrupted as error:
            failures += 1
            if partial.size() >= best + STEP:  # `best` only grows, so this cannot go on for ever
                failures, best = 0, partial.size()
            if failures >= patience.tries:
                kept = ", what has arrived is kept" if partial.size() else ""
                raise Refused(f"{error}; tried {failures} times{kept}") from error
            pause = max(error.wait, patience.pause * 2**failures / 2)
            time.sleep(min(pause, patience.longest))


def _try(file: File, url: str, partial: _Partial, session: requests.Session, patience: Patience, tell: Tell) -> None:
    # without a digest only the server's word says that old and new bytes are of one version
    known = partial.url == url and bool(partial.validator or file.digest)
    have = partial.size() if known else 0
    if not have or have != partial.total:
        rest = {"Range": f"bytes={have}-"} if have else {}
        if have and partial.validator:
            rest["If_Range"] = partial.validator
        with closing(ask(session, url, patience, **rest)) as response:
            _take(file, url, partial, have, response, patience, tell)
    if wrong := file.wrong(partial.path):
        partial.forget()
        if have:
            raise Interrupted(f"{wrong}, taken up where it broke off; deleted, to begin anew")
        raise Refused(f"{wrong}: deleted, nothing of it was used")


def _take(
    file: File, url: str, partial: _Partial, have: int, response: requests.Response, patience: Patience, tell: Tell
) -> None:
    """Write what the server sends to the partial file."""
    start, total = _extent(partial, have, response)
    if file.bytes is not None and total not in (None, file.bytes):
        raise Refused(f"{total:,} bytes are offered, {file.bytes:,} are published: another version of the file")
    if (total or 0) > file.most():
        raise Refused(f"{total:,} bytes are offered, more than {file.most():,} are never read")
    _refuse_pages(file, response)
    total = file.bytes if total is None else total
    require(partial.path.parent, (total or file.most()) - start, file.name)
    partial.begin(url, _validator(response) or (partial.validator if start else ""), total)
    with partial.path.open("ab" if start else "wb") as out:
        tell(start, total)
        there = start
        for data in read(response, patience):
            there += len(data)
            if there > file.most():
                break
            out.write(data)
            tell(there, total)
    if there > file.most():
        partial.forget()
        raise Refused(f"more than the {file.most():,} bytes that it may have: deleted")
    if total is not None and there != total:
        raise Interrupted(f"ended after {there:,} of {total:,} bytes")


def _extent(partial: _Partial, have: int, response: requests.Response) -> tuple[int, int | None]:
    """Return from which byte on the server sends, and how many the whole file has.

    Raises:
        Interrupted: what has arrived is of another version, and was thrown away.
    """
    if response.status_code == 200:  # it ignores ranges, or the file is another one now
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
    if not have:
        raise Refused(f"the server answers {response.status_code} to a plain question")
    match = EXTENT.fullmatch(response.headers.get("Content-Range", ""))
    total = int(match[3]) if match and match[3] != "*" else partial.total
    same = _validator(response) in ("", partial.validator) and partial.total in (None, total)
    if response.status_code != 206 or not match or int(match[1]) != have or not same:
        partial.forget()
        raise Interrupted("the file on the server changed meanwhile; begun anew")
    return have, total


def _validator(response: requests.Response) -> str:
    """Return the ETag, unless it is a weak one, else the time of the last change, else nothing."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _refuse_pages(file: File, response: requests.Response) -> None:
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise Refused("a web page came instead of the file, such as a login or an error page")
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding != "identity" and not (coding in ("gzip", "x-gzip") and file.name.endswith(("gz", "tgz"))):
        raise Refused(f"sent as {coding[:20]!r} although it was asked for as it is stored")
