"""A server on the loopback address whose responses a test decides, one by one."""

import dataclasses
import hashlib
import http.server
import threading
import time
from collections import defaultdict
from collections.abc import Callable

import requests

from mer.corpora.download.source import File
from mer.corpora.download.transfer import web

IMPATIENT = web.RetryPolicy(
    attempts=3, connect_seconds=10, stall_seconds=10, pause_seconds=0.001, max_pause_seconds=0.05, max_redirects=5
)
"""The policy for a server on the same, possibly busy, machine."""
HASTY = dataclasses.replace(IMPATIENT, stall_seconds=0.3)
"""The policy for a server that stalls."""

Answer = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.seen[self.path].append(dict(self.headers))
        answers = self.server.answers.get(self.path, [status(404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            answer(self)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """A server with a list of responses for each path; the last one is repeated."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.seen: dict[str, list[dict]] = defaultdict(list)
        self.connections = 0
        self.closing = threading.Event()

    def url(self, path: str, *answers: Answer) -> str:
        if answers:
            self.answers[path] = list(answers)
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request, client_address) -> None:
        pass  # a client that hangs up is what is tested

    def __enter__(self) -> "Server":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


def body(
    data: bytes,
    *,
    tag: str | None = None,
    ranges: bool = True,
    heed: bool = True,
    stop: int | None = None,
    then: str = "close",
    shift: int = 0,
    less: int = 0,
    length: bool = True,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send `data`, or the requested part of it.

    Args:
        tag: the ETag; by default a digest of the data, "" for none.
        ranges: Range is heeded.
        heed: If-Range is heeded.
        stop: bytes after which it breaks off.
        then: how: close, stall or drip.
        shift: what is sent begins so many bytes later than it says.
        less: bytes at the end that are not sent of a range.
        length: say how much comes; else the connection's end is the file's.
    """
    tag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"' if tag is None else tag

    def answer(handler: Handler) -> None:
        asked = handler.headers.get("Range") if ranges else None
        if asked and heed and handler.headers.get("If-Range", tag) != tag:
            asked = None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if asked and start >= len(data):
            return status(416, {"Content-Range": f"bytes */{len(data)}"})(handler)
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {start + shift}-{len(data) - 1}/{len(data)}")
        if length:
            handler.send_header("Content-Length", str(len(data) - start - (less if asked else 0)))
        else:
            handler.close_connection = True
        for name, text in ({"ETag": tag} if tag else {}).items() | (headers or {}).items():
            handler.send_header(name, text)
        handler.end_headers()
        part = data[start : len(data) - (less if asked else 0)]
        handler.wfile.write(part if stop is None else part[:stop])
        if stop is not None:
            _break_off(handler, part[stop:], then)

    return answer


def _break_off(handler: Handler, rest: bytes, then: str) -> None:
    handler.wfile.flush()
    handler.close_connection = True
    if then == "stall":
        handler.server.closing.wait(20)
    for at in range(len(rest)) if then == "drip" else ():
        handler.wfile.write(rest[at : at + 1])
        time.sleep(0.02)


def chunked(data: bytes, stop: int | None = None) -> Answer:
    """Send `data` in chunks without a length, as servers that pack repositories do; break off if requested."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for at in range(0, len(data) if stop is None else stop, 1000):
            part = data[at : at + 1000]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n" if stop is None else b"")
        handler.close_connection = True

    return answer


def status(code: int, headers: dict[str, str] | None = None) -> Answer:
    """Answer with a status and no body."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        for name, text in (headers or {}).items():
            handler.send_header(name, text)
        handler.end_headers()

    return answer


def redirect(location: str, code: int = 302) -> Answer:
    return status(code, {"Location": location})


def endless_redirect(location: str) -> Answer:
    """Redirect with an endless page."""

    def answer(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", str(10**9))
        handler.end_headers()
        _break_off(handler, b"", "stall")

    return answer


class Disguised(requests.adapters.HTTPAdapter):
    """Sends requests to an invented https host to the loopback server."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server

    def send(self, request, **given):
        request.url = self.server.url(request.path_url)
        return super().send(request, **given)


def session() -> requests.Session:
    made = web.session()
    made.trust_env = False  # no proxy of the machine's between here and here
    return made


def file(*urls: str, data: bytes | None = None, **known) -> File:
    """Return a file as published; with `data` its digest is known."""
    if data is not None:
        known["digest"] = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return File("clip.wav", urls, **known)
