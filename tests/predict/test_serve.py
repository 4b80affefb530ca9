"""The page that records: who may use it, what it refuses, and what it leaves behind."""

import http.client
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import wave
from urllib.parse import quote

import numpy as np
import pytest
import requests

from mer.predict import load
from mer.predict.__main__ import main
from mer.predict.inputs.segments import PredictionSettings
from mer.predict.serve import server as serving
from mer.predict.serve.server import Predictions, Server
from tests import page_checks
from tests.predict.conftest import RATE, tone

SECONDS = 60


def wav(seconds=1.0):
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((tone(seconds) * 32767).astype("<i2").tobytes())
    return data.getvalue()


@pytest.fixture(scope="module")
def server(bimodal, tmp_path_factory):
    """A server whose pages and recordings are in `predictions.folder`; it says its lines into `said`."""
    said = []
    model = load(bimodal, settings=PredictionSettings(voice="energy"))
    predictions = Predictions(model, tmp_path_factory.mktemp("served"), said.append)
    with Server(predictions) as running:
        running.said = said
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def post(server, data, name="my voice.wav", **headers):
    given = {"Origin": server.origin, "X-Name": quote(name), **headers}
    return requests.post(f"{server.address}predict", data, headers=given, timeout=SECONDS)


def test_a_recording_becomes_a_page_of_predictions_and_is_deleted(server):
    reply = post(server, wav(), "<b>my voice.wav", **{"X-Text": quote("so ein schöner Tag")})
    page = requests.get(server.address + reply.json()["page"], timeout=SECONDS)
    assert page.status_code == 200
    assert "&lt;b&gt;my voice.wav" in page.text
    assert "so ein schöner Tag" in page.text
    assert "data:audio/x-wav;base64," in page.text or "data:audio/wav;base64," in page.text
    assert str(server.predictions.folder) not in page.text
    assert [path.suffix for path in server.predictions.folder.iterdir()] == [".html"]
    assert re.fullmatch(r"'<b>my voice.wav': (neutral|happiness|anger) 0\.\d\d", server.said[-1])


def test_the_prediction_is_that_of_the_command(server, tmp_path):
    path = tmp_path / "my voice.wav"
    path.write_bytes(wav())
    [expected] = server.predictions.model(path)
    post(server, wav())
    assert server.said[-1] == f"'my voice.wav': {expected.label} {expected.certainty:.2f}"


def test_a_file_that_is_no_recording_has_its_reason_on_the_page(server):
    reply = post(server, b"RIFF no audio")
    page = requests.get(server.address + reply.json()["page"], timeout=SECONDS).text
    assert 'class="error"' in page


def test_old_pages_are_deleted(server, monkeypatch):
    monkeypatch.setattr(serving, "MAX_PAGES", 2)
    pages = [post(server, b"").json()["page"] for _ in range(3)]
    kept = [requests.get(server.address + page, timeout=SECONDS).status_code for page in pages]
    assert kept == [404, 200, 200]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", None])
def test_pages_of_other_origins_cannot_send(server, origin):
    before = len(server.said)
    reply = post(server, wav(), Origin=origin)
    assert reply.status_code == 403
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert len(server.said) == before


@pytest.mark.parametrize("path", ["/", "/predict", "/recorder.js", "/wrong/", "/wrong/predict", "/1.html", "/ü/"])
def test_nothing_is_served_without_the_token(server, path):
    for method in ("get", "post"):
        reply = getattr(requests, method)(server.origin + path, headers={"Origin": server.origin}, timeout=SECONDS)
        assert reply.status_code == 404
        assert server.token not in reply.text
        assert server.predictions.model.card.name not in reply.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "localhost:{port}", "127.0.0.1", ""])
def test_other_names_of_the_host_are_refused_as_after_dns_rebinding(server, host):
    for method in ("GET", "POST"):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=SECONDS)
        connection.putrequest(method, f"/{server.token}/", skip_host=True)
        connection.putheader("Host", host.format(port=server.server_port))
        connection.endheaders()
        assert connection.getresponse().status == 403
        connection.close()


@pytest.mark.parametrize("name", ["x.html", "..", "../1.html", "%2e%2e/page.py", "server.py", "predict", "1.html/.."])
def test_no_other_file_is_served(server, name):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=SECONDS)
    connection.request("GET", f"/{server.token}/{name}")  # requests would tidy the path
    assert connection.getresponse().status == 404
    connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": str(2**40)}, 413),
        ({"Content-Length": "9" * 5000}, 413),
        ({"Content-Length": "-1"}, 411),
        ({"Content-Length": "٣"}, 411),
        ({}, 411),
        ({"Content-Length": "5", "Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_sizes_beyond_the_limit_are_refused_before_they_are_read(server, headers, status):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=SECONDS)
    connection.putrequest("POST", f"/{server.token}/predict")
    for name, value in {"Origin": server.origin, "X-Name": "a.wav", **headers}.items():
        connection.putheader(name, value.encode())
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_names_and_texts_that_are_none_are_refused(server):
    assert post(server, b"x" * 3_000_000, "a.exe").status_code == 415
    assert post(server, b"x", "").status_code == 415
    assert post(server, b"x", **{"X-Text": "a" * 2001}).status_code == 400
    assert "no recording; recordings end in .3gp" in post(server, b"x", "../../etc/passwd").json()["error"]


def test_an_upload_that_ends_early_leaves_nothing(server):
    before = sorted(server.predictions.folder.iterdir())
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=SECONDS) as connection:
        head = f"POST /{server.token}/predict HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
        connection.sendall(f"{head}Origin: {server.origin}\r\nX-Name: a.wav\r\nContent-Length: 100\r\n\r\nRI".encode())
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.makefile("rb").readline()
    assert sorted(server.predictions.folder.iterdir()) == before


def test_only_loopback_is_listened_on(server):
    assert server.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match=r"."), socket.create_connection(("127.0.0.2", server.server_port), timeout=5):
        pass


def test_replies_keep_the_address_private(server):
    reply = requests.get(server.address, timeout=SECONDS)
    assert reply.headers["Referrer-Policy"] == "same-origin"
    assert reply.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "words",
    [["--serve", "a.wav"], ["--serve", "--text", "x"], ["--serve", "--port", "70000"], ["a.wav", "--port", "80"]],
)
def test_options_that_do_not_fit_are_refused(model, words, capsys):
    assert main(["--model", str(model), *words]) == 2
    assert capsys.readouterr().err.startswith("predict: ")


def _listen_to_ctrl_c() -> None:
    """Do not inherit that Ctrl-C is ignored, as it is in a command that a script started in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("end", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_the_command_ends_with_a_signal_and_removes_its_folder(model, tmp_path, end):
    command = [sys.executable, "-m", "mer.predict", "--serve", "--model", str(model), "--voice", "energy"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=_listen_to_ctrl_c
    )
    with process:
        try:
            address = process.stdout.readline().removeprefix("open ").strip()
            page = requests.get(address, timeout=SECONDS)
            assert "Predict emotions" in page.text
            assert len(list(tmp_path.iterdir())) == 1
            process.send_signal(end)
            assert process.wait(SECONDS) == 0
            assert "ended; recordings and pages are deleted" in process.stdout.read()
        finally:
            process.kill()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium with a microphone that plays a tone, and the permission to use it."""
    api = pytest.importorskip("playwright.sync_api")
    if page_checks.chromium() is None:
        pytest.skip("needs Chromium")
    sound = tmp_path_factory.mktemp("microphone") / "tone.wav"
    sound.write_bytes(wav(3.0))
    options = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
               f"--use-file-for-fake-audio-capture={sound}"]  # fmt: skip
    with api.sync_playwright() as browsers:
        opened = browsers.chromium.launch(executable_path=page_checks.chromium(), args=options)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser, server):
    context = browser.new_context()
    opened, errors = context.new_page(), []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.goto(server.address)
    opened.errors = errors
    yield opened
    context.close()


def shown(tab):
    """Return the page of predictions inside the page."""
    frame = tab.frame_locator("#result")
    frame.locator("td.predicted .label").first.wait_for(timeout=1000 * SECONDS)
    return frame


def test_a_microphone_is_recorded_and_predicted_in_a_browser(tab, server):
    received = []
    receive = server.predictions.predict
    server.predictions.predict = lambda name, text, write_to: receive(name, text, lambda path: received.append(
        (write_to(path), path.read_bytes())[1]))  # fmt: skip
    try:
        tab.get_by_role("button", name="Record", exact=True).click()
        tab.wait_for_function("() => Number(document.getElementById('level').value) > 0.05")
        tab.wait_for_function("() => parseInt(document.getElementById('seconds').textContent) >= 1")
        tab.get_by_role("button", name="Stop and predict").click()
        frame = shown(tab)
    finally:
        del server.predictions.predict
    with wave.open(io.BytesIO(received[0])) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        assert file.getnframes() / file.getframerate() >= 1
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(samples).max() > 1000
    assert frame.locator("h2").text_content() == "microphone.wav"
    frame.locator("audio").wait_for()
    assert tab.get_by_role("status").text_content() == "Predictions for microphone.wav:"
    assert tab.errors == []


def test_a_file_and_its_text_are_predicted_in_a_browser(tab):
    tab.fill("#text", "what is said ✓")
    tab.set_input_files("#file", {"name": "mine.wav", "mimeType": "audio/wav", "buffer": wav()})
    frame = shown(tab)
    assert frame.locator("h2").text_content() == "mine.wav"
    assert "what is said ✓" in frame.locator("td.text").text_content()
    tab.set_input_files("#file", {"name": "mine.exe", "mimeType": "audio/wav", "buffer": wav()})
    tab.wait_for_function("() => document.getElementById('state').classList.contains('error')")
    assert "recordings end in" in tab.get_by_role("status").text_content()


def test_a_page_of_another_origin_cannot_use_it_even_with_the_token(browser, server):
    tab = browser.new_page()
    tab.route("http://evil.example/", lambda route: route.fulfill(body="<h1>evil</h1>", content_type="text/html"))
    tab.goto("http://evil.example/")
    before = len(server.said)
    attempt = """async ([address, mode]) => fetch(address + "predict", {method: "POST", mode, body: "x",
        headers: mode === "cors" ? {"X-Name": "a.wav"} : {}}).then((r) => r.type, () => "failed")"""
    assert tab.evaluate(attempt, [server.address, "cors"]) == "failed"
    tab.evaluate(attempt, [server.address, "no-cors"])
    tab.set_content(f'<iframe src="{server.address}"></iframe>')
    tab.wait_for_timeout(300)
    assert "Record" not in tab.frames[-1].content()
    assert len(server.said) == before
    tab.close()


def test_the_page_is_readable_for_all(browser, server, tmp_path):
    pytest.importorskip("axe_playwright_python")
    path = tmp_path / "page.html"
    path.write_text(requests.get(server.address, timeout=SECONDS).text, encoding="utf-8")
    (tmp_path / "recorder.js").touch()
    assert page_checks.Page(path).faults == []
    for scheme, width in (("light", 1200), ("dark", 390)):
        assert page_checks.axe_faults(browser, server.address, scheme, width) == []
