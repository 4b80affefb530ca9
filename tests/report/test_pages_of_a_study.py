"""The pages of confusions and of recordings that a report writes."""

import re

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer.evaluation.scores.confusions import Scoring
from mer.html_pages.banner import SYNTHETIC_NOTICE, PageStudy
from mer.report.pages import classes_page, listening
from mer.report.pages.players import Players
from tests import page_checks
from tests.report.report_rows import result, table

CLASSES = ("calm", "very tense", "glad")
STUDY = PageStudy("x", SYNTHETIC_NOTICE, "2026-11-30")
SCORING = Scoring(CLASSES, {"A": "speaker_id", "B": "speaker_id"})


def predictions(n=8):
    """Every second utterance of corpus A is predicted as `very tense`; of B, all are predicted rightly."""
    rows = []
    for corpus in "AB":
        for number in range(n):
            wrong = corpus == "A" and number % 2
            sure = 0.5 + 0.05 * number
            shares = {"p_calm": 1 - sure if wrong else sure, "p_very tense": sure if wrong else 1 - sure, "p_glad": 0.0}
            rows += [{"utterance_id": f"{corpus}/{number}", "test_corpus": corpus, "emotion": "calm", "system": "gated",
                      "protocol": "loco", "seed": seed, "free": "very tense" if wrong else "calm", "restricted": "calm",
                      "transductive": False, "flagged": False, "accepted": False, "capped": False, "family": corpus,
                      "train_corpora": "x", "deterministic": True, "speaker_id": f"{corpus}_{number % 4}",
                      "dialogue_id": None}
                     | shares for seed in (0, 1)]  # fmt: skip
    return pd.DataFrame(rows)


def manifest(rows, duplicated=()):
    ids = rows["utterance_id"].unique()
    frame = pd.DataFrame(
        {"utterance_id": ids, "corpus": [name[0] for name in ids], "family": [name[0] for name in ids]}
    )
    frame["source_path"] = frame["utterance_id"] + ".wav"
    frame["samples_sha256"] = ["same" if name in duplicated else name for name in ids]
    return frame.assign(start=np.nan, end=np.nan, transcription="Say <b>so</b>.", speaker_id=frame["family"] + "_ann",
                        emotion="calm", license="CC BY")  # fmt: skip


@pytest.fixture
def source(tmp_path):
    rows = predictions()
    for name in rows["utterance_id"].unique():
        path = tmp_path / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 1600), 16_000)
    (tmp_path / "A/3.wav").unlink()
    near = pd.DataFrame([{"first": "A/0", "second": "B/1", "across_families": True}])
    return listening.Source(manifest(rows, ("A/1", "A/2")), rows, near, CLASSES, tmp_path)


def test_errors_are_the_most_confident_and_each_corpus_has_its_own(monkeypatch):
    monkeypatch.setattr(listening, "PER_CORPUS", 2)
    rows = listening.average(predictions(), "gated", CLASSES)
    assert (len(rows), rows["certainty"].max()) == (16, pytest.approx(0.85))
    chosen = listening.choose(rows)
    errors = chosen[chosen["kind"] == listening.ERROR]
    assert errors["utterance_id"].tolist() == ["A/7", "A/5"]  # B has none
    assert set(chosen.loc[chosen["kind"] == listening.UNCERTAIN, "utterance_id"]) == {"A/0", "A/1", "B/0", "B/1"}


def test_the_listening_page_plays_filters_and_escapes(source, tmp_path):
    listening.write(tmp_path / "listening.html", STUDY, source, "gated")
    page = (tmp_path / "listening.html").read_text(encoding="utf-8")
    players = re.findall(r'src="data:audio/flac;base64,', page)
    assert len(players) >= 10
    assert "<title>Listen · x (synthetic) · 2026-11-30</title>" in page
    assert '<span class="place">x (synthetic) · 2026-11-30</span>' in page
    assert "A/3.wav" in page  # the reason why it is not played
    assert "Say &lt;b&gt;so&lt;/b&gt;." in page
    assert 'data-predicted="very tense"' in page
    assert "very tense 0.85, calm 0.15" in page
    assert "same samples" in page
    assert "near-duplicate, of two families" in page
    assert "CC BY (A, B)" in page
    assert page.count("<audio") == page.count('aria-label="', page.index("<main>")) == len(players)
    assert not re.search(r"(src|href)=\"https?:", page)


def test_a_page_of_no_held_out_corpus_says_so(source, tmp_path):
    empty = listening.Source(
        source.manifest, source.predictions.iloc[:0], source.duplicates.iloc[:0], CLASSES, tmp_path
    )
    listening.write(tmp_path / "listening.html", PageStudy("x"), empty, "selected")
    assert "No corpus has been held out." in (tmp_path / "listening.html").read_text(encoding="utf-8")


def test_embedded_recordings_are_bounded_and_counted(source, tmp_path):
    one = Players(tmp_path, 8.0, 10**6).player("A/0.wav", None, None)["source"]
    few = Players(tmp_path, 8.0, 2 * len(one) + 10)
    played = [few.player(f"A/{number}.wav", None, None) for number in (0, 1, 0, 2)]
    assert [bool(each["source"]) for each in played] == [True, True, True, False]
    assert "too large" in played[3]["reason"]
    assert (few.embedded, few.embedded_bytes <= 2 * len(one) + 10) == (2, True)
    samples, rate = soundfile.read(tmp_path / "A/0.wav")
    assert (len(samples), rate) == (1600, 16_000)


def test_confusions_and_recalls_of_each_corpus_and_system(tmp_path):
    results = table([result(test="A", outside=0.5), result(test="B", outside=0.0)])
    classes_page.write(tmp_path / "classes.html", STUDY, results, predictions(), SCORING)
    page = (tmp_path / "classes.html").read_text(encoding="utf-8")
    assert classes_page.outside_table(results).to_numpy().tolist() == [["50%", "0%"]]
    of_a, of_b = re.findall(r"<table class=\"confusion\">(.*?)</table>", page, re.S)
    shares = re.findall(r"--share:([\d.]+)", of_a)
    assert shares == ["0.500", "0.500", "0.000"]
    assert "calm (8)" in of_a
    assert ">.50 <small>[.0" in of_a
    assert ">1.00 <small>" in of_b
    assert "8 clips, 2 seeds" in of_a


@pytest.mark.skipif(page_checks.chromium() is None, reason="no Chromium on this machine")
def test_tables_sort_and_filter_from_disk_and_recordings_play(source, tmp_path):
    listening.write(tmp_path / "listening.html", STUDY, source, "gated")

    def use(tab):
        def names():
            shown = tab.locator("#clips tbody tr:visible th small").all_inner_texts()
            return [text.partition(",")[0] for text in shown]

        everything = len(names())
        tab.select_option("select[name=predicted]", "very tense")
        wrong = set(names())
        tab.click("button[type=reset]")
        tab.fill("input[name=words]", "B/")
        tab.select_option("select[name=corpus]", "B")
        counted = tab.inner_text("output")
        tab.click("button[type=reset]")
        tab.click("#clips thead button:has-text('probabilities')")
        lowest = tab.locator("#clips tbody tr").first.locator("td[data-sort]").get_attribute("data-sort")
        tab.click("#clips thead button:has-text('probabilities')")
        highest = tab.locator("#clips tbody tr").first.locator("td[data-sort]").get_attribute("data-sort")
        seconds = tab.evaluate("""async () => { const a = document.querySelector("audio"); a.load();
            await new Promise((done, failed) => { a.onloadedmetadata = done; a.onerror = () => failed("no sound"); });
            return a.duration; }""")
        return everything, wrong, counted, float(lowest), float(highest), seconds

    everything, wrong, counted, lowest, highest, seconds = page_checks.in_browser(tmp_path / "listening.html", use)
    assert wrong == {"1", "3", "5", "7"}
    assert counted == f"0 of {everything}"  # the words of a row do not name the path
    assert (lowest, highest) == (0.5, 0.85)
    assert seconds == pytest.approx(0.1, abs=0.05)
