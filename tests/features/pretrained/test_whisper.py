import numpy as np
import pytest
import torch
import transformers

from mer.features.pretrained import locations
from mer.features.pretrained.loading import WeightMismatch
from mer.features.pretrained.whisper import transcribe_whisper
from tests.features.pretrained import tiny

RATE = 16_000


def clips(*seconds):
    rng = np.random.default_rng(3)
    return [
        (np.sin(np.arange(round(s * RATE)) * rng.uniform(0.05, 1.5)) * rng.uniform(0.1, 0.9)).astype("f4")
        for s in seconds
    ]


def by_hand(folder, sound, prompt):
    """The likeliest token at every step, with nothing of transformers' own search."""
    network = transformers.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    prepare = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    spectrum = prepare(sound, sampling_rate=RATE, return_tensors="pt").input_features
    tokens = list(prompt)
    with torch.inference_mode():
        heard = network.model.encoder(spectrum)
        while len(tokens) < tiny.STEPS + len(prompt) and tokens[-1] != tiny.END:
            logits = network(encoder_outputs=heard, decoder_input_ids=torch.tensor([tokens])).logits[0, -1]
            logits[tiny.START :] = -np.inf
            tokens.append(int(logits.argmax()))
    words = transformers.WhisperTokenizer.from_pretrained(folder).decode(tokens, skip_special_tokens=True)
    return words.strip()


def test_transcript_is_the_greedy_one_and_independent_of_other_clips(tmp_path):
    folder, sounds = tiny.recogniser(tmp_path), clips(0.5, 3.0, 1.0)
    words = transcribe_whisper(sounds, str(folder))
    assert words == [by_hand(folder, sound, [tiny.START, tiny.UNTIMED]) for sound in sounds]
    assert words == [transcribe_whisper([sound], str(folder))[0] for sound in sounds]
    assert len(set(words)) > 1
    assert transcribe_whisper([], str(folder)) == []


def test_long_clip_is_transcribed_in_chunks(tmp_path):
    folder, [long] = tiny.recogniser(tmp_path), clips(31)
    halves = transcribe_whisper([long[: len(long) // 2], long[len(long) // 2 :]], str(folder))
    assert transcribe_whisper([long], str(folder)) == [" ".join(filter(None, halves))]


def test_multilingual_network_transcribes_and_does_not_translate(tmp_path):
    folder, [sound] = tiny.recogniser(tmp_path, languages=True), clips(1.0)
    [found] = transcribe_whisper([sound], str(folder))
    for task, expected in ((tiny.TRANSCRIBE, True), (tiny.TRANSLATE, False)):
        prompts = [[tiny.START, language, task, tiny.UNTIMED] for language in (tiny.ENGLISH, tiny.GERMAN)]
        assert (found in [by_hand(folder, sound, prompt) for prompt in prompts]) == expected


def test_other_networks_are_refused(tmp_path):
    with pytest.raises(WeightMismatch, match=r"transcripts\.model: .* is a Wav2Vec2Model, and not Whisper"):
        transcribe_whisper(clips(1.0), str(tiny.sound(tmp_path)))
    with pytest.raises(locations.NetworkNotFound, match=r"transcripts\.model"):
        transcribe_whisper(clips(1.0), str(tmp_path / "nowhere"))
