"""Fetching one file from servers that truncate, corrupt, stall, redirect or change it."""

import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.corpora.download.source import DownloadError
from mer.corpora.download.transfer import disk, fetch, web
from tests.corpora.download.server import (
    HASTY,
    IMPATIENT,
    Disguised,
    Server,
    body,
    chunked,
    endless_redirect,
    file,
    redirect,
    session,
    status,
)

DATA = bytes(range(256)) * 400
OTHER = DATA[::-1]
SIZE = {"bytes": len(DATA)}
GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@dataclass
class Row:
    """The responses of one address, and the expected result."""

    served: str
    answers: list
    expected: str | None = None
    """A part of the expected message; None if the file must be received."""
    known: dict = field(default_factory=lambda: {"data": DATA})
    arrives: bytes = DATA
    asked: int | None = None
    """The expected number of requests."""
    kept: int = 0
    """The number of bytes that are stored for the next call."""
    patience: web.RetryPolicy = IMPATIENT


ROWS = [
    Row("the file", [body(DATA)], asked=1),
    Row("the file, no length, until the connection ends", [body(DATA, length=False)], asked=1),
    Row("cut off, then the rest", [body(DATA, stop=5000), body(DATA)], asked=2),
    Row("cut off twice, then the rest", [body(DATA, stop=5000), body(DATA, stop=7000), body(DATA)], asked=3),
    Row("always cut off", [body(DATA, stop=5000, ranges=False)], "tried 3 times", asked=3, kept=5000),
    Row("cut off without saying how long it is", [body(DATA[:5000], length=False)], "is published", asked=1),
    Row("cut off, only the publisher says how long it is", [body(DATA[:5000], length=False), body(DATA)], known=SIZE),
    Row("in chunks", [chunked(DATA)], asked=1),
    Row("in chunks, cut off, and again from the start", [chunked(DATA, stop=5000), chunked(DATA)], asked=2),
    Row("in chunks, always cut off", [chunked(DATA, stop=5000)], "the connection broke off", asked=3),
    Row("one byte altered", [body(DATA[:-1] + b"?")], "deleted, nothing of it was used", asked=1),
    Row("another file of the same name and size", [body(OTHER, tag='"1"', stop=5000), body(DATA, tag='"1"')], asked=3),
    Row("another file of the same name", [body(OTHER[:9000], tag='"1"', stop=5000), body(DATA, tag='"1"')], asked=3),
    Row("stalls", [body(DATA, stop=5000, then="stall")], "nothing came for 0.3 s", asked=3, kept=15000, patience=HASTY),
    Row("stalls once", [body(DATA, stop=5000, then="stall"), body(DATA)], asked=2, patience=HASTY),
    Row(
        "trickles",
        [body(DATA, stop=5000, then="drip", ranges=False)],
        r"only \d+ bytes came",
        asked=3,
        kept=0,
        patience=HASTY,
    ),
    Row("three redirects", [redirect("/r1")], asked=1),
    Row("a redirect with a page that never ends", [endless_redirect("/r1")], asked=1),
    Row("redirects in a circle", [redirect("?")], "more than 5 redirects"),
    Row("redirect to a file of this machine", [redirect("file:///etc/passwd")], "only http and https", asked=1),
    Row("redirect to ftp", [redirect("ftp://127.0.0.1/x")], "only http and https", asked=1),
    Row("redirect to nowhere", [status(302)], "without saying where to", asked=1),
    Row(
        "redirect to what is no address",
        [redirect("http://[")],
        r"redirected to 'http://\[', which is no address",
        asked=1,
    ),
    Row("404", [status(404)], "404 Not Found", asked=1),
    Row("403", [status(403)], "403 Forbidden", asked=1),
    Row("204 and nothing", [status(204)], "204 No Content", asked=1),
    Row("503 twice", [status(503), status(503, {"Retry-After": "1"}), body(DATA)], asked=3),
    Row("503 for ever", [status(503, {"Retry-After": "86400"})], "503 Service Unavailable; tried 3 times", asked=3),
    Row("429 until a date", [status(429, {"Retry-After": "Wed, 21 Oct 2065 07:28:00 GMT"}), body(DATA)], asked=2),
    Row("ranges ignored after a break", [body(DATA, stop=5000), body(DATA, ranges=False)], asked=2),
    Row("another range than asked for", [body(DATA, stop=5000), body(DATA, shift=1), body(DATA)], asked=3),
    Row("less of a range than it says", [body(DATA, stop=5000), body(DATA, less=99), body(DATA)], known={}, asked=3),
    Row("206 unasked", [status(206)], "responds with 206 to a request without a range", asked=1),
    Row("416 after a break", [body(DATA, stop=5000), status(416), body(DATA)], asked=3),
    Row("more than there may be", [body(DATA)], "more than 5,000 are never read", {"limit": 5000}, asked=1),
    Row("more than there may be, no length", [body(DATA, length=False)], "more than the 5,000 bytes", {"limit": 5000}),
    Row("another size than published", [body(DATA)], "another version", {"bytes": 5000}, asked=1),
    Row("a web page", [body(DATA, headers={"Content-Type": "text/html; charset=utf-8"})], "a web page came", asked=1),
    Row("compressed on the way", [body(DATA, headers=GZIP)], "although the stored bytes were requested", asked=1),
    Row(
        "another file after a break",
        [body(DATA, stop=5000), body(OTHER)],
        known={},
        arrives=OTHER,
        asked=2,
    ),
    Row(
        "another file after a break, If-Range ignored",
        [body(DATA, stop=5000), body(OTHER, heed=False)],
        known={},
        arrives=OTHER,
        asked=3,
    ),
    Row(
        "another file after a break, nothing tells them apart",
        [body(DATA, tag="", stop=5000), body(OTHER, tag="")],
        known={},
        arrives=OTHER,
        asked=2,
    ),
    Row(
        "another file every time",
        [body(DATA, stop=5000), body(OTHER, stop=5000), body(DATA, stop=5000), body(OTHER, stop=5000)],
        "tried 3 times",
        known={},
        asked=3,
        kept=5000,
    ),
]


def bring(row_file, place, with_session=None, patience=IMPATIENT):
    text = []
    with with_session or session() as asking:
        number = fetch.fetch(
            row_file, place, session=asking, policy=patience, progress=lambda there, total: text.append((there, total))
        )
    return number, text


def offer(server, row, path):
    """Serve a row, and the file behind three redirects of different kinds."""
    server.url("/r1", redirect("/r2", 307))
    server.url("/r2", redirect(server.url("/r3").removeprefix("http:"), 301))
    server.url("/r3", body(DATA))
    return server.url(path, *row.answers)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.served)
def test_any_server_gives_the_whole_file_or_a_reason(server, tmp_path, row):
    path = "/" + re.sub(r"\W", "-", row.served)
    url = offer(server, row, path)
    place = tmp_path / "place" / "clip.wav"
    if row.expected is None:
        number, text = bring(file(url, **row.known), place, patience=row.patience)
        assert number == 0
        assert place.read_bytes() == row.arrives
        assert [p.name for p in place.parent.iterdir()] == ["clip.wav"]
        assert text[-1][0] == len(row.arrives)
    else:
        with pytest.raises(DownloadError, match=row.expected) as caught:
            bring(file(url, **row.known), place, patience=row.patience)
        assert url in str(caught.value)
        assert not place.exists()
        part = place.with_name("clip.wav.part")
        assert (part.stat().st_size if part.exists() else 0) >= row.kept
        assert part.exists() or not row.kept
    if row.asked is not None:
        assert len(server.seen[path]) == row.asked


def test_interrupted_transfer_is_resumed(server, tmp_path):
    url = server.url("/resumed", body(DATA, stop=5000), body(DATA))
    _, text = bring(file(url, data=DATA), tmp_path / "clip.wav")
    first, second = server.seen["/resumed"]
    assert "Range" not in first
    assert second["Range"] == "bytes=5000-"
    assert second["If-Range"].startswith('"')
    assert {"Accept-Encoding": "identity"}.items() <= first.items()
    assert (5000, len(DATA)) in text


def test_later_call_resumes_an_earlier_one(server, tmp_path):
    url = server.url("/later", *[body(DATA, stop=2000)] * 3, body(DATA))
    with pytest.raises(DownloadError, match="the received bytes are kept"):
        bring(file(url, data=DATA), tmp_path / "clip.wav")
    bring(file(url, data=DATA), tmp_path / "clip.wav")
    assert server.seen["/later"][-1]["Range"] == "bytes=6000-"
    assert (tmp_path / "clip.wav").read_bytes() == DATA


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"url": 1}', "not JSON", '{"url":"","validator":"","total":"x"}'])
def test_bytes_of_an_unknown_version_are_not_used(server, tmp_path, note):
    url = server.url("/unknown", body(DATA))
    (tmp_path / "clip.wav.part").write_bytes(OTHER[:3000])
    if note:
        (tmp_path / "clip.wav.part.json").write_text(note)
    bring(file(url), tmp_path / "clip.wav")
    assert "Range" not in server.seen["/unknown"][-1]
    assert (tmp_path / "clip.wav").read_bytes() == DATA


def test_complete_file_is_not_requested_again(server, tmp_path):
    url = server.url("/whole", body(DATA))
    (tmp_path / "clip.wav.part").write_bytes(DATA)
    note = {"url": url, "validator": '"1"', "total": len(DATA)}
    (tmp_path / "clip.wav.part.json").write_text(json.dumps(note))
    bring(file(url, data=DATA), tmp_path / "clip.wav")
    assert server.seen["/whole"] == []
    assert (tmp_path / "clip.wav").read_bytes() == DATA


def test_next_address_is_tried_and_a_started_one_comes_first(server, tmp_path):
    urls = [server.url("/gone", status(404)), server.url("/altered", body(OTHER)), server.url("/good", body(DATA))]
    number, _ = bring(file(*urls, data=DATA), tmp_path / "a" / "clip.wav")
    assert number == 2
    assert (tmp_path / "a" / "clip.wav").read_bytes() == DATA
    server.url("/good", body(DATA, stop=9000, ranges=False))
    with pytest.raises(DownloadError) as caught:
        bring(file(*urls, data=DATA), tmp_path / "b" / "clip.wav")
    assert [line.split(": ")[0].strip() for line in str(caught.value).splitlines()[1:]] == urls
    server.url("/good", body(DATA))
    asked = len(server.seen["/gone"])
    bring(file(*urls, data=DATA), tmp_path / "b" / "clip.wav")
    assert len(server.seen["/gone"]) == asked
    assert server.seen["/good"][-1]["Range"] == "bytes=9000-"


def test_redirect_from_https_to_http_is_refused(server, tmp_path):
    server.url("/moved", redirect(server.url("/plain", body(DATA))))
    asking = session()
    asking.mount("https://secure.test/", Disguised(server))
    with pytest.raises(DownloadError, match=r"from https to 'http://127\.0\.0\.1:.*not followed"):
        bring(file("https://secure.test/moved", data=DATA), tmp_path / "clip.wav", asking)
    assert server.seen["/plain"] == []
    server.url("/moved", redirect("https://secure.test/plain"))
    bring(file("https://secure.test/moved", data=DATA), tmp_path / "clip.wav", asking)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://127.0.0.1:{port}/x", "has no valid certificate"),
        ("http://127.0.0.1:9/x", "no connection to 127.0.0.1:9; tried 3 times"),
        ("gopher://127.0.0.1/x", "no valid address"),
        ("http://", "no valid address"),
        ("http://:x/", "no valid address"),
    ],
)
def test_unreachable_addresses_are_reported(server, tmp_path, url, message):
    with pytest.raises(DownloadError, match=message):
        bring(file(url.format(port=server.server_port)), tmp_path / "clip.wav")


def test_disk_space_is_checked_before_the_first_byte(server, tmp_path, monkeypatch):
    url = server.url("/large", body(DATA))
    monkeypatch.setattr(disk, "RESERVE", 10**18)
    with pytest.raises(DownloadError, match=r"clip.wav: needs 0.1 MB, the disk of .* has .* left; free some space"):
        bring(file(url), tmp_path / "clip.wav")
    assert list(tmp_path.iterdir()) == []


def test_endless_body_is_cut_off(server, tmp_path):
    sent = []

    def endless(handler):
        body(DATA, length=False)(handler)
        for _ in range(1000):
            sent.append(handler.wfile.write(DATA))

    url = server.url("/endless", endless)
    with pytest.raises(DownloadError, match="more than the 1,000,000 bytes that it may have: deleted"):
        bring(file(url, limit=1_000_000), tmp_path / "clip.wav")
    assert sum(sent) < 50_000_000
    assert list(tmp_path.iterdir()) == []


def test_connections_are_reused(server, tmp_path):
    url = server.url("/small", body(DATA))
    before = server.connections
    with session() as asking:
        for number in range(10):
            place = tmp_path / f"{number}.wav"
            fetch.fetch(file(url, data=DATA), place, session=asking, policy=IMPATIENT, progress=lambda *_: None)
    assert server.connections == before + 1


def test_progress_resets_the_number_of_attempts(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "PROGRESS_BYTES", 4000)
    url = server.url("/slow", *[body(DATA, stop=8000)] * 20)
    bring(file(url, data=DATA), tmp_path / "clip.wav")
    assert len(server.seen["/slow"]) == -(-len(DATA) // 8000) > IMPATIENT.attempts


def test_pauses_grow_up_to_a_limit():
    policy = web.RETRY_POLICY
    pauses = [policy.pause_seconds * 2**failures / 2 for failures in range(1, policy.attempts)]
    assert max(pauses) <= policy.max_pause_seconds
    assert pauses == [2, 4, 8, 16]


versions = st.sampled_from([b"A" * 3000, b"B" * 3000, b"C" * 2000, b"D" * 4000])
answers = st.one_of(
    st.sampled_from([status(503), status(416), status(206), status(404)]),
    st.builds(
        body,
        versions,
        ranges=st.booleans(),
        heed=st.booleans(),
        stop=st.none() | st.integers(0, 2500),
        shift=st.sampled_from([0, 0, 7]),
    ),
    st.builds(body, versions, tag=st.just(""), ranges=st.booleans(), stop=st.none() | st.integers(0, 2500)),
)


@settings(max_examples=60)
@given(script=st.lists(answers, min_size=1, max_size=5))
def test_received_file_is_one_complete_version(server, script):
    server.seen["/changing"].clear()
    url = server.url("/changing", *script)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "clip.wav")
        for _ in range(2):
            try:
                bring(file(url), place)
                break
            except DownloadError:
                assert not place.exists()
        if place.exists():
            data = place.read_bytes()
            assert len(set(data)) == 1
            assert len(data) == {ord("A"): 3000, ord("B"): 3000, ord("C"): 2000, ord("D"): 4000}[data[0]]
        assert len(server.seen["/changing"]) <= 2 * IMPATIENT.attempts
