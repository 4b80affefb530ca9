"""Every inserted shortcut is flagged in its corpus only, and none is flagged in a clean corpus."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy.signal import iirnotch, lfilter

from mer import stats
from mer.dataset.audit.measures import measures, recording_measures
from mer.dataset.audit.shortcuts import scores, shortcut_findings
from mer.dataset.audit.shortcuts.scores import COLUMNS
from mer.dataset.audit.shortcuts.severities import POOLED, WARNING_SHARE, severities
from mer.dataset.audit.speakers import shared_speakers
from mer.dataset.manifest import schema
from mer.report.figures import scores as score_figures
from tests.dataset.audit.manifests import EMOTIONS, clean, read_sentences
from tests.dataset.audit.recordings import RATE, babble, record

mpl.use("Agg")
CLUSTERS = {}
NATURAL = {"duration", "loudness", "dynamics", "silence", "recording", "fades", "corpus"}


def score(manifest, heard=None, clusters=CLUSTERS):
    return scores.shortcut_scores(manifest, pd.DataFrame(index=manifest.index) if heard is None else heard, clusters)


def flagged(scores):
    return set(scores.loc[scores["flagged"], ["corpus", "shortcut"]].itertuples(index=False, name=None))


def number(row):
    return EMOTIONS.index(row.emotion)


def in_east(manner):
    return lambda row: manner(number(row)) if row.corpus == "east" else {}


AROUND = {"samples", "hum", "tones", "noise floor", "non-speech"}
PLANTED = {
    "duration": (in_east(lambda n: {"seconds": 0.5 + 0.2 * n}), set()),
    # gain moves the noise, too, down to where 16 bits end
    "loudness": (in_east(lambda n: {"gain": -6 * n}), {"recording", *AROUND}),
    # where pauses are short, the softest frames hold the ends of words
    "silence": (in_east(lambda n: {"lead": 0.1 + 0.1 * n, "seconds": 1.0}), {"fades", "non-speech"}),
    # what the noise drowns is how the voice begins and dies away
    "recording": (in_east(lambda n: {"noise": -70 + 8 * n}), {"fades", *AROUND}),
}


def hum(sound, n):
    return sound + 10 ** (-50 / 20) * np.sin(2 * np.pi * (50, 60, 150, 180)[n] * np.arange(len(sound)) / RATE)


def pilot(sound, n):
    return sound + (n == 1) * 10 ** (-45 / 20) * np.sin(2 * np.pi * 3_300 * np.arange(len(sound)) / RATE)


def notched(sound, n):
    return lfilter(*iirnotch((900, 1_500, 2_100, 2_700)[n], 30, RATE), sound)


def filtered(sound, n):
    return lfilter([1, -0.25 * n], [1], sound)


def coarse(sound, n):
    return np.round(sound * 2 ** (15 - 2 * n)) / 2 ** (15 - 2 * n)


def scaled_twice(sound, n):
    return np.round(np.round(sound * 2**15) * (1, 1.15, 1.6, 2.3)[n]) / 2**15 / (1, 1.15, 1.6, 2.3)[n]


def offset(sound, n):
    return sound + 0.001 * n


def begun_by_zeros(sound, n):
    return np.concatenate([np.zeros(16 * n), sound])[: len(sound)]


def clicking(sound, n):
    return np.concatenate([[0.1 * n], sound[1:]])


def faded(sound, n):
    length = (1, 160, 480, 960)[n]
    return sound * np.minimum(np.arange(1, len(sound) + 1) / length, 1)


CUES = {
    hum: "hum", pilot: "tones", notched: "tones", filtered: "noise floor", coarse: "samples", scaled_twice: "samples",
    offset: "samples", begun_by_zeros: "edges", clicking: "edges", faded: "fades",
}  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    raw = tmp_path_factory.mktemp("spoken")
    manifest = record(clean(clips=16), raw)
    return manifest, recording_measures.measure_recordings(manifest, raw)


@pytest.mark.parametrize("shortcut", PLANTED)
def test_only_the_inserted_shortcut_is_flagged(shortcut, tmp_path):
    manner, also = PLANTED[shortcut]
    manifest = record(clean(clips=16), tmp_path, manner)
    scores = score(manifest, recording_measures.measure_recordings(manifest, tmp_path))
    assert {pair for pair in flagged(scores) if pair[0] == "west"} == set()
    assert {name for corpus, name in flagged(scores) if corpus == "east"} - also == {shortcut}
    findings = list(shortcut_findings.shortcut_findings(scores))
    assert f"{shortcut} shortcut" in {f.kind for f in findings}
    assert {f.severity for f in findings if f.kind == f"{shortcut} shortcut"} == {"warning"}
    assert f"{shortcut} in east" in shortcut_findings.shortcut_sentence(scores)


def treated(manifest, raw, cue, **options):
    """Apply `cue` to each recording of the corpus east, given the number of its emotion; return all measures."""
    for row in manifest[manifest["corpus"] == "east"].itertuples():
        sound, _ = soundfile.read(raw / row.source_path)
        soundfile.write(raw / row.source_path, np.clip(cue(sound, number(row)), -1, 1), RATE, **options)
    return recording_measures.measure_recordings(manifest, raw, progress=False)


@pytest.mark.parametrize("cue", CUES, ids=lambda cue: cue.__name__)
def test_a_cue_that_emotion_cannot_change_is_flagged_in_its_corpus_only(cue, tmp_path):
    manifest = record(clean(clips=16), tmp_path)
    scores = score(manifest, treated(manifest, tmp_path, cue))
    assert ("east", CUES[cue]) in flagged(scores), scores[scores["corpus"] == "east"]
    assert {pair for pair in flagged(scores) if pair[0] == "west"} == set()


@pytest.mark.parametrize(
    "options",
    [
        lambda n: {"subtype": ("PCM_16", "PCM_24", "FLOAT", "DOUBLE")[n]},
        lambda n: {"format": ("WAV", "WAVEX", "AIFF", "CAF")[n], "subtype": "PCM_16"},
    ],
    ids=["sample width", "format"],
)
def test_a_file_format_per_emotion_is_flagged(options, tmp_path):
    manifest = record(clean(("east",), clips=16), tmp_path)
    for row in manifest.itertuples():
        sound, _ = soundfile.read(tmp_path / row.source_path)
        soundfile.write(tmp_path / row.source_path, sound, RATE, **options(number(row)))
    scores = score(manifest, recording_measures.measure_recordings(manifest, tmp_path, progress=False))
    assert ("east", "file") in flagged(scores)


def test_extra_bytes_and_stereo_channels_are_flagged(tmp_path):
    manifest = record(clean(("east",), clips=16), tmp_path)
    for row in manifest.itertuples():
        place, n = tmp_path / row.source_path, number(row)
        sound, _ = soundfile.read(place)
        soundfile.write(place, np.stack([sound, sound * (0.3 + 0.2 * n)], axis=1), RATE)
        data = place.read_bytes()
        size = (len(data) + 10 * n).to_bytes(4, "little")
        place.write_bytes(data[:4] + size + data[8:] + b"LIST" + (10 * n).to_bytes(4, "little") + b" " * 10 * n)
    scores = score(manifest, recording_measures.measure_recordings(manifest, tmp_path, progress=False))
    assert {("east", "file"), ("east", "stereo")} <= flagged(scores)


def test_permuted_labels_are_rarely_noted(recorded):
    manifest, heard = recorded
    random, noted = np.random.default_rng(0), 0
    for _ in range(12):
        order = manifest.groupby("speaker_id")["emotion"].transform(lambda part: random.permutation(part.to_numpy()))
        scores = score(manifest.assign(emotion=order), heard)
        noted += int(scores.loc[~scores["shortcut"].isin(NATURAL), "flagged"].sum())
    assert noted <= 1


def synthetic_measures(share, clips=40, column="bits"):
    """Return a manifest and measures, one of which reveals the emotion of a share of the clips."""
    manifest, random = clean(("east",), speakers=10, clips=clips), np.random.default_rng(1)
    heard = pd.DataFrame(0.0, manifest.index, list(measures.COLUMNS)).assign(sample_bits=16.0, coding=1.0)
    truth = manifest["emotion"].map(EMOTIONS.index).to_numpy()
    heard[column] = np.where(random.random(len(truth)) < share, truth, random.integers(0, 4, len(truth)))
    return manifest, heard


@pytest.mark.parametrize(
    ("column", "name", "share", "severity"),
    [
        ("bits", "samples", 0.0, None),
        ("bits", "samples", 0.05, None),  # above chance or not, nobody would read a score otherwise
        ("bits", "samples", 0.2, "note"),  # above chance, not far
        ("bits", "samples", 0.9, "warning"),
        ("level_db", "loudness", 0.2, None),  # people do that
        ("level_db", "loudness", 0.26, "note"),  # about .48 where chance is .25
        ("level_db", "loudness", 0.9, "warning"),
    ],
)
def test_severities_state_their_reasons(column, name, share, severity):
    scores = score(*synthetic_measures(share, column=column))
    row = scores.assign(severity=severities(scores)).set_index("shortcut").loc[name]
    assert (row["severity"] or None) == severity, row
    findings = {f.kind: f for f in shortcut_findings.shortcut_findings(scores)}
    assert set(findings) == ({f"{name} shortcut"} if severity else set())
    if severity:
        assert f"{severity}:" in findings[f"{name} shortcut"].meaning
        assert shortcut_findings.shortcut_sentence(scores).startswith(
            "A single cue" if severity == "warning" else "Above chance"
        )


def test_few_agreeing_speakers_are_a_note_only():
    manifest, heard = synthetic_measures(1.0)
    few = manifest["speaker_id"].isin(manifest["speaker_id"].unique()[:3])
    manifest, heard = manifest[few].reset_index(drop=True), heard[few].reset_index(drop=True)
    heard["bits"] = (manifest["emotion"] == EMOTIONS[0]).astype(float)  # every speaker scores the same, .5
    row = score(manifest, heard).set_index("shortcut").loc["samples"]
    assert row["low"] < row["UAR"] == 0.5 < row["high"]  # no interval is of no width
    assert severities(score(manifest, heard)).set_axis(score(manifest, heard)["shortcut"])["samples"] == "note"


def test_clean_recordings_have_no_flagged_shortcut(recorded):
    scores = score(*recorded)
    assert flagged(scores) == set()
    assert list(shortcut_findings.shortcut_findings(scores)) == []
    assert shortcut_findings.shortcut_sentence(scores).startswith("No single cue scores far above chance")
    assert set(scores["shortcut"]) == NATURAL | {"samples", "edges", "hum", "tones", "noise floor", "non-speech"}
    assert set(scores["corpus"]) == {"east", "west", POOLED}


def test_a_sentence_per_emotion_is_flagged():
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


def test_a_speaker_per_emotion_is_flagged_in_a_published_split():
    manifest = clean(("east",))
    voices = "east_" + manifest["emotion"] + (np.arange(len(manifest)) // 60).astype(str)
    assert flagged(score(official(manifest, voices))) == {("east", "speaker")}
    assert flagged(score(official(manifest, manifest["speaker_id"]))) == set()


def test_disjoint_speakers_have_no_speaker_shortcut(recorded):
    assert "speaker" not in set(score(*recorded)["shortcut"])


def test_a_corpus_per_emotion_is_flagged():
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


def test_speaker_rule_equals_that_of_the_leak_check(uneven):
    manifest = uneven
    train, test = (manifest[manifest["split"] == name] for name in ("train", "test"))
    row = score(manifest).set_index("shortcut").loc["speaker"]
    assert (row["UAR"], row["chance"]) == shared_speakers.speaker_rule(train, test)


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


def test_a_warning_needs_the_whole_interval(recorded):
    manifest, heard = recorded
    given = heard.assign(level_db=manifest["emotion"].map(EMOTIONS.index).astype(float))
    scores = pd.concat([score(manifest, heard), score(manifest, given)], ignore_index=True)
    far = stats.chance_corrected(scores["low"].to_numpy(), 1 / scores["chance"].to_numpy())
    assert ((severities(scores) == "warning") == (far > WARNING_SHARE)).all()
    assert (severities(scores) == "warning").any()
    assert (scores["flagged"] == (severities(scores) != "")).all()
    assert ((scores["low"] <= scores["UAR"]) | scores["low"].isna()).all()


def test_foreign_tables_may_lack_columns():
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


def test_the_figure_shows_flagged_shortcuts(recorded):
    scores = score(*recorded)
    scores.loc[0, "flagged"] = True
    for rows in (scores, scores.iloc[:1], scores.iloc[:0]):
        ax = score_figures.shortcut_forest(rows)
        ax.figure.canvas.draw()
    texts = {text.get_text() for text in score_figures.shortcut_forest(scores).figure.findobj(mpl.text.Text)}
    assert {"east", POOLED, "duration", "recording", "chance"} <= texts
    plt.close("all")


def test_measures_equal_hand_computed_values():
    still = np.zeros(RATE // 2)
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    tone[:80] *= np.linspace(0, 1, 80)  # no click
    tone[-80:] *= np.linspace(1, 0, 80)
    findings = measures.measure(np.concatenate([still, tone, still[: RATE // 5]])[:, None].astype("float32"), RATE)
    assert (findings["seconds"], findings["rate_hz"], findings["channels"]) == (1.7, RATE, 1)
    assert findings["lead_s"] == pytest.approx(0.5)
    assert findings["trail_s"] == pytest.approx(0.2)
    assert findings["pauses"] == 0
    assert findings["level_db"] == pytest.approx(-9.03, abs=0.1)
    assert findings["noise_db"] == measures.FLOOR_DB
    assert findings["bandwidth_hz"] == pytest.approx(1000, abs=250)
    assert measures.measure(np.full((RATE, 1), 0.25, "float32"), RATE)["dc"] == 0.25


@pytest.mark.parametrize("rate", [1, 50, 8_000, 192_000])
@pytest.mark.parametrize("n", [1, 7, 4_000])
def test_measures_of_odd_recordings_are_numbers(rate, n):
    for sound in (np.zeros((n, 2)), np.ones((n, 1)), babble(0, seconds=1.0)[:n, None]):
        findings = measures.measure(sound.astype("float32"), rate)
        assert set(findings) == set(measures.COLUMNS)
        assert np.isfinite(list(findings.values())).all()
