"""Transcripts of corpora without text: which recordings are transcribed, what is stored, and its source."""

import sys
import types
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer import features, files
from mer.features.text import transcripts, word_errors
from mer.media import speech_recognition
from mer.params.schema import Data, Params, TextFeatures, Transcripts
from tests.features.text.test_dialogue import REAL

SENTENCES = {"01": "kids are talking by the door", "02": "dogs are sitting by the door"}


def manifest(raw, names, **more):
    """A row per recording below `raw`, made where it is not there; `more` sets columns."""
    rows = []
    for i, name in enumerate(names):
        if not (raw / name).exists():
            soundfile.write(raw / name, np.random.default_rng(i).normal(0, 0.1, 4000), 16_000)
        rows.append({"utterance_id": f"c/{i}", "source_path": name, "audio_sha256": files.digest_file(raw / name)})
    plain = {"corpus": "c", "language": "en", "lexical_control": "free", "dialogue_id": None, "turn_index": None}
    plain |= {"speaker_id": "c_1", "exclude_reason": None, "transcription": None, "text_source": "none"}
    table = pd.DataFrame(rows).assign(**plain, start=None, end=None, duration=0.25, audio_ok=True).assign(**more)
    return table.astype({"transcription": "str", "text_source": "str", "exclude_reason": "str", "language": "str"})


@pytest.fixture
def whisper(monkeypatch):
    """A recogniser that returns the number of samples; `calls` are the batches that it was called with."""
    module, calls = types.ModuleType("mer.features.pretrained"), []

    def transcribe_whisper(samples, model, revision, device, context):
        calls.append((len(samples), model, revision, device))
        texts = ["" if not sound.any() else f" {len(sound)} samples\x1f, {sound.dtype}" for sound in samples]
        return [speech_recognition.Transcript(text, "en", 0.75) for text in texts]

    module.transcribe_whisper = transcribe_whisper
    module.whisper_languages = lambda model, revision: ("en",) if ".en" in model else None
    monkeypatch.setitem(sys.modules, "mer.features.pretrained", module)
    monkeypatch.setattr(features, "pretrained", module, raising=False)
    return calls


def transcribe(table, raw, recogniser="whisper", words=(), **options):
    tiny = {"model": "openai/whisper-tiny", "revision": "abc"} if recogniser == "whisper" else {}
    p = study({"recogniser": recogniser, **tiny, **options}, text=dict(words))
    return transcripts.transcribe(table, raw, raw / "store", p, features.Resources())


def study(transcripts, **inputs):
    return Params(name="x", corpora={"emodb": {}}, transcripts=transcripts, features=inputs)


def test_only_recordings_without_text_are_transcribed_and_only_once(tmp_path, whisper):
    table = manifest(tmp_path, ["a.wav", "b.wav", "c.wav", "d.wav", "e.wav"])
    table["transcription"] = ["Oh no!", None, " ", None, None]
    table.loc[3, "exclude_reason"] = "no class"
    table.loc[4, ["audio_ok", "audio_sha256"]] = [False, None]
    result = transcribe(table, tmp_path)
    assert result["utterance_id"].tolist() == ["c/1", "c/2"]
    assert result["transcription"].tolist() == ["4000 samples , float32"] * 2
    assert result["text_source"].tolist() == ["whisper openai/whisper-tiny@abc"] * 2
    assert result["reason"].isna().all()
    pd.testing.assert_frame_equal(transcribe(table, tmp_path), result)
    assert whisper == [(2, "openai/whisper-tiny", "abc", "cpu")]
    filled = transcripts.fill_in(table, result)
    assert filled["transcription"].tolist()[:3] == ["Oh no!", *["4000 samples , float32"] * 2]
    assert filled["text_source"].tolist()[:2] == ["none", "whisper openai/whisper-tiny@abc"]
    assert filled["transcription"][3:].isna().all()
    assert features.keys(filled, {"text": TextFeatures()})["text"] == ["Oh no!", *["4000 samples , float32"] * 2, None]


def test_excluded_turn_is_transcribed_if_it_is_context(tmp_path, whisper):
    turns = {"dialogue_id": "c_d", "turn_index": [0, 1]}
    table = manifest(tmp_path, ["a.wav", "b.wav"], **turns).astype({"turn_index": "Int64"})
    table.loc[0, "exclude_reason"] = "no class"
    assert len(transcribe(table, tmp_path)) == 1
    result = transcribe(table, tmp_path, words={"context": 1})
    keys = features.keys(transcripts.fill_in(table, result), {"text": TextFeatures(context=1)})
    assert keys["text"] == ["4000 samples , float32\x1f4000 samples , float32"]


def test_read_speech_is_transcribed_only_if_its_text_is_read(tmp_path, whisper):
    table = manifest(tmp_path, ["a.wav"], lexical_control="parallel")
    assert transcribe(table, tmp_path).empty
    assert not whisper
    result = transcribe(table, tmp_path, words={"lexical_control": ("parallel",)})
    assert len(result) == 1
    assert features.keys(transcripts.fill_in(table, result), {"text": TextFeatures()})["text"] == [
        None
    ]  # still read speech


def test_silent_and_damaged_recordings_have_a_reason(tmp_path, whisper):
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), 16_000)
    (tmp_path / "damaged.wav").write_bytes(b"not audio at all")
    table = manifest(tmp_path, ["silent.wav", "damaged.wav"])
    result = transcribe(table, tmp_path)
    assert result["reason"][0] == "no words recognised"
    assert "not readable" in result["reason"][1]
    assert result["transcription"].isna().all()
    assert result["text_source"].isna().all()
    filled = transcripts.fill_in(table, result)
    assert filled.pop("recognised").isna().all()
    pd.testing.assert_frame_equal(filled, table)


def test_interruption_loses_one_batch_and_another_recogniser_transcribes_again(tmp_path, whisper, monkeypatch):
    monkeypatch.setattr(transcripts.RecognisedTexts, "shard", 2)
    table = manifest(tmp_path, [f"{i}.wav" for i in range(5)])
    original = sys.modules["mer.features.pretrained"].transcribe_whisper

    def stops(samples, *rest):
        if len(whisper) == 2:
            raise KeyboardInterrupt
        return original(samples, *rest)

    monkeypatch.setattr(sys.modules["mer.features.pretrained"], "transcribe_whisper", stops)
    with pytest.raises(KeyboardInterrupt):
        transcribe(table, tmp_path)
    monkeypatch.setattr(sys.modules["mer.features.pretrained"], "transcribe_whisper", original)
    assert transcribe(table, tmp_path)["transcription"].notna().all()
    assert [count for count, *_ in whisper] == [2, 2, 1]
    transcribe(table, tmp_path, model="openai/whisper-base")
    assert [count for count, *_ in whisper] == [2, 2, 1, 2, 2, 1]


def test_source_of_a_folder_is_its_digest(tmp_path, whisper):
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(b"1")
    sources = []
    for content in (b"1", b"2", b"1"):
        (model / "weights").write_bytes(content)
        section = Transcripts(recogniser="whisper", model=str(model))
        sources.append(transcripts.source(transcripts.spec(section, Data())))
    assert sources[0] == sources[2] != sources[1]
    assert str(tmp_path) not in sources[0]


def test_nothing_is_transcribed_without_a_recogniser(tmp_path):
    result = transcribe(manifest(tmp_path, ["a.wav"]), tmp_path, "none")
    assert result.empty
    assert list(result.columns) == transcripts.COLUMNS


def test_other_languages_have_a_reason(tmp_path):
    result = transcribe(manifest(tmp_path, ["a.wav", "b.wav"], language=["de", None]), tmp_path, "pocketsphinx")
    assert result["reason"].tolist() == [
        "pocketsphinx recognises English only, and the language is de",
        "pocketsphinx recognises English only, and the language is unknown",
    ]
    assert not (tmp_path / "store").exists()  # and nothing was loaded for it


def test_missing_package_message_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(files.MissingPackage, match=r'-e "\.\[asr\]"'):
        transcribe(manifest(tmp_path, ["a.wav"]), tmp_path, "pocketsphinx")


def test_pocketsphinx_transcribes_nothing_in_silence_and_accepts_any_samples(tmp_path):
    pytest.importorskip("pocketsphinx")
    recognise = speech_recognition.open_pocketsphinx()
    for samples in (np.zeros(0), np.zeros(1), np.zeros(8000), np.full(800, 9.0), np.full(800, -9.0)):
        assert isinstance(recognise(samples.astype(np.float32)), str)
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), 16_000)
    assert transcribe(manifest(tmp_path, ["silent.wav"]), tmp_path, "pocketsphinx")["reason"].tolist() == [
        "no words recognised"
    ]


def test_detected_language_is_stored_and_another_one_is_reported(tmp_path, whisper):
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), 16_000)
    table = manifest(tmp_path, ["a.wav", "b.wav", "silent.wav"], language=["en", "de", "de"])
    result = transcribe(table, tmp_path)
    assert result["recognised_language"].fillna("").tolist() == ["en", "en", ""]
    assert result["language_probability"].fillna(0).tolist() == [0.75, 0.75, 0]
    pd.testing.assert_frame_equal(transcribe(table, tmp_path), result)
    assert transcripts.notices(result) == ["transcripts: in 1 of 1 recordings of c another language than de is "
                                           "detected"]  # fmt: skip


def test_english_only_network_transcribes_no_other_language(tmp_path, whisper):
    table = manifest(tmp_path, ["a.wav", "b.wav", "c.wav"], language=["en", "de", None])
    result = transcribe(table, tmp_path, model="openai/whisper-tiny.en")
    assert result["transcription"].notna().tolist() == [True, False, False]
    name = "whisper openai/whisper-tiny.en recognises English only, and the language is"
    assert result["reason"].tolist()[1:] == [f"{name} de", f"{name} unknown"]
    assert [count for count, *_ in whisper] == [1]
    assert transcripts.notices(result) == ["transcripts: 2 recordings of c have none, because the recogniser knows "
                                           "English only and their language is de, unknown"]  # fmt: skip


def test_input_may_read_the_recognised_text_of_rows_with_text(tmp_path, whisper):
    table = manifest(tmp_path, ["a.wav", "b.wav"])
    table["transcription"] = ["Oh no!", None]
    p = study({"recogniser": "whisper", "model": "m"}, text={}, heard={"modality": "text", "transcript": "recognised"})
    result = transcripts.transcribe(table, tmp_path, tmp_path / "store", p, features.Resources())
    assert len(result) == 2
    keys = features.keys(transcripts.fill_in(table, result), p.features)
    assert {name: keys[name] for name in ("text", "heard")} == {
        "text": ["Oh no!", "4000 samples , float32"],
        "heard": ["4000 samples , float32"] * 2,
    }


def test_input_of_recognised_text_needs_a_recogniser():
    with pytest.raises(ValueError, match=r"features\.heard\.transcript: `recognised` needs a recogniser"):
        study({"recogniser": "none"}, heard={"modality": "text", "transcript": "recognised"})


def test_context_of_the_encoder_starts_anew(tmp_path, whisper):
    table = manifest(tmp_path, ["a.wav"])
    transcribe(table, tmp_path)
    transcribe(table, tmp_path, context="clip")
    assert len(whisper) == 2


@pytest.mark.skipif(not REAL, reason="set MER_REAL_CORPORA")
def test_pocketsphinx_transcript_of_real_speech_does_not_depend_on_other_recordings(tmp_path):
    """At most two of six words are wrong, and earlier recordings do not change the transcript."""
    names = ["Actor_15/03-01-02-02-02-01-15.flac", "Actor_11/03-01-08-01-01-01-11.flac"]
    raw = Path(REAL) / "RAVDESS"
    table = manifest(raw, names, lexical_control="parallel", duration=4.0)
    p = study({"recogniser": "pocketsphinx"}, text={"lexical_control": ("free", "parallel"), "context": 2})
    result = transcripts.transcribe(table, raw, tmp_path, p, features.Resources())
    for name, text in zip(names, result["transcription"], strict=True):
        sentence = SENTENCES[Path(name).stem.split("-")[4]]
        assert word_errors.edit_distance(sentence, text) <= 2, text
    assert set(result["text_source"]) == {f"pocketsphinx {version('pocketsphinx')}"}
    alone = transcripts.transcribe(table[1:], raw, tmp_path / "again", p, features.Resources(jobs=2))
    assert alone["transcription"].tolist() == result["transcription"].tolist()[1:]
    assert (
        features.keys(transcripts.fill_in(table, result), {"text": p.features["text"]})["text"]
        == result["transcription"].tolist()
    )
