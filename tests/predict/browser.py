"""A real browser, controlled by Chromium's DevTools protocol."""

import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ("--headless=new", "--no-sandbox", "--mute-audio", "--disable-gpu", "--no-first-run", "--disable-sync",
           "--disable-extensions", "--disable-background-networking", "--disable-component-update",
           "--remote-debugging-port=0", "--remote-allow-origins=*")  # fmt: skip
SECONDS = 30
"""The longest time to wait for anything, in seconds."""
KEYS = {"Tab": 9, "Enter": 13}


class Page:
    """An open page. `events` holds the events that it reported, in order."""

    def __init__(self, socket) -> None:
        self.socket, self.events, self._number = socket, [], 0

    def send(self, method: str, **parameters: object) -> dict:
        """Send a command and return its result."""
        self._number += 1
        self.socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (message := json.loads(self.socket.recv())).get("id") != self._number:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def value(self, expression: str) -> object:
        """Return the value of a JavaScript expression."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression: str) -> None:
        """Return when an expression is true."""
        until = time.monotonic() + SECONDS
        while not self.value(expression):
            assert time.monotonic() < until, f"never true: {expression}"
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Press and release the mouse on the first element of a kind."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{element}.scrollIntoView({{block: 'center'}})")
        middle = f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({element}.getBoundingClientRect())"
        x, y = self.value(middle)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press and release a key."""
        more = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            options = more if kind == "keyDown" else {}
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key], **options
            )

    def events_of(self, method: str) -> list[dict]:
        """Return the events of a kind that have been reported."""
        self.value("0")
        return [event["params"] for event in self.events if event.get("method") == method]


@contextmanager
def opened(path: Path, home: Path):
    """Open a file in a browser of its own, with its profile in `home`, and yield the `Page`."""
    import websocket

    process = subprocess.Popen([CHROMIUM, *OPTIONS, f"--user-data-dir={home}", "about:blank"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        port, _ = _content(home / "DevToolsActivePort").splitlines()
        tab = _tabs(port)
        socket = websocket.create_connection(tab["webSocketDebuggerUrl"], timeout=SECONDS)
        page = Page(socket)
        try:
            for domain in ("Page", "Network", "Runtime", "Log"):
                page.send(f"{domain}.enable")
            page.send("Page.navigate", url=path.resolve().as_uri())
            page.wait("document.readyState === 'complete' && location.protocol === 'file:'")
            yield page
        finally:
            socket.close()
    finally:
        process.terminate()
        process.wait(SECONDS)


def _content(path: Path) -> str:
    until = time.monotonic() + SECONDS
    while not (path.is_file() and path.read_text(encoding="utf-8").count("\n")):
        assert time.monotonic() < until, "the browser does not start"
        time.sleep(0.05)
    return path.read_text(encoding="utf-8")


def _tabs(port: str) -> dict:
    from urllib.request import urlopen

    with urlopen(f"http://127.0.0.1:{port}/json", timeout=SECONDS) as response:
        return next(tab for tab in json.load(response) if tab["type"] == "page")
