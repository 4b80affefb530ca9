"""Every inserted fault is the only one that is found; damage never stops the audit."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mer import sealed
from mer.dataset import __main__ as command
from mer.dataset.audit import checks
from mer.dataset.audit.measures import known_defects, recording_measures
from mer.dataset.audit.sentences import transcript_errors
from mer.dataset.audit.shortcuts import scores
from mer.media import audio
from tests.dataset.audit.manifests import EMOTIONS, clean
from tests.dataset.audit.recordings import RATE, babble, record

TILTS = dict(zip(EMOTIONS, (2.0, -4.0, -10.0, -20.0), strict=True))


def tilted(row):
    return {"tilt": TILTS[row.emotion]}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    raw = tmp_path_factory.mktemp("recorded")
    manifest = record(clean(("east",), speakers=4, clips=8), raw, tilted)
    lines = "We have seen the house of " + manifest["transcription"].str.split(" ").str[-1]
    return manifest.assign(language="en", transcription=lines), raw


@pytest.fixture
def study(recorded, tmp_path):
    """A clean corpus whose recordings depend on the emotion, and its folder; tests damage either."""
    manifest, raw = recorded
    return manifest.copy(), shutil.copytree(raw, tmp_path / "raw")


def faults(manifest, raw):
    return checks.find_faults(manifest, recording_measures.measure_recordings(manifest, raw))


def place(study, row=0):
    manifest, raw = study
    return raw / manifest.loc[row, "source_path"]


def findings(study):
    return {(f.kind, f.severity, f.corpora, f.count, f.total) for f in faults(*study)}


def test_a_clean_corpus_has_no_faults(study):
    assert faults(*study) == []


def silent(path):
    soundfile.write(path, np.zeros(RATE), RATE)


def only_noise(path):
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.01, 2 * RATE), RATE)


def clipped(path):
    soundfile.write(path, np.clip(6 * babble(1), -0.7, 0.7), RATE)


def cut_wav(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])


def empty_file(path):
    path.write_bytes(b"")


def no_audio(path):
    path.write_bytes(b"<html>404</html>")


def not_numbers(path):
    soundfile.write(path, np.full(RATE, np.nan), RATE, subtype="FLOAT")


def claims_too_much(path):
    data = bytearray(path.read_bytes())
    data[24:28] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(data)


def gone(path):
    path.unlink()


def dead_channel(path):
    soundfile.write(path, np.stack([babble(1), np.zeros(len(babble(1)))], axis=1), RATE)


def doubled_channel(path):
    soundfile.write(path, np.stack([babble(1), babble(1)], axis=1), RATE)


def cancelling_channels(path):
    soundfile.write(path, np.stack([babble(1), -babble(1)], axis=1), RATE)


@pytest.mark.parametrize(
    ("damage", "kind", "severity"),
    [
        (silent, "silent recording", "warning"),
        (only_noise, "silent recording", "warning"),
        (clipped, "clipping", "note"),
        (cut_wav, "cut-off file", "warning"),
        (empty_file, "unreadable recording", "warning"),
        (no_audio, "unreadable recording", "warning"),
        (not_numbers, "unreadable recording", "warning"),
        (claims_too_much, "unreadable recording", "warning"),
        (gone, "unreadable recording", "warning"),
        (dead_channel, "dead channel", "warning"),
        (doubled_channel, "doubled channel", "note"),
        (cancelling_channels, "cancelling channels", "warning"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_only_the_inserted_fault_of_a_recording_is_found(study, damage, kind, severity):
    damage(place(study))
    [finding] = faults(*study)
    assert (finding.kind, finding.severity, finding.corpora) == (kind, severity, "east")
    assert (finding.count, finding.total, finding.examples) == (1, 32, ("east/00_000",))


def test_a_file_that_ends_within_a_word_has_an_abrupt_end(study):
    soundfile.write(place(study), babble(3, seconds=0.9)[: round(0.35 * RATE)], RATE)
    assert ("abrupt end", "note", "east", 1, 32) in findings(study)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_flac_is_cut_off(study, share):
    manifest, raw = study
    path = place(study).with_suffix(".flac")
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.05, 3 * RATE) * np.hanning(3 * RATE), RATE)
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])
    manifest.loc[0, "source_path"] = path.relative_to(raw).as_posix()
    kinds = {f.kind for f in faults(manifest, raw)}
    assert "cut-off file" in kinds
    heard = recording_measures.measure_recordings(manifest, raw)
    assert 0 < heard.loc[0, "complete_share"] < share + 0.1


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_streamed_file_is_complete(study, size):
    data = bytearray(place(study).read_bytes())
    data[4:8] = size.to_bytes(4, "little")
    place(study).write_bytes(data)
    assert faults(*study) == []


@pytest.mark.parametrize(
    ("seconds", "kind", "severity"), [(0.1, "very short clip", "note"), (60.0, "very long clip", "warning")]
)
def test_very_short_and_very_long_clips_are_reported(study, seconds, kind, severity):
    manifest, raw = study
    heard = recording_measures.measure_recordings(manifest, raw)
    manifest.loc[0, "duration"] = seconds
    [finding] = checks.find_faults(manifest, heard)
    assert (finding.kind, finding.severity, finding.count) == (kind, severity, 1)


@pytest.mark.parametrize(
    ("text", "kind", "severity"),
    [
        ("Это случилось вчера", "foreign transcript", "warning"),
        ("我不知道", "foreign transcript", "warning"),
        ("Das will sie am Mittwoch nicht, und ich auch", "foreign transcript", "warning"),
        ("Donâ€™t go", "garbled transcript", "warning"),
        ("Don\x92t go", "garbled transcript", "warning"),
        ("Don�t go", "garbled transcript", "warning"),
        (None, "missing transcript", "note"),
        ("…", "missing transcript", "note"),
    ],
)
def test_only_the_inserted_error_of_a_transcript_is_found(study, text, kind, severity):
    manifest, raw = study
    manifest.loc[3, "transcription"] = text
    [finding] = faults(manifest, raw)
    assert (finding.kind, finding.severity, finding.count, finding.total) == (kind, severity, 1, 32)
    assert finding.examples == ("east/00_003",)


def test_correct_transcripts_are_not_reported():
    for line in ("Café, naïve, señor", "OK", "3, 2,", "No, just a barrel.", "Mm-hmm!", "😀", ""):
        assert not transcript_errors.foreign(line, "en"), line
        assert not transcript_errors.garbled(line), line
    assert not transcript_errors.foreign("Das ist nicht gut und wir", None)
    assert not transcript_errors.foreign("Das ist nicht gut und wir", "xx")
    assert not transcript_errors.foreign("mujhe bachao", "hi")


@given(st.text(max_size=40), st.sampled_from(["en", "zh", "xx", None]))
def test_any_text_can_be_checked(line, language):
    assert transcript_errors.foreign(line, language) in (True, False)
    assert transcript_errors.garbled(line) in (True, False)


@pytest.fixture
def larger(tmp_path):
    return record(clean(("east",), speakers=5, clips=40), tmp_path, tilted), tmp_path


def test_a_swapped_label_is_reported(larger):
    manifest, raw = larger
    heard = recording_measures.measure_recordings(manifest, raw)
    row = manifest.index[manifest["emotion"] == "anger"][2]
    manifest.loc[row, "emotion"] = "neutral"
    [finding] = checks.find_faults(manifest, heard)
    assert (finding.kind, finding.severity, finding.count) == ("label outlier", "note", 1)
    assert finding.examples == (manifest.loc[row, "utterance_id"],)
    assert "neutral, classified as anger" in finding.sentence


def test_inaccurate_classifiers_report_no_label_errors(larger):
    manifest, raw = larger
    heard = recording_measures.measure_recordings(manifest, raw)
    wrong = manifest.index[::3]
    manifest.loc[wrong, "emotion"] = np.random.default_rng(0).permutation(manifest.loc[wrong, "emotion"].to_numpy())
    assert [f for f in checks.find_faults(manifest, heard) if f.kind == "label outlier"] == []


def test_known_defects_are_reported(study):
    manifest, _ = study
    manifest.loc[:3, "corpus"] = "cremad"
    manifest.loc[:2, "utterance_id"] = ["cremad/1076_MTI_SAD_XX", "cremad/1001_MTI_SAD_XX", "cremad/1064_IEO_DIS_MD"]
    [finding] = checks.find_faults(manifest)
    assert (finding.kind, finding.severity, finding.corpora) == ("known defect", "warning", "cremad")
    assert (finding.count, finding.examples) == (1, ("cremad/1076_MTI_SAD_XX",))
    assert "CheyneyComputerScience/CREMA-D issue 8" in finding.sentence
    synthetic = manifest.assign(corpus=manifest["corpus"] + " (synthetic)")
    assert checks.find_faults(synthetic) == []  # what is known of real clips says nothing of made-up ones
    manifest.loc[2, "source_path"] = "AudioMP3/1064_IEO_DIS_MD.mp3"
    assert len(checks.find_faults(manifest)) == 2
    manifest["source_path"] = "list.csv"  # words only
    assert checks.find_faults(manifest) == []


def test_every_known_defect_names_its_reporter():
    for defect in known_defects.DEFECTS:
        assert "issue" in defect.reference or "/" in defect.reference
        assert defect.applies_to in (known_defects.AUDIO, known_defects.TEXT)
    table = pd.DataFrame({"corpus": "meld", "utterance_id": ["meld/train_dia241_utt2"], "source_path": ["a.mp4"]})
    assert [f.count for f in known_defects.known_defect_findings(table)] == [1]


@settings(max_examples=60)
@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), data=st.data())
def test_damage_never_stops_the_audit(cut, flips, data, tmp_path_factory):
    kind = data.draw(st.sampled_from(["WAV", "FLAC", "OGG"]))
    file = io.BytesIO()
    soundfile.write(file, np.stack([babble(0, seconds=0.6)] * 2, axis=1), RATE, format=kind)
    damaged = bytearray(file.getvalue())
    for share, value in flips:
        damaged[min(int(share * len(damaged)), len(damaged) - 1)] = value
    raw = tmp_path_factory.mktemp("damage")
    (raw / f"a.{kind.lower()}").write_bytes(damaged[: int(cut * len(damaged)) + 1])
    rows = pd.DataFrame({"corpus": "east", "utterance_id": ["a"], "source_path": [f"a.{kind.lower()}"]})
    rows = rows.reindex(columns=["corpus", "utterance_id", "source_path", "emotion", "speaker_id", "fold"])
    heard = recording_measures.measure_recordings(rows, raw)
    assert pd.isna(heard.loc[0, "seconds"]) == pd.notna(heard.loc[0, "error"])
    checks.find_faults(rows, heard)
    scores.shortcut_scores(rows, heard, {})


@pytest.mark.parametrize("path", ["../secret.wav", "/etc/passwd.wav", "a\0b.wav", None, "list.csv"])
def test_nothing_outside_the_folder_is_opened(path, tmp_path):
    (tmp_path / "raw").mkdir()
    soundfile.write(tmp_path / "secret.wav", babble(0), RATE)
    heard = recording_measures.measure_recordings(pd.DataFrame({"source_path": [path]}), tmp_path / "raw")
    assert heard["seconds"].isna().all()


def test_measures_are_cached_by_content(study, monkeypatch):
    manifest, raw = study
    manifest.loc[5, "start"] = 0.2
    manifest.loc[6, "source_path"] = "east/gone.wav"
    first = recording_measures.measure_recordings(manifest, raw, raw / "store", jobs=2)
    opened = []
    hear = recording_measures._measure_segment
    monkeypatch.setattr(
        recording_measures,
        "_measure_segment",
        lambda folder, segment: opened.append(segment[0]) or hear(folder, segment),
    )
    manifest.loc[0, "source_path"] = (
        place(study).rename(place(study).with_name("moved.wav")).relative_to(raw).as_posix()
    )
    second = recording_measures.measure_recordings(manifest.iloc[::-1], raw, raw / "store")
    assert opened == ["east/gone.wav"]  # tried again
    pd.testing.assert_frame_equal(first, second.iloc[::-1])
    manifest.loc[7, "end"] = 0.5
    recording_measures.measure_recordings(manifest, raw, raw / "store")
    assert len(opened) == 3
    assert first.loc[5, "seconds"] == pytest.approx(0.5)


def test_two_studies_can_measure_at_the_same_time(study, monkeypatch):
    manifest, raw = study
    load = recording_measures._load
    monkeypatch.setattr(recording_measures, "_load", lambda place: load(None))
    before = recording_measures.measure_recordings(manifest, raw, raw / "store")
    monkeypatch.setattr(recording_measures, "_load", load)
    kept = raw / "store" / f"measures-{recording_measures.VERSION}.parquet"
    sealed.write_table(kept, kept.name, pd.concat([pd.read_parquet(kept)] * 2))
    pd.testing.assert_frame_equal(recording_measures.measure_recordings(manifest, raw, raw / "store"), before)


def test_a_damaged_cache_of_measures_is_deleted(study):
    manifest, raw = study
    before = recording_measures.measure_recordings(manifest, raw, raw / "store")
    kept = raw / "store" / f"measures-{recording_measures.VERSION}.parquet"
    kept.write_bytes(kept.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=f"deleted: .*{kept.name}: damaged .*measured again"):
        pd.testing.assert_frame_equal(recording_measures.measure_recordings(manifest, raw, raw / "store"), before)
    assert len(pd.read_parquet(kept)) == len(manifest)


def test_measures_before_an_interruption_are_cached(study, monkeypatch):
    manifest, raw = study
    monkeypatch.setattr(recording_measures, "BATCH_RECORDINGS", 10)
    hear, count = recording_measures._measure_segment, iter(range(1000))

    def interrupted(*arguments):
        if next(count) == 25:
            raise KeyboardInterrupt
        return hear(*arguments)

    monkeypatch.setattr(recording_measures, "_measure_segment", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recording_measures.measure_recordings(manifest, raw, raw / "store")
    assert len(pd.read_parquet(raw / "store" / f"measures-{recording_measures.VERSION}.parquet")) == 20


def test_the_beginning_of_a_very_long_recording_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(recording_measures, "MAX_SECONDS", 1)
    soundfile.write(tmp_path / "a.wav", np.tile(babble(0, seconds=1.0), 3)[: round(2.5 * RATE)], RATE)
    heard = recording_measures.measure_recordings(pd.DataFrame({"source_path": ["a.wav"]}), tmp_path).loc[0]
    assert (heard["seconds"], heard["complete_share"]) == (2.5, 1.0)
    assert np.isnan(heard["trail_s"])


def test_containers_are_measured(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        track = file.add_stream("aac", rate=16_000, layout="mono")
        sound = np.tile(babble(0, seconds=1.0), 4).astype("float32")[None]
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for packet in (*track.encode(frame), *track.encode(None)):
            file.mux(packet)
    heard = recording_measures.measure_recordings(pd.DataFrame({"source_path": ["a.mp4"]}), tmp_path).loc[0]
    assert heard["seconds"] == pytest.approx(audio.header(tmp_path / "a.mp4").seconds, abs=0.1)
    assert heard["complete_share"] > 0.99
    assert heard["error"] is None or pd.isna(heard["error"])


def test_the_command_measures_recordings_with_audio_folder(study, capsys):
    manifest, raw = study
    silent(place(study))
    manifest.to_parquet(raw / "manifest.parquet")
    assert command.main(["audit", str(raw / "manifest.parquet")]) == 0
    message = capsys.readouterr().out
    assert "damaged recordings: these checks need --audio FOLDER" in message
    assert "silent recording" not in message
    assert command.main(["audit", str(raw / "manifest.parquet"), "--audio", str(raw)]) == 0
    message = capsys.readouterr().out
    assert "warning: silent recording, east (1 of 32)" in message
    assert "need --audio" not in message
    assert "loudness" in message[message.index("Shortcut scores") :]
