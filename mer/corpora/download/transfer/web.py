"""Requests to servers: redirects, refusals, and failures that may pass.

This module uses requests directly and not pooch. pooch checks digests, but it does not resume a transfer, waits for
servers that send almost nothing, follows redirects from https to http, and knows one address per file. requests keeps
connections open (CREMA-D has 7,442 files), uses proxies and includes certificates.
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
MIN_BYTES_PER_SECOND = 1024
"""The rate, in bytes per second, below which a transfer counts as stalled."""


class RequestRefused(Exception):
    """The address does not give the file. Another attempt would not help."""


class TransferInterrupted(Exception):
    """The transfer broke off and can be resumed.

    Attributes:
        wait: time to wait before the next request, in seconds, as requested by the server.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class RetryPolicy:
    """How long and how often to try."""

    attempts: int = 5
    """The number of failed attempts per address, without progress in between, after which the address is given up."""
    connect_seconds: float = 20.0
    """The time limit for a connection, in seconds."""
    stall_seconds: float = 60.0
    """The time, in seconds, after which a transfer without enough bytes is broken off."""
    pause_seconds: float = 2.0
    """The pause after the first failure, in seconds. It doubles after each further failure."""
    max_pause_seconds: float = 120.0
    """The longest pause, in seconds, whatever the server requests."""
    max_redirects: int = 10
    """The largest number of redirects that are followed."""


RETRY_POLICY = RetryPolicy()
"""The policy for downloads."""


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: `request` follows redirects, because requests would read their whole bodies."""


def session() -> requests.Session:
    """Return a session that keeps connections open and requests bytes as they are stored."""
    made = _Session()
    made.headers.update({"User-Agent": f"mer/{mer.__version__}", "Accept-Encoding": "identity"})
    return made


def request(session: requests.Session, url: str, policy: RetryPolicy, **headers: str) -> requests.Response:
    """Return the open response of an address, after redirects. Its status is 200, 206 or 416.

    Args:
        session: open session.
        url: address.
        policy: time limits and number of redirects.
        headers: headers of the request, with underscores for hyphens.

    Raises:
        RequestRefused: the address does not exist, has too many redirects, or redirects to a forbidden address.
        TransferInterrupted: the server is busy, fails, or cannot be reached.
    """
    for _ in range(policy.max_redirects + 1):
        response = _get(session, url, {name.replace("_", "-"): text for name, text in headers.items()}, policy)
        if response.status_code not in REDIRECTS:
            try:
                _check_status(response)
            except (RequestRefused, TransferInterrupted):
                response.close()
                raise
            return response
        response.close()
        url = _next(url, response.headers.get("Location"))
    raise RequestRefused(f"more than {policy.max_redirects} redirects")


def read(response: requests.Response, policy: RetryPolicy) -> Iterator[bytes]:
    """Yield the body as it is received.

    Raises:
        TransferInterrupted: the body ends too early or stalls.
    """
    clock = time.monotonic()
    received = counted = 0
    while True:
        try:
            # read1 returns the bytes that are available; read would wait for a whole chunk
            data = response.raw.read1(CHUNK, decode_content=False)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise TransferInterrupted(f"nothing came for {policy.stall_seconds:g} s") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransferInterrupted("the connection broke off") from error
        if not data:
            return
        yield data
        received += len(data)
        if (passed := time.monotonic() - clock) >= policy.stall_seconds:
            if received - counted < MIN_BYTES_PER_SECOND * passed:
                raise TransferInterrupted(f"only {received - counted:,} bytes came in {passed:.3g} s")
            clock, counted = time.monotonic(), received


def _get(session: requests.Session, url: str, headers: dict[str, str], policy: RetryPolicy) -> requests.Response:
    try:
        timeout = (policy.connect_seconds, policy.stall_seconds)
        return session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=timeout)
    except requests.exceptions.SSLError as error:
        raise RequestRefused(f"{_host(url)} has no valid certificate") from error
    except requests.exceptions.Timeout as error:
        raise TransferInterrupted(f"{_host(url)} does not respond") from error
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise TransferInterrupted(f"no connection to {_host(url)}") from error
    except (requests.exceptions.RequestException, ValueError) as error:
        raise RequestRefused(f"{url!r} is no valid address") from error


def _next(url: str, location: str | None) -> str:
    """Return the target of a redirect.

    Raises:
        RequestRefused: the target is no address, or one that must not be followed.
    """
    try:
        target = urljoin(url, location or "")
        old, new = urlsplit(url), urlsplit(target)
        new.port  # noqa: B018 - reading it is what checks it
    except ValueError as error:
        raise RequestRefused(f"redirected to {location!r}, which is no address") from error
    if not location:
        raise RequestRefused("redirected without saying where to")
    if new.scheme not in ("http", "https") or not new.hostname:
        raise RequestRefused(f"redirected to {target[:200]!r}: only http and https are followed")
    if old.scheme == "https" and new.scheme == "http":
        raise RequestRefused(f"redirected from https to {target[:200]!r}, which others could alter: not followed")
    return target


def _check_status(response: requests.Response) -> None:
    code = response.status_code
    if code in (200, 206, 416):
        return
    phrase = http.HTTPStatus(code).phrase if code in set(http.HTTPStatus) else ""
    message = f"the server responds with {code} {phrase}".rstrip()
    if code in BUSY or code >= 500:
        raise TransferInterrupted(message, wait=_retry_after(response.headers.get("Retry-After")))
    raise RequestRefused(message)


def _retry_after(text: str | None) -> float:
    """Return the seconds of a Retry-After header, a number or a date.

    >>> _retry_after("120"), _retry_after(None), _retry_after("soon")
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
