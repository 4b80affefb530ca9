"""Words for corpora that come without: who is asked, what is kept, what is said of its source."""

import sys
import types
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer import features, files
from mer.features.text import transcripts
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
    """A recogniser that hears how many samples there are; `calls` are the batches it was given."""
    module, calls = types.ModuleType("mer.features.pretrained"), []

    def transcribe_whisper(samples, model, revision, device):
        calls.append((len(samples), model, revision, device))
        return ["" if not sound.any() else f" {len(sound)} samples\x1f, {sound.dtype}" for sound in samples]

    module.transcribe_whisper = transcribe_whisper
    monkeypatch.setitem(sys.modules, "mer.features.pretrained", module)
    monkeypatch.setattr(features, "pretrained", module, raising=False)
    return calls


def ask(table, raw, recogniser="whisper", words=(), **options):
    tiny = {"model": "openai/whisper-tiny", "revision": "abc"} if recogniser == "whisper" else {}
    p = study({"recogniser": recogniser, **tiny, **options}, text=dict(words))
    return transcripts.transcribe(table, raw, raw / "store", p, features.Resources())


def study(transcripts, **inputs):
    return Params(name="x", corpora={"emodb": {}}, transcripts=transcripts, features=inputs)


def test_only_recordings_without_words_are_asked_and_once(tmp_path, whisper):
    table = manifest(tmp_path, ["a.wav", "b.wav", "c.wav", "d.wav", "e.wav"])
    table["transcription"] = ["Oh no!", None, " ", None, None]
    table.loc[3, "exclude_reason"] = "no class"
    table.loc[4, ["audio_ok", "audio_sha256"]] = [False, None]
    told = ask(table, tmp_path)
    assert told["utterance_id"].tolist() == ["c/1", "c/2"]
    assert told["transcription"].tolist() == ["4000 samples , float32"] * 2
    assert told["text_source"].tolist() == ["whisper openai/whisper-tiny@abc"] * 2
    assert told["reason"].isna().all()
    pd.testing.assert_frame_equal(ask(table, tmp_path), told)
    assert whisper == [(2, "openai/whisper-tiny", "abc", "cpu")]
    filled = transcripts.fill_in(table, told)
    assert filled["transcription"].tolist()[:3] == ["Oh no!", *["4000 samples , float32"] * 2]
    assert filled["text_source"].tolist()[:2] == ["none", "whisper openai/whisper-tiny@abc"]
    assert filled["transcription"][3:].isna().all()
    assert features.keys(filled, {"text": TextFeatures()})["text"] == ["Oh no!", *["4000 samples , float32"] * 2, None]


def test_an_excluded_turn_is_asked_where_it_is_context(tmp_path, whisper):
    turns = {"dialogue_id": "c_d", "turn_index": [0, 1]}
    table = manifest(tmp_path, ["a.wav", "b.wav"], **turns).astype({"turn_index": "Int64"})
    table.loc[0, "exclude_reason"] = "no class"
    assert len(ask(table, tmp_path)) == 1
    told = ask(table, tmp_path, words={"context": 1})
    keys = features.keys(transcripts.fill_in(table, told), {"text": TextFeatures(context=1)})
    assert keys["text"] == ["4000 samples , float32\x1f4000 samples , float32"]


def test_read_speech_is_asked_only_where_its_text_may_be_used(tmp_path, whisper):
    table = manifest(tmp_path, ["a.wav"], lexical_control="parallel")
    assert ask(table, tmp_path).empty
    assert not whisper
    told = ask(table, tmp_path, words={"lexical_control": ("parallel",)})
    assert len(told) == 1
    assert features.keys(transcripts.fill_in(table, told), {"text": TextFeatures()})["text"] == [
        None
    ]  # still read speech


def test_silence_and_damage_are_listed_with_their_reasons(tmp_path, whisper):
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), 16_000)
    (tmp_path / "damaged.wav").write_bytes(b"not audio at all")
    table = manifest(tmp_path, ["silent.wav", "damaged.wav"])
    told = ask(table, tmp_path)
    assert told["reason"][0] == "no words recognised"
    assert "not readable" in told["reason"][1]
    assert told["transcription"].isna().all()
    assert told["text_source"].isna().all()
    pd.testing.assert_frame_equal(transcripts.fill_in(table, told), table)


def test_an_interruption_loses_one_part_and_another_recogniser_starts_anew(tmp_path, whisper, monkeypatch):
    monkeypatch.setattr(transcripts.RecognisedTexts, "shard", 2)
    table = manifest(tmp_path, [f"{i}.wav" for i in range(5)])
    hear = sys.modules["mer.features.pretrained"].transcribe_whisper

    def stops(samples, *rest):
        if len(whisper) == 2:
            raise KeyboardInterrupt
        return hear(samples, *rest)

    monkeypatch.setattr(sys.modules["mer.features.pretrained"], "transcribe_whisper", stops)
    with pytest.raises(KeyboardInterrupt):
        ask(table, tmp_path)
    monkeypatch.setattr(sys.modules["mer.features.pretrained"], "transcribe_whisper", hear)
    assert ask(table, tmp_path)["transcription"].notna().all()
    assert [count for count, *_ in whisper] == [2, 2, 1]
    ask(table, tmp_path, model="openai/whisper-base")
    assert [count for count, *_ in whisper] == [2, 2, 1, 2, 2, 1]


def test_a_folder_is_named_by_what_lies_in_it(tmp_path, whisper):
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


def test_nobody_is_asked_without_a_recogniser(tmp_path):
    told = ask(manifest(tmp_path, ["a.wav"]), tmp_path, "none")
    assert told.empty
    assert list(told.columns) == transcripts.COLUMNS


def test_other_languages_are_not_recognised_and_say_so(tmp_path):
    told = ask(manifest(tmp_path, ["a.wav", "b.wav"], language=["de", None]), tmp_path, "pocketsphinx")
    assert told["reason"].tolist() == [
        "pocketsphinx knows English only, the language is de",
        "pocketsphinx knows English only, the language is not known",
    ]
    assert not (tmp_path / "store").exists()  # and nothing was loaded for it


def test_a_missing_package_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(files.MissingPackage, match=r'-e "\.\[asr\]"'):
        ask(manifest(tmp_path, ["a.wav"]), tmp_path, "pocketsphinx")


def test_pocketsphinx_hears_nothing_in_silence_and_takes_any_samples(tmp_path):
    pytest.importorskip("pocketsphinx")
    recognise = speech_recognition.open_pocketsphinx()
    for samples in (np.zeros(0), np.zeros(1), np.zeros(8000), np.full(800, 9.0), np.full(800, -9.0)):
        assert isinstance(recognise(samples.astype(np.float32)), str)
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), 16_000)
    assert ask(manifest(tmp_path, ["silent.wav"]), tmp_path, "pocketsphinx")["reason"].tolist() == [
        "no words recognised"
    ]


@pytest.mark.skipif(not REAL, reason="set MER_REAL_CORPORA")
def test_pocketsphinx_recognises_real_speech_the_same_in_any_company(tmp_path):
    """Read by actors; at most two of six words are wrong, and what the decoder heard before does not matter."""
    names = ["Actor_15/03-01-02-02-02-01-15.flac", "Actor_11/03-01-08-01-01-01-11.flac"]
    raw = Path(REAL) / "RAVDESS"
    table = manifest(raw, names, lexical_control="parallel", duration=4.0)
    p = study({"recogniser": "pocketsphinx"}, text={"lexical_control": ("free", "parallel"), "context": 2})
    told = transcripts.transcribe(table, raw, tmp_path, p, features.Resources())
    for name, heard in zip(names, told["transcription"], strict=True):
        said = SENTENCES[Path(name).stem.split("-")[4]]
        assert speech_recognition.word_errors(said, heard) <= 2, heard
    assert set(told["text_source"]) == {f"pocketsphinx {version('pocketsphinx')}"}
    alone = transcripts.transcribe(table[1:], raw, tmp_path / "again", p, features.Resources(jobs=2))
    assert alone["transcription"].tolist() == told["transcription"].tolist()[1:]
    assert (
        features.keys(transcripts.fill_in(table, told), {"text": p.features["text"]})["text"]
        == told["transcription"].tolist()
    )
