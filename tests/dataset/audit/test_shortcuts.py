"""Every shortcut that is planted is flagged, in its corpus only, and where none is planted none is."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mer import stats
from mer.dataset import audit, schema
from mer.dataset.audit import measures, people
from mer.dataset.audit.shortcuts import COLUMNS, FAR, POOLED
from mer.report import figures
from tests.dataset.audit.manifests import EMOTIONS, clean, read_sentences
from tests.dataset.audit.recordings import RATE, babble, record

mpl.use("Agg")
CLUSTERS = {}


def score(manifest, heard=None, clusters=CLUSTERS):
    return audit.shortcut_scores(manifest, pd.DataFrame(index=manifest.index) if heard is None else heard, clusters)


def flagged(scores):
    return set(scores.loc[scores["flagged"], ["corpus", "shortcut"]].itertuples(index=False, name=None))


def number(row):
    return EMOTIONS.index(row.emotion)


def in_east(manner):
    return lambda row: manner(number(row)) if row.corpus == "east" else {}


PLANTED = {
    "duration": (in_east(lambda n: {"seconds": 0.5 + 0.2 * n}), set()),
    "loudness": (in_east(lambda n: {"gain": -6 * n}), {"recording"}),  # gain moves the noise, too
    "silence": (in_east(lambda n: {"lead": 0.1 + 0.1 * n, "seconds": 1.0}), set()),
    "recording": (in_east(lambda n: {"noise": -70 + 8 * n}), set()),
}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    raw = tmp_path_factory.mktemp("spoken")
    manifest = record(clean(clips=16), raw)
    return manifest, audit.listen(manifest, raw)


@pytest.mark.parametrize("shortcut", PLANTED)
def test_what_is_planted_in_recordings_is_flagged_and_nothing_else(shortcut, tmp_path):
    manner, also = PLANTED[shortcut]
    manifest = record(clean(clips=16), tmp_path, manner)
    scores = score(manifest, audit.listen(manifest, tmp_path))
    assert {pair for pair in flagged(scores) if pair[0] == "west"} == set()
    assert {name for corpus, name in flagged(scores) if corpus == "east"} - also == {shortcut}
    found = list(audit.shortcut_findings(scores))
    assert f"{shortcut} shortcut" in {f.kind for f in found}
    assert {f.severity for f in found} == {"warning"}
    assert f"{shortcut} in east" in audit.shortcut_sentence(scores)


def test_nothing_is_flagged_where_nothing_is_planted(spoken):
    scores = score(*spoken)
    assert flagged(scores) == set()
    assert list(audit.shortcut_findings(scores)) == []
    assert audit.shortcut_sentence(scores).startswith("No single cue is shown")
    natural = {"duration", "loudness", "dynamics", "silence", "recording", "corpus"}
    assert set(scores["shortcut"]) == natural | {"samples", "edges", "hum", "tones", "noise floor", "non-speech"}
    assert set(scores["corpus"]) == {"east", "west", POOLED}


def test_a_sentence_for_each_emotion():
    manifest = read_sentences(clean(), "east")
    assert flagged(score(manifest)) == set()
    mine = manifest["corpus"] == "east"
    manifest.loc[mine, "sentence_id"] = manifest.loc[mine, "emotion"]
    assert ("east", "sentence") in flagged(score(manifest))
    manifest["sentence_id"] = None
    manifest.loc[mine, "transcription"] = "a sentence of " + manifest.loc[mine, "emotion"].str.upper() + "!"
    assert ("east", "sentence") in flagged(score(manifest))


def official(manifest, speaker):
    """A published split that shares speakers."""
    part = np.where(np.arange(len(manifest)) // len(EMOTIONS) % 2, "train", "test")
    changes = {"split": part, "fold": pd.NA, "speaker_id": speaker, "session": None, "dialogue_id": None}
    return manifest.assign(**changes).astype(schema.COLUMNS)


def test_a_speaker_for_each_emotion_in_a_published_split():
    manifest = clean(("east",))
    voices = "east_" + manifest["emotion"] + (np.arange(len(manifest)) // 60).astype(str)
    assert flagged(score(official(manifest, voices))) == {("east", "speaker")}
    assert flagged(score(official(manifest, manifest["speaker_id"]))) == set()


def test_speakers_who_are_kept_apart_cannot_be_looked_up(spoken):
    assert "speaker" not in set(score(*spoken)["shortcut"])


def test_a_corpus_for_each_emotion():
    names = ("east", "north", "south", "west")
    manifest = clean(names)
    assert flagged(score(manifest)) == set()
    manifest["emotion"] = manifest["corpus"].map(dict(zip(names, EMOTIONS, strict=True))).astype("str")
    scores = score(manifest)
    assert flagged(scores) == {(POOLED, "corpus")}
    row = scores.set_index("shortcut").loc["corpus"]
    assert (row["UAR"], row["chance"], row["majority"], row["n"]) == (1.0, 0.25, 0.25, 80)


@pytest.fixture
def uneven():
    """A published split that shares speakers, who speak some emotions more often than others."""
    manifest = clean(("east",), speakers=5)
    manifest["emotion"] = np.random.default_rng(0).choice(EMOTIONS, len(manifest), p=(0.4, 0.3, 0.2, 0.1))
    return official(manifest, manifest["speaker_id"])


def test_the_speaker_rule_is_the_one_of_the_leaks(uneven):
    manifest = uneven
    train, test = (manifest[manifest["split"] == name] for name in ("train", "test"))
    row = score(manifest).set_index("shortcut").loc["speaker"]
    assert (row["UAR"], row["chance"]) == people.speaker_rule(train, test)


def test_the_interval_is_over_the_corpus_own_clusters(uneven):
    manifest = uneven.assign(dialogue_id="east_" + pd.Series(np.arange(len(uneven)) % 30).astype(str))
    by_speaker, by_dialogue = (
        score(manifest, clusters={"east": column}).set_index("shortcut").loc["speaker"]
        for column in ("speaker_id", "dialogue_id")
    )
    assert by_speaker["UAR"] == by_dialogue["UAR"]
    assert by_speaker["low"] != by_dialogue["low"]
    truth = manifest.loc[manifest["split"] == "test"]
    assert by_dialogue["n"] == len(truth)


def test_few_speakers_give_no_interval_and_no_flag():
    manifest = clean(("east",), speakers=2)
    manifest["sentence_id"] = manifest["emotion"]
    row = score(manifest).set_index("shortcut").loc["sentence"]
    assert (row["UAR"], row["flagged"]) == (1.0, False)
    assert np.isnan(row["low"])


def test_a_flag_needs_the_whole_interval(spoken):
    scores = score(*spoken)
    far = stats.chance_corrected(scores["low"].to_numpy(), 1 / scores["chance"].to_numpy())
    assert (scores["flagged"] == (far > FAR)).all()
    assert ((scores["low"] <= scores["UAR"]) | scores["low"].isna()).all()


def test_foreign_tables_lack_things():
    assert list(score(schema.typed([])).columns) == list(COLUMNS)
    assert score(clean()[["corpus", "speaker_id", "emotion"]]).empty
    manifest = clean(("east",)).assign(emotion=[f"{n}" for n in range(120)], sentence_id="s")
    assert score(manifest).empty  # no classes
    nobody = clean().assign(corpus=None, speaker_id=None)
    assert set(score(pd.concat([clean(), nobody], ignore_index=True))["corpus"]) == {"?", "east", "west", POOLED}
    manifest = clean(("east",)).assign(sentence_id=clean(("east",))["emotion"])
    manifest.loc[:9, "emotion"] = None
    manifest.loc[10:19, "fold"] = pd.NA
    manifest["fold"] = manifest["fold"] * 10 - 5
    assert flagged(score(manifest.drop(columns=["text_side", "dialogue_id"]))) == {("east", "sentence")}


def test_the_figure_says_what_is_flagged(spoken):
    scores = score(*spoken)
    scores.loc[0, "flagged"] = True
    for rows in (scores, scores.iloc[:1], scores.iloc[:0]):
        ax = figures.shortcut_forest(rows)
        ax.figure.canvas.draw()
    texts = {text.get_text() for text in figures.shortcut_forest(scores).figure.findobj(mpl.text.Text)}
    assert {"east", POOLED, "duration", "recording", "chance"} <= texts
    plt.close("all")


def test_measures_by_hand():
    still = np.zeros(RATE // 2)
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    tone[:80] *= np.linspace(0, 1, 80)  # no click
    tone[-80:] *= np.linspace(1, 0, 80)
    found = measures.measure(np.concatenate([still, tone, still[: RATE // 5]])[:, None].astype("float32"), RATE)
    assert (found["seconds"], found["rate_hz"], found["channels"]) == (1.7, RATE, 1)
    assert found["lead_s"] == pytest.approx(0.5)
    assert found["trail_s"] == pytest.approx(0.2)
    assert found["pauses"] == 0
    assert found["level_db"] == pytest.approx(-9.03, abs=0.1)
    assert found["noise_db"] == measures.FLOOR_DB
    assert found["bandwidth_hz"] == pytest.approx(1000, abs=250)
    assert measures.measure(np.full((RATE, 1), 0.25, "float32"), RATE)["dc"] == 0.25


@pytest.mark.parametrize("rate", [1, 50, 8_000, 192_000])
@pytest.mark.parametrize("n", [1, 7, 4_000])
def test_measures_of_odd_recordings_are_numbers(rate, n):
    for sound in (np.zeros((n, 2)), np.ones((n, 1)), babble(0, seconds=1.0)[:n, None]):
        found = measures.measure(sound.astype("float32"), rate)
        assert set(found) == set(measures.COLUMNS)
        assert np.isfinite(list(found.values())).all()
