"""Fetch one file from one of its addresses: resume it, check it, and move it into place in one step."""

import json
import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import requests

from mer import files
from mer.corpora.download.source import MB, DownloadError, File
from mer.corpora.download.transfer.disk import require_space
from mer.corpora.download.transfer.web import RequestRefused, RetryPolicy, TransferInterrupted, read, request

PROGRESS_BYTES = 16 * MB
"""An attempt that receives at least so many bytes more than any before it does not count as a failure."""
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")

ProgressCallback = Callable[[int, int | None], None]
"""A function that is called with the number of bytes on disk and the total number, if it is known."""


def fetch(
    file: File,
    path: Path,
    *,
    session: requests.Session,
    policy: RetryPolicy,
    first: int = 0,
    progress: ProgressCallback,
) -> int:
    """Fetch `file` to `path`, which must not exist, and return the index of the address that it came from.

    Received bytes are stored next to `path` as `….part`, with a note that identifies the version of the file. A later
    call therefore requests the rest only.

    Args:
        file: file to fetch.
        path: path of the result.
        session: open session.
        policy: how long and how often to try.
        first: index of the address that is tried first.
        progress: function that is called while bytes are received.

    Raises:
        DownloadError: no address gives the file as it is published, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(file, _Partial.load(path), session, policy, progress)
    if transfer.partial.url in file.urls:
        first = file.urls.index(transfer.partial.url)
    refusals = []
    for number in (*range(first, len(file.urls)), *range(first)):
        try:
            transfer.fetch_with_retries(file.urls[number])
        except RequestRefused as error:
            refusals.append(f"{file.urls[number]}: {error}")
            continue
        transfer.partial.path.replace(path)
        transfer.partial.note.unlink(missing_ok=True)
        return number
    raise DownloadError("\n  ".join([f"{file.name}: no address gives it", *refusals]))


@dataclass
class _Partial:
    """The received bytes of a file, and the version of the file to which they belong."""

    path: Path
    url: str = ""
    validator: str = ""
    """The server's name for this version of the file: its ETag or the time of its last change."""
    total: int | None = None
    """The number of bytes of the whole file, if it is known."""

    @property
    def note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    @classmethod
    def load(cls, path: Path) -> "_Partial":
        partial = cls(path.with_name(path.name + ".part"))
        try:
            state = json.loads(partial.note.read_text(encoding="utf-8"))
            partial.url, partial.validator = str(state["url"]), str(state["validator"])
            partial.total = None if state["total"] is None else int(state["total"])
        except (OSError, ValueError, KeyError, TypeError):
            partial.delete()  # the version of the bytes is unknown
        return partial

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def start(self, url: str, validator: str, total: int | None) -> None:
        self.url, self.validator, self.total = url, validator, total
        files.write_json(self.note, {"url": url, "validator": validator, "total": total})

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.url, self.validator, self.total = "", "", None


@dataclass
class _Transfer:
    """The transfer of one file."""

    file: File
    partial: _Partial
    session: requests.Session
    policy: RetryPolicy
    progress: ProgressCallback

    def fetch_with_retries(self, url: str) -> None:
        """Try one address until the file is complete, as often as the policy allows.

        Raises:
            RequestRefused: all attempts failed, or the address does not give the file.
        """
        failures, best = 0, self.partial.size() if self.partial.url == url else 0
        while True:
            try:
                self._fetch_once(url)
                return
            except TransferInterrupted as error:
                failures += 1
                if self.partial.size() >= best + PROGRESS_BYTES:  # `best` only grows, so the loop ends
                    failures, best = 0, self.partial.size()
                if failures >= self.policy.attempts:
                    note = ", the received bytes are kept" if self.partial.size() else ""
                    raise RequestRefused(f"{error}; tried {failures} times{note}") from error
                pause = max(error.wait, self.policy.pause_seconds * 2**failures / 2)
                time.sleep(min(pause, self.policy.max_pause_seconds))

    def _fetch_once(self, url: str) -> None:
        # without a digest only the validator shows that old and new bytes belong to one version
        partial = self.partial
        same_version = partial.url == url and bool(partial.validator or self.file.digest)
        have = partial.size() if same_version else 0
        if not have or have != partial.total:
            headers = {"Range": f"bytes={have}-"} if have else {}
            if have and partial.validator:
                headers["If_Range"] = partial.validator
            with closing(request(self.session, url, self.policy, **headers)) as response:
                self._receive(url, have, response)
        if fault := self.file.fault(partial.path):
            partial.delete()
            if have:
                raise TransferInterrupted(f"{fault} after a resumed transfer; deleted, it starts again")
            raise RequestRefused(f"{fault}: deleted, nothing of it was used")

    def _receive(self, url: str, have: int, response: requests.Response) -> None:
        """Write the body of a response to the partial file."""
        file, partial = self.file, self.partial
        start, total = _extent(partial, have, response)
        self._refuse_wrong_size(total)
        _refuse_pages(file, response)
        total = file.bytes if total is None else total
        require_space(partial.path.parent, (total or file.max_bytes()) - start, file.name)
        partial.start(url, _validator(response) or (partial.validator if start else ""), total)
        received = start
        with partial.path.open("ab" if start else "wb") as out:
            self.progress(start, total)
            for data in read(response, self.policy):
                received += len(data)
                if received > file.max_bytes():
                    break
                out.write(data)
                self.progress(received, total)
        if received > file.max_bytes():
            partial.delete()
            raise RequestRefused(f"more than the {file.max_bytes():,} bytes that it may have: deleted")
        if total is not None and received != total:
            raise TransferInterrupted(f"ended after {received:,} of {total:,} bytes")

    def _refuse_wrong_size(self, total: int | None) -> None:
        file = self.file
        if file.bytes is not None and total not in (None, file.bytes):
            raise RequestRefused(
                f"{total:,} bytes are offered, {file.bytes:,} are published: another version of the file"
            )
        if (total or 0) > file.max_bytes():
            raise RequestRefused(f"{total:,} bytes are offered, more than {file.max_bytes():,} are never read")


def _extent(partial: _Partial, have: int, response: requests.Response) -> tuple[int, int | None]:
    """Return the position of the first byte that the server sends, and the size of the whole file if it is known.

    Raises:
        TransferInterrupted: the received bytes belong to another version and were deleted.
    """
    if response.status_code == 200:  # the server ignores ranges, or the file has changed
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
    if not have:
        raise RequestRefused(f"the server responds with {response.status_code} to a request without a range")
    match = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    total = int(match[3]) if match and match[3] != "*" else partial.total
    same = _validator(response) in ("", partial.validator) and partial.total in (None, total)
    if response.status_code != 206 or not match or int(match[1]) != have or not same:
        partial.delete()
        raise TransferInterrupted("the file on the server has changed; the transfer starts again")
    return have, total


def _validator(response: requests.Response) -> str:
    """Return the ETag unless it is weak, else the time of the last change, else an empty string."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _refuse_pages(file: File, response: requests.Response) -> None:
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise RequestRefused("a web page came instead of the file, such as a login or an error page")
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding != "identity" and not (coding in ("gzip", "x-gzip") and file.name.endswith(("gz", "tgz"))):
        raise RequestRefused(f"sent as {coding[:20]!r} although the stored bytes were requested")
