"""The page in a real browser: displayed, clicked and operated by keyboard, without internet access."""

import numpy as np
import pytest
import soundfile

from mer.predict.__main__ import main
from tests.predict import browser
from tests.predict.conftest import RATE, quiet, tone

pytest.importorskip("websocket", reason="needs websocket-client, which JupyterLab brings")
pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason="needs Chromium")

HOSTILE = "<img src=x onerror=alert(1)></td><script>alert(2)</script> {{ 7 * 7 }} \"'&amp; \u202ereversed"


@pytest.fixture(scope="module")
def page(bimodal, tmp_path_factory):
    """Open a page of two recordings: a short one, which is embedded, and one of 2.9 MB, which is not."""
    home = tmp_path_factory.mktemp("page")
    short, long = home / "a \"><img src=x onerror=alert(3)>&'#?%20x.wav", home / "long #1 %41.wav"
    soundfile.write(short, np.concatenate([tone(6), quiet(1)]), RATE)
    times = ((1, 3), (4, 6))
    cues = "\n\n".join(f"00:0{a}.000 --> 00:0{b}.000\n{HOSTILE.replace('<', '&lt;')}" for a, b in times)
    short.with_suffix(".vtt").write_text(f"WEBVTT\n\n{cues}\n", encoding="utf-8")
    soundfile.write(long, np.concatenate([quiet(2), *[tone(3), quiet(1)] * 22]), RATE)
    out = home / "out" / "p.csv"
    assert main([str(short), str(long), "--model", str(bimodal), "--html", "--voice", "energy", "--out", str(out)]) == 0
    with browser.opened(out.with_suffix(".html"), home / "profile") as opened:
        yield opened


PLAYERS = "document.querySelectorAll('audio')"


def silence(page):
    page.value(f"{PLAYERS}.forEach(p => {{ p.pause(); p.currentTime = 0 }})")
    page.wait(f"[...{PLAYERS}].every(p => p.paused && p.currentTime === 0)")


def plays(page, number, start):
    player = f"{PLAYERS}[{number}]"
    page.wait(f"!{player}.paused && {player}.currentTime > {start} && {player}.currentTime < {start} + 2")


def test_both_recordings_are_playable(page):
    page.wait(f"[...{PLAYERS}].every(p => p.readyState >= 1)")
    assert page.value(f"[...{PLAYERS}].map(p => p.src.split(':')[0])") == ["data", "file"]
    assert page.value(f"[...{PLAYERS}].map(p => Math.round(p.duration))") == [7, 90]


@pytest.mark.parametrize("place", ["tbody tr:nth-child(2) button", ".timeline button:nth-of-type(2)"])
@pytest.mark.parametrize("number", [0, 1])
def test_click_on_a_row_or_a_segment_plays_it(page, number, place):
    silence(page)
    selector = f"section:nth-of-type({number + 1}) {place}"
    page.click(selector)
    plays(page, number, page.value(f"Number(document.querySelector({selector!r}).dataset.start)"))
    page.wait(f"document.querySelectorAll('section')[{number}].querySelectorAll('tr.current').length === 1")
    now = page.value(f"parseFloat(document.querySelectorAll('.now')[{number}].style.left)")
    assert 0 < now < 100


def test_keyboard_plays_a_segment(page):
    silence(page)
    page.value("document.activeElement.blur()")
    for _ in range(60):
        page.press("Tab")
        if page.value("document.activeElement.matches('section:nth-of-type(2) td.time button')"):
            break
    start = page.value("Number(document.activeElement.dataset.start)")
    page.press("Enter")
    plays(page, 1, start)


def test_foreign_text_is_escaped(page):
    assert page.value("document.querySelectorAll('img').length") == 0
    assert page.value("document.scripts.length") == 1
    shown = page.value("document.querySelector('td.text').textContent")
    assert " ".join(HOSTILE.split()).replace("&amp;", "&") in shown
    assert "onerror=alert(3)" in page.value("document.querySelector('h2').textContent")
    assert not page.events_of("Page.javascriptDialogOpening")


def test_page_loads_nothing_from_the_internet_and_raises_no_error(page):
    schemes = [request["request"]["url"].partition(":")[0] for request in page.events_of("Network.requestWillBeSent")]
    assert set(schemes) <= {"file", "data", "about"}
    assert not page.events_of("Runtime.exceptionThrown")
    assert not page.events_of("Log.entryAdded")
