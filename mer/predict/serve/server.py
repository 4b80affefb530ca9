"""The server behind `python -m mer.predict --serve`.

It listens on loopback only and serves the browser of one user. Others can reach it, too: other users of the machine,
and pages of other origins in the same browser. Neither know the token in the address, and the `Host` or `Origin` of
such a page differs. docs/threat-model.md names the tests.
"""

import json
import os
import secrets
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath, PureWindowsPath
from socketserver import TCPServer
from urllib.parse import unquote

from mer.media.recording_files import SUFFIXES
from mer.predict.inputs.requests import Request
from mer.predict.predictor import Predictor

LOOPBACK = "127.0.0.1"
"""The only address that the server listens on."""
MAX_UPLOAD_BYTES = 64 * 2**20
"""The largest recording that is taken, in bytes: eleven minutes from a microphone with 48 kHz."""
MAX_TEXT_CHARACTERS = 2000
"""The longest text that is taken beside a recording, in characters."""
MAX_PAGES = 20
"""The number of pages of predictions that are kept; older ones are deleted."""
IDLE_SECONDS = 60
"""The time without a byte after which a connection is closed, in seconds."""
BLOCK_BYTES = 2**20
PARTS = {"recorder.js": "text/javascript", "capture.js": "text/javascript"}
"""The files that the page loads, and their media types."""
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of all replies. The address with the token is sent to nobody."""


class Refused(Exception):
    """A request is refused, with a status and a sentence."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class Predictions:
    """The predictions of one model for what the page sends, one at a time, as pages in a temporary folder.

    Attributes:
        model: the model.
        folder: the temporary folder.
        say: what prints a line for each prediction.
    """

    model: Predictor
    folder: Path
    say: Callable[[str], None] = print
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def predict(self, name: str, text: str | None, write_to: Callable[[Path], None]) -> str:
        """Write a recording into the folder, predict it, delete it, and return the name of the page of predictions.

        Args:
            name: the name that the user's file has; only its suffix becomes part of a path.
            text: the text of the recording, if there is one.
            write_to: what writes the recording to a path.
        """
        from mer.predict.outputs import page

        with self._lock:
            self._count += 1
            recording = self.folder / f"{self._count}{PurePosixPath(name).suffix.lower()}"
            try:
                write_to(recording)
                predictions = list(self.model.predict([Request(recording, text)]))
                result = self.folder / f"{self._count}.html"
                names = {str(recording): name}
                page.write(result, predictions, self.model.card, self.model.notes, embed=True, names=names)
            finally:
                recording.unlink(missing_ok=True)
            (self.folder / f"{self._count - MAX_PAGES}.html").unlink(missing_ok=True)
        labels = [one.error or f"{one.label or 'undecided'} {one.certainty:.2f}" for one in predictions]
        self.say(f"{name!a}: {', '.join(labels[:3])}{', …' if len(labels) > 3 else ''}")
        return result.name

    def page(self, name: str) -> bytes | None:
        """Return a page of predictions; None if there is none of that name."""
        number = name.removesuffix(".html")
        path = self.folder / name
        return path.read_bytes() if number.isdecimal() and name != number and path.is_file() else None


class Server(ThreadingHTTPServer):
    """The server of one model, on a port of loopback."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # where it would let another process take the port

    def __init__(self, predictions: Predictions, port: int = 0) -> None:
        self.predictions, self.token = predictions, secrets.token_urlsafe(24)
        super().__init__((LOOPBACK, port), Handler)

    def server_bind(self) -> None:
        """Bind the port, without asking a name server for the name of this machine."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request: object, client_address: object) -> None:
        """Report an error of a connection, but not that the browser has closed it."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def origin(self) -> str:
        """The origin of the page."""
        return f"http://{LOOPBACK}:{self.server_port}"

    @property
    def address(self) -> str:
        """The address of the page, with the token."""
        return f"{self.origin}/{self.token}/"


class Handler(BaseHTTPRequestHandler):
    """Replies to one request. Whoever does not know the token learns nothing but that something listens."""

    server: Server
    timeout = IDLE_SECONDS
    server_version, sys_version = "mer", ""

    def do_GET(self) -> None:
        """Send the page, a part of it, or a page of predictions."""
        self._reply(self._get)

    def do_POST(self) -> None:
        """Predict a recording."""
        self._reply(self._post)

    def log_message(self, *_: object) -> None:
        """Print nothing: a request line holds the token."""

    def _reply(self, respond: Callable[[], tuple[str, bytes, str]]) -> None:
        policy = "default-src 'none'; frame-ancestors 'none'"
        try:
            media_type, body, policy = respond()
            status = HTTPStatus.OK
        except Refused as error:
            status, media_type, body = error.status, "application/json", _json(error=str(error))
        except TimeoutError:
            return
        except Exception as error:
            print(f"predict: {type(error).__name__}: {error}", file=sys.stderr)
            status, media_type = HTTPStatus.INTERNAL_SERVER_ERROR, "application/json"
            body = _json(error="the prediction failed; the terminal says why")
        self.close_connection = True
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Content-Type", f"{media_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _get(self) -> tuple[str, bytes, str]:
        from mer.predict.serve import page

        name = self._name()
        if name == "":
            return "text/html", page.html(self.server.predictions.model).encode(), page.POLICY
        if name in PARTS:
            return PARTS[name], page.part(name), page.POLICY
        if (body := self.server.predictions.page(name)) is not None:
            return "text/html", body, "frame-ancestors 'self'"  # the page itself names what it may load: nothing
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _post(self) -> tuple[str, bytes, str]:
        if self._name() != "predict":
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        if self.headers.get("Origin") != self.server.origin:
            raise Refused(HTTPStatus.FORBIDDEN, "recordings are taken from the page itself only")
        size = self._size()
        try:
            name, text = _file_name(self.headers.get("X-Name", "")), _text(self.headers.get("X-Text", ""))
        except Refused:
            self._receive(Path(os.devnull), size)  # a browser shows the reply only if all that it sends is read
            raise
        result = self.server.predictions.predict(name, text or None, lambda path: self._receive(path, size))
        return "application/json", _json(page=result), "default-src 'none'"

    def _name(self) -> str:
        """Return the last part of the address.

        Raises:
            Refused: the host is another, as after DNS rebinding, or the token is wrong.
        """
        if self.headers.get_all("Host") != [f"{LOOPBACK}:{self.server.server_port}"]:
            raise Refused(HTTPStatus.FORBIDDEN, f"the address of this page begins with {self.server.origin}")
        token, slash, name = self.path.removeprefix("/").partition("/")
        if not slash or not secrets.compare_digest(token.encode(), self.server.token.encode()):
            raise Refused(HTTPStatus.NOT_FOUND, "the address lacks the token that the terminal shows")
        return name

    def _size(self) -> int:
        stated = self.headers.get("Content-Length", "")
        if not (stated.isascii() and stated.isdecimal()) or "Transfer-Encoding" in self.headers:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "the request does not state its length")
        if len(stated) > 12 or int(stated) > MAX_UPLOAD_BYTES:
            most = MAX_UPLOAD_BYTES // 2**20
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the recording has more than {most} MiB; predict it by "
                          "`python -m mer.predict FILE --model FOLDER --html`")  # fmt: skip
        return int(stated)

    def _receive(self, path: Path, size: int) -> None:
        with path.open("wb") as file:
            while size:
                block = self.rfile.read(min(size, BLOCK_BYTES))
                if not block:
                    raise Refused(HTTPStatus.BAD_REQUEST, "the recording ended early")
                file.write(block)
                size -= len(block)


def _file_name(quoted: str) -> str:
    """Return the name of a user's file as it is shown; its suffix is that of a recording.

    Raises:
        Refused: it is none.

    >>> _file_name("..%2F..%5Cmy%20voice.WAV")
    'my voice.WAV'
    """
    name = PureWindowsPath(unquote(quoted)).name
    name = "".join(letter for letter in name if letter.isprintable())[-100:]
    if PurePosixPath(name).suffix.lower() not in SUFFIXES:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"no recording; recordings end in {' '.join(sorted(SUFFIXES))}"
        )
    return name


def _text(quoted: str) -> str:
    if len(text := unquote(quoted).strip()) > MAX_TEXT_CHARACTERS:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the text is longer than {MAX_TEXT_CHARACTERS} characters")
    return text


def _json(**values: str) -> bytes:
    return json.dumps(values).encode()


def serve(model: Predictor, port: int = 0) -> None:
    """Serve the page until Ctrl-C. Recordings and pages are in a temporary folder, which is removed then.

    Args:
        model: the model.
        port: the port of loopback; 0 for any that is free.

    Raises:
        OSError: the port is taken.
    """
    from mer.temporary import TemporaryFolder

    with TemporaryFolder() as folder, Server(Predictions(model, Path(folder)), port) as server:
        print(f"open {server.address}\nIt is reachable from this machine only. End it with Ctrl-C.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nended; recordings and pages are deleted")
