import os
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from mer.features.pretrained import locations, whisper, whisper_search
from mer.features.pretrained.loading import WeightMismatch
from mer.features.pretrained.whisper import transcribe_whisper
from mer.media import audio
from mer.media.speech_recognition import Transcript
from tests.features.pretrained import tiny

RATE = 16_000
CORPORA, ENCODERS = (os.environ.get(name) for name in ("MER_REAL_CORPORA", "MER_REAL_ENCODERS"))
real = pytest.mark.skipif(not (CORPORA and ENCODERS), reason="set MER_REAL_CORPORA and MER_REAL_ENCODERS")
SPOKEN = {"RAVDESS/Actor_15/03-01-02-02-02-01-15.flac": "Dogs are sitting by the door.",
          "RAVDESS/Actor_11/03-01-08-01-01-01-11.flac": "Kids are talking by the door.",
          "CREMA-D/AudioWAV/1050_TIE_SAD_XX.flac": "That is exactly what happened."}  # fmt: skip


def clips(*seconds):
    rng = np.random.default_rng(3)
    return [
        (np.sin(np.arange(round(s * RATE)) * rng.uniform(0.05, 1.5)) * rng.uniform(0.1, 0.9)).astype("f4")
        for s in seconds
    ]


def recordings(*names):
    return [audio.read_mono(Path(CORPORA) / name) for name in names]


def tokens_by_hand(folder, sound, prompt):
    """The most probable token at every step up to the end, with nothing of transformers' own search."""
    network = transformers.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    prepare = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    spectrum = prepare(sound, sampling_rate=RATE, return_tensors="pt").input_features
    tokens = list(prompt)
    with torch.inference_mode():
        frames = network.model.encoder(spectrum)
        while len(tokens) < tiny.STEPS and tokens[-1] != tiny.END:
            logits = network(encoder_outputs=frames, decoder_input_ids=torch.tensor([tokens])).logits[0, -1]
            logits[tiny.START :] = -np.inf
            tokens.append(int(logits.argmax()))
    return [token for token in tokens[len(prompt) :] if token != tiny.END]


@pytest.mark.parametrize("context", ["full", "clip"])
def test_search_is_greedy_and_independent_of_other_clips(tmp_path, context):
    folder, sounds = tiny.recogniser(tmp_path), clips(0.5, 3.0, 1.0, 2.0, 1.5)
    recogniser = whisper._open(str(folder), None, "cpu")
    result = recogniser.run(sounds, context)
    for sound, one in zip(sounds, result, strict=True):
        [alone] = recogniser.run([sound], context)
        assert alone.tokens == one.tokens
        assert alone.log_probability == pytest.approx(one.log_probability, rel=1e-4)
        if context == "full":
            assert one.tokens == tokens_by_hand(folder, sound, [tiny.START, tiny.UNTIMED])
    assert sum(one.finished for one in result) >= (4 if context == "full" else 1)  # finished rows have left the batch
    assert len({len(one.tokens) for one in result}) >= (3 if context == "full" else 2)
    assert transcribe_whisper([], str(folder)) == []


def test_unfinished_rows_stop_at_their_own_limits(tmp_path, monkeypatch):
    recogniser = whisper._open(str(tiny.recogniser(tmp_path)), None, "cpu")
    sounds = clips(0.5, 3.0, 1.0)
    longest = recogniser.run(sounds, "full")
    limits = iter([1, 9, 3])
    monkeypatch.setattr(whisper, "_max_tokens", lambda samples: next(limits))
    shorter = recogniser.run(sounds, "full")
    assert [one.tokens for one in shorter] == [one.tokens[:n] for one, n in zip(longest, (1, 9, 3), strict=True)]
    assert not any(one.finished for one in shorter)


def test_multilingual_network_detects_the_language_and_does_not_translate(tmp_path):
    folder, sounds = tiny.recogniser(tmp_path, languages=True), clips(1.0, 2.0)
    recogniser = whisper._open(str(folder), None, "cpu")
    for sound, one in zip(sounds, recogniser.run(sounds, "full"), strict=True):
        language = {"en": tiny.ENGLISH, "de": tiny.GERMAN}[one.language]
        assert 0.5 <= one.language_probability <= 1
        assert one.tokens == tokens_by_hand(folder, sound, [tiny.START, language, tiny.TRANSCRIBE, tiny.UNTIMED])
        assert one.tokens != tokens_by_hand(folder, sound, [tiny.START, language, tiny.TRANSLATE, tiny.UNTIMED])
    assert whisper.whisper_languages(str(folder)) is None
    assert whisper.whisper_languages(str(tiny.recogniser(tmp_path / "other"))) == ("en",)


@pytest.mark.parametrize("pauses", [(20.0,), (16.0, 44.0, 60.0), (29.5, 55.0)])
def test_long_recordings_are_cut_in_pauses(pauses):
    seconds = 75.0 if len(pauses) > 1 else 40.0
    samples = np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)
    for pause in pauses:
        samples[round(pause * RATE) : round((pause + 0.4) * RATE)] *= 0.01
    cuts = whisper._cuts(samples)
    assert [start for start, _ in cuts[1:]] == [stop for _, stop in cuts[:-1]]
    assert (cuts[0][0], cuts[-1][1]) == (0, len(samples))
    assert all(0 < stop - start <= whisper.MAX_SAMPLES for start, stop in cuts)
    edges = [start / RATE for start, _ in cuts[1:]]
    assert [any(pause < edge < pause + 0.4 for pause in pauses) for edge in edges] == [True] * len(edges)


def test_recordings_up_to_30_seconds_are_not_cut():
    assert whisper._cuts(np.zeros(whisper.MAX_SAMPLES, np.float32)) == [(0, whisper.MAX_SAMPLES)]
    assert whisper._cuts(np.zeros(0, np.float32)) == [(0, 0)]
    assert len(whisper._cuts(np.zeros(whisper.MAX_SAMPLES + 1, np.float32))) == 2


class Letters:
    """A tokenizer whose tokens are the letters themselves."""

    def decode(self, tokens, skip_special_tokens):
        return "".join(map(chr, tokens))


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (" No, no, no! ", {}, "No, no, no!"),
        ("[BLANK_AUDIO]", {}, ""),
        ("(screaming) Help! ♪", {}, "Help!"),
        (" . . . ", {}, ""),
        ("I am going. " * 12, {}, ""),
        ("I am going." + " I am going." * 11, {"limit": 400}, "I am going." + " I am going." * 11),
        ("and so on", {"finished": False}, ""),
        ("you", {"no_speech": 0.7, "log_probability": -9.0}, ""),
        ("you", {"no_speech": 0.7, "log_probability": -2.0}, "you"),
        ("you", {"no_speech": 0.9, "log_probability": -2.0}, ""),
        ("you", {"no_speech": 0.5, "log_probability": -9.0}, "you"),
    ],
)
def test_texts_that_are_no_words_are_left_out(text, options, words):
    recogniser = whisper._Recogniser(None, None, Letters(), None, [])
    result = whisper_search.Hypothesis(**{"tokens": list(map(ord, text)), "limit": 160, "finished": True, **options})
    assert recogniser.transcript([result]).text == words


def test_long_recording_has_the_text_of_its_chunks_and_the_language_of_the_first_with_words():
    recogniser = whisper._Recogniser(None, None, Letters(), None, [])
    one = lambda text, language: whisper_search.Hypothesis(99, list(map(ord, text)), 0.0, True, 0.0, language, 0.9)  # noqa: E731
    joined = recogniser.transcript([one("[MUSIC]", "la"), one("Hello", "en"), one("there", "de")])
    assert joined == Transcript("Hello there", "en", 0.9)


def test_long_clip_is_cut_into_chunks(tmp_path, monkeypatch):
    lengths = []
    run = whisper._Recogniser.run
    monkeypatch.setattr(whisper._Recogniser, "run",
                        lambda self, w, context: lengths.extend(map(len, w)) or run(self, w, context))  # fmt: skip
    transcribe_whisper(clips(29.9, 30.1, 0.2), str(tiny.recogniser(tmp_path)), context="clip")
    shortest, *parts, longest = sorted(lengths)
    assert (shortest, longest, sum(parts)) == (3200, 478_400, 481_600)
    assert len(parts) == 2  # one ends in the second half of the first 30 s


def test_other_networks_are_refused(tmp_path):
    with pytest.raises(WeightMismatch, match=r"transcripts\.model: .* is a Wav2Vec2Model, and not Whisper"):
        transcribe_whisper(clips(1.0), str(tiny.sound(tmp_path)))
    with pytest.raises(locations.NetworkNotFound, match=r"transcripts\.model"):
        transcribe_whisper(clips(1.0), str(tmp_path / "nowhere"))


@real
@pytest.mark.parametrize("context", ["full", "clip"])
def test_real_sentences_are_recognised(context):
    result = transcribe_whisper(recordings(*SPOKEN), f"{ENCODERS}/whisper-tiny.en", context=context)
    assert [one.text for one in result] == list(SPOKEN.values())


@real
def test_real_transcript_is_that_of_transformers():
    folder, [sound] = f"{ENCODERS}/whisper-tiny.en", recordings("RAVDESS/Actor_11/03-01-08-01-01-01-11.flac")
    recogniser = whisper._open(folder, None, "cpu")
    prepared = recogniser.feature_extractor(sound, sampling_rate=RATE, return_tensors="pt").input_features
    expected = recogniser.network.generate(prepared, do_sample=False, num_beams=1)[0].tolist()
    [one] = recogniser.run([sound], "full")
    assert [token for token in expected if token < recogniser.tokens.end] == one.tokens


@real
@pytest.mark.parametrize("context", ["full", "clip"])
def test_recordings_without_speech_have_no_words(context):
    rng = np.random.default_rng(0)
    silent = [np.zeros(0), np.zeros(100), np.zeros(3 * RATE), 1e-3 * rng.normal(size=3 * RATE),
              0.1 * rng.normal(size=3 * RATE)]  # fmt: skip
    result = transcribe_whisper([one.astype("f4") for one in silent], f"{ENCODERS}/whisper-tiny.en", context=context)
    assert [one.text for one in result] == [""] * len(silent)
