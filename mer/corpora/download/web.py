"""Asking a server for a file: redirects, refusals and what may go better next time.

This stands on requests, as pooch does, and not on pooch: that checks digests, but a transfer that breaks starts
again from nothing, a server that trickles is waited for, redirects from https to http are followed, and each
file has one address. requests keeps connections open (CREMA-D is 7,442 files), heeds proxies and brings
certificates.
"""

import datetime
import email.utils
import http
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

import mer

REDIRECTS = {301, 302, 303, 307, 308}
BUSY = {408, 425, 429}
CHUNK = 1 << 20
TRICKLE = 1024
"""bytes per second: fewer over the whole of a stall's time count as a stall"""


class Refused(Exception):
    """This address will not give the file, however often it is asked."""


class Interrupted(Exception):
    """The transfer broke; it may go on where it was.

    Attributes:
        wait: seconds for which the server asked to be left alone.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Patience:
    """How long and how often to try; times in seconds."""

    tries: int = 5
    """per address, without progress in between"""
    connect: float = 20.0
    stall: float = 60.0
    """with nothing, or only a trickle, coming in"""
    pause: float = 2.0
    """after the first failure; doubled after each further one"""
    longest: float = 120.0
    """the longest pause, whatever the server asks for"""
    redirects: int = 10


PATIENCE = Patience()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Redirects are left to `ask`: requests would read all of their bodies, even where it does not follow."""


def session() -> requests.Session:
    """Return a session that keeps connections and asks for bytes as they are stored."""
    made = _Session()
    made.headers.update({"User-Agent": f"mer/{mer.__version__}", "Accept-Encoding": "identity"})
    return made


def ask(session: requests.Session, url: str, patience: Patience, **headers: str) -> requests.Response:
    """Return the open response of an address, after redirects; its status is 200, 206 or 416.

    Args:
        headers: with underscores for hyphens.

    Raises:
        Refused: the address is wrong or gone, or its redirects are endless or lead to where they must not.
        Interrupted: the server is busy, failing, or out of reach.
    """
    for _ in range(patience.redirects + 1):
        response = _get(session, url, {name.replace("_", "-"): text for name, text in headers.items()}, patience)
        if response.status_code not in REDIRECTS:
            try:
                _judge(response)
            except (Refused, Interrupted):
                response.close()
                raise
            return response
        response.close()
        url = _next(url, response.headers.get("Location"))
    raise Refused(f"more than {patience.redirects} redirects")


def read(response: requests.Response, patience: Patience) -> Iterator[bytes]:
    """Yield the body as it comes in.

    Raises:
        Interrupted: it ends too early or stalls.
    """
    clock = time.monotonic()
    seen = counted = 0
    while True:
        try:
            # read1 returns what is there: read would wait for a whole chunk however slowly it trickles in
            data = response.raw.read1(CHUNK, decode_content=False)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise Interrupted(f"nothing came for {patience.stall:g} s") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Interrupted("the connection broke off") from error
        if not data:
            return
        yield data
        seen += len(data)
        if (passed := time.monotonic() - clock) >= patience.stall:
            if seen - counted < TRICKLE * passed:
                raise Interrupted(f"only {seen - counted:,} bytes came in {passed:.3g} s")
            clock, counted = time.monotonic(), seen


def _get(session: requests.Session, url: str, headers: dict[str, str], patience: Patience) -> requests.Response:
    try:
        return session.get(
            url, headers=headers, stream=True, allow_redirects=False, timeout=(patience.connect, patience.stall)
        )
    except requests.exceptions.SSLError as error:
        raise Refused(f"{_host(url)} cannot prove who it is (certificate)") from error
    except requests.exceptions.Timeout as error:
        raise Interrupted(f"{_host(url)} does not answer") from error
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise Interrupted(f"no connection to {_host(url)}") from error
    except (requests.exceptions.RequestException, ValueError) as error:
        raise Refused(f"{url!r} is no address that can be asked") from error


def _next(url: str, location: str | None) -> str:
    """Return where a redirect leads, if that is a place to go to."""
    try:
        target = urljoin(url, location or "")
        old, new = urlsplit(url), urlsplit(target)
        new.port  # noqa: B018 - reading it is what checks it
    except ValueError as error:
        raise Refused(f"redirected to {location!r}, which is no address") from error
    if not location:
        raise Refused("redirected without saying where to")
    if new.scheme not in ("http", "https") or not new.hostname:
        raise Refused(f"redirected to {target[:200]!r}: only http and https are followed")
    if old.scheme == "https" and new.scheme == "http":
        raise Refused(f"redirected from https to {target[:200]!r}, which anyone on the way could alter: not followed")
    return target


def _judge(response: requests.Response) -> None:
    code = response.status_code
    if code in (200, 206, 416):
        return
    said = f"the server answers {code} {http.HTTPStatus(code).phrase if code in set(http.HTTPStatus) else ''}".rstrip()
    if code in BUSY or code >= 500:
        raise Interrupted(said, wait=_asked_to_wait(response.headers.get("Retry-After")))
    raise Refused(said)


def _asked_to_wait(text: str | None) -> float:
    """Return the seconds of a Retry-After header, a number or a date.

    >>> _asked_to_wait("120"), _asked_to_wait(None), _asked_to_wait("soon")
    (120.0, 0.0, 0.0)
    """
    if not text:
        return 0.0
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
        return max(0.0, (when - datetime.datetime.now(datetime.UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _host(url: str) -> str:
    return urlsplit(url).netloc
