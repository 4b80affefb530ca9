"""Copies with another speed, pitch, room or background are found; other takes, beeps and speakers are not."""

import os
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import audio_alterations
from mer.corpora.synthetic.clip import RATE, Clip
from mer.corpora.synthetic.voice import speak
from mer.dataset.audit.copies import altered_copies, exact_copies, near_duplicates, spectral_sketches
from mer.dataset.audit.copies.alignments import align
from mer.dataset.audit.copies.fingerprints import RATE_HZ
from mer.dataset.audit.copies.spectral_sketches import VECTOR, Sketch, sketch
from mer.media.audio import read_mono

REAL = Path(os.environ.get("MER_REAL_CORPORA", ""))
real = pytest.mark.skipif(
    not os.environ.get("MER_REAL_CORPORA"), reason="MER_REAL_CORPORA does not name a folder of real recordings"
)
VOICES = 24


def voice(number, **changes):
    clip = {"corpus": "x", "name": f"clip {number}", "path": "", "speaker": f"{number % 5}", "gender": "female"}
    clip |= {"emotion": ("anger", "sadness")[number % 2], "sentence": f"sentence {number}"}
    made = speak(Clip(**clip | changes), seed=1, shift=1.0)
    return soxr.resample(made, RATE, audio_alterations.RATE)


@pytest.fixture(scope="module")
def voices():
    return [voice(number) for number in range(VOICES)]


def disguised(clip, kind, seed=0):
    clip = audio_alterations.KINDS[kind](
        clip.astype("float64"), np.random.default_rng([seed, zlib.crc32(kind.encode())])
    )
    clip = clip / max(1.0, float(np.abs(clip).max()))
    return np.round(clip * 32_767).astype("float32") / 32_768


def heard(clips, rate=audio_alterations.RATE):
    return [
        near_duplicates.fingerprint_recording(soxr.resample(np.asarray(clip, "float32"), rate, RATE_HZ))
        for clip in clips
    ]


def both(pairs):
    return set(zip(pairs["first"], pairs["second"], strict=True))


@pytest.mark.parametrize("kind", ["speed .95", "pitch 1.05", "stretch .95", "room", "chords 10 dB", "low-pass 1.5 kHz",
                                  "speed, pink noise, mp3"])  # fmt: skip
def test_altered_copies_only_are_found(voices, kind):
    findings = both(
        near_duplicates.match(heard([*voices, *(disguised(clip, kind, n) for n, clip in enumerate(voices))]))
    )
    truth = {(number, VOICES + number) for number in range(VOICES)}
    assert findings <= truth
    assert len(findings) >= 0.9 * VOICES


@pytest.mark.parametrize(("kind", "speed", "pitch"), [
    ("speed .95", 0.95, 0.95), ("speed 1.05", 1.05, 1.05), ("pitch .95", 1.0, 0.95), ("stretch 1.05", 1.05, 1.0),
])  # fmt: skip
def test_speed_pitch_and_shift_are_estimated(voices, kind, speed, pitch):
    cut = audio_alterations.RATE // 4
    pairs = near_duplicates.match(heard([*voices[:8], *(disguised(clip[cut:], kind) for clip in voices[:8])]))
    assert len(pairs) == 8
    assert pairs["speed"].median() == pytest.approx(speed, abs=0.011)
    assert pairs["pitch"].median() == pytest.approx(pitch, abs=0.012)
    assert pairs["shift"].median() == pytest.approx(0.25, abs=0.05)
    assert pairs["seconds"].between(0.1, 3).all()
    assert pairs["errors"].between(0, 0.11).all()


@pytest.mark.parametrize("speed", [0.85, 0.9, 1.1, 1.15])
def test_copies_at_speeds_of_augmentation_are_found(voices, speed):
    cut = audio_alterations.RATE // 4
    sped = [audio_alterations.sped(clip[cut:].astype("float64"), speed) for clip in voices]
    pairs = near_duplicates.match(heard([*voices, *sped]))
    assert both(pairs) <= {(number, VOICES + number) for number in range(VOICES)}
    assert len(pairs) >= 0.9 * VOICES
    assert pairs["speed"].median() == pytest.approx(speed, abs=0.011)
    assert pairs["pitch"].median() == pytest.approx(speed, abs=0.015)
    assert pairs["shift"].median() == pytest.approx(0.25, abs=0.06)


def test_exact_copies_keep_their_alignment_and_are_not_searched_again(voices):
    clips = heard([*voices, *(clip[4_000:] for clip in voices)])
    pairs = near_duplicates.match(clips)
    exact = exact_copies.pairs([prints for prints, _ in clips])
    assert len(exact) == VOICES
    assert pairs[exact.columns].equals(exact)
    assert (pairs[["speed", "pitch"]] == 1).all(axis=None)
    assert altered_copies.pairs([one for _, one in clips], both(exact)).empty


def test_takes_of_one_sentence_by_one_speaker_are_no_copies():
    same = {"speaker": "1", "emotion": "anger", "sentence": "the same"}
    assert near_duplicates.match(heard([voice(number, **same) for number in range(60)])).empty


def test_the_same_music_under_different_voices_is_no_copy(voices):
    music = audio_alterations.band(np.zeros(10 * audio_alterations.RATE), np.random.default_rng(0))
    assert near_duplicates.match(heard([audio_alterations.mixed(clip, music) for clip in voices])).empty


def test_concatenated_halves_share_too_little(voices):
    third = [clip[: len(clip) // 3] for clip in voices[:8]]
    pairs = near_duplicates.match(heard([np.concatenate([a, b]) for a in third[:1] for b in voices[8:16]]))
    assert pairs.empty


def test_an_altered_clip_within_a_long_recording_is_found(voices):
    voices = [clip / np.std(clip) / 10 for clip in voices]
    long = np.concatenate([*voices[:12], np.zeros(audio_alterations.RATE), *voices[12:]])
    pairs = near_duplicates.match(heard([long, *(disguised(clip, "speed .95") for clip in voices[:12])]))
    assert both(pairs) == {(0, number) for number in range(1, 13)}
    starts = np.cumsum([0, *map(len, voices[:11])]) / audio_alterations.RATE
    assert np.abs(pairs["shift"] - starts[pairs["second"] - 1]).max() < 0.05


BEEPS = {
    "hum": lambda times, chance: np.sin(2 * np.pi * 50 * times + chance.uniform(0, 6)),
    "dialling": lambda times, _: np.sin(2 * np.pi * 350 * times) + np.sin(2 * np.pi * 440 * times),
    "busy": lambda times, chance: np.sin(2 * np.pi * 425 * times) * ((times + chance.uniform(0, 1)) % 1 < 0.5),
    "engaged": lambda times, _: (np.sin(2 * np.pi * 480 * times) + np.sin(2 * np.pi * 620 * times)) * (times % 1 < 0.5),
    "hiss": lambda times, chance: chance.normal(size=len(times)),
    "a click": lambda times, chance: times == times[chance.integers(len(times))],
    "near silence": lambda times, chance: 1e-4 * chance.normal(size=len(times)),
    "nothing": lambda times, _: np.zeros(len(times)),
    "a constant": lambda times, _: np.ones(len(times)),
}


@pytest.mark.filterwarnings("error")
def test_tones_noise_and_silence_are_no_copies():
    chance = np.random.default_rng(0)
    times = [np.arange(round(seconds * RATE_HZ)) / RATE_HZ for seconds in (0.05, 0.3, 1, 2, 4)]
    clean = [0.1 * make(each, chance) for make in BEEPS.values() for each in times]
    noisy = [0.1 * make(each, chance) + 1e-4 * chance.normal(size=len(each))
             for make in BEEPS.values() for each in times[2:] for _ in range(3)]  # fmt: skip
    assert altered_copies.pairs([sketch(clip.astype("float32")) for clip in [*clean, *noisy, np.zeros(1)]]).empty
    assert near_duplicates.match(heard(noisy, RATE_HZ)).empty
    assert near_duplicates.match([]).empty


def test_the_result_depends_on_the_recordings_only(voices):
    clips = heard([*voices, *(disguised(clip, "hall") for clip in voices)])
    first = near_duplicates.match(clips)
    assert first.equals(near_duplicates.match(clips))
    last = len(clips) - 1
    assert {(last - b, last - a) for a, b in both(near_duplicates.match(clips[::-1]))} == both(first)


def test_sketches_ignore_gain_polarity_and_offset(voices):
    clip = soxr.resample(voices[0], audio_alterations.RATE, RATE_HZ)
    one, other = sketch(clip), sketch(-0.01 * clip + 1e-7)
    assert np.abs(one.levels.astype(int) - other.levels).max() <= 1
    assert np.array_equal(one.moments, other.moments)
    assert len(one.vectors) > 2
    assert np.linalg.norm(one.vectors, axis=1) == pytest.approx(1, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), min_size=1, max_size=5), st.integers(0, 99))
def test_any_sketches_can_be_compared(shapes, seed):
    chance = np.random.default_rng(seed)
    made = []
    for frames, count in shapes:
        moments = np.sort(chance.choice(frames, min(count, frames), replace=False)).astype("int32")
        vectors = np.eye(VECTOR, dtype="float32")[np.zeros(len(moments), int)]
        levels = chance.integers(0, 256, (frames, spectral_sketches.BANDS), "uint8")
        made.append(Sketch(levels, chance.uniform(0, 1, frames).astype("float32"), moments, vectors, vectors, 65.0))
    pairs = altered_copies.pairs(made)
    assert (pairs["first"] < pairs["second"]).all()
    assert not pairs.duplicated(["first", "second"]).any()
    for one in made:
        for moment in one.moments:
            match = align(one, one, moment, moment)
            assert match.score <= 1
            assert match.score == 0 or (match.speed, match.shift) == (1.0, 0.0)


CHOSEN = {"emodb": 40, "nEMO": 80, "RAVDESS/Actor_02": 60, "RAVDESS/Actor_17": 60, "TurEV-DB": 60, "EmoSpeech-IN": 60}
"""The corpora whose takes of one sentence are the most similar."""


def some(count):
    for folder, most in CHOSEN.items():
        paths = sorted((REAL / folder).rglob("*.flac"))
        yield from paths[:: max(1, len(paths) // min(count, most))][: min(count, most)]


def hidden(kinds, count, rows):
    """Share of clips found by kind, and pairs of different recordings."""
    paths = list(some(count))
    originals = heard([read_mono(path, rate_hz=RATE_HZ) for path in paths], RATE_HZ)
    chosen = [number for number, path in enumerate(paths) if "emodb" in str(path) or "nEMO" in str(path)][::rows]
    shares, wrong = {}, []
    for kind in kinds:
        copies = [
            disguised(read_mono(paths[number], rate_hz=audio_alterations.RATE), kind, number) for number in chosen
        ]
        truth = {(number, len(paths) + at) for at, number in enumerate(chosen)}
        findings = both(near_duplicates.match([*originals, *heard(copies)]))
        shares[kind] = len(findings & truth) / len(truth)
        wrong += [(kind, paths[one].name, other) for one, other in findings - truth]
    return pd.Series(shares), wrong


@real
def test_altered_copies_are_found_among_real_recordings():
    kinds = ["speed 1.05", "pitch .95", "stretch .95", "hall", "babble 10 dB", "low-pass 1.5 kHz", "last half"]
    shares, wrong = hidden(kinds, 60, 4)
    assert wrong == []
    assert shares.min() >= 0.9, shares.to_dict()


@real
@pytest.mark.slow
def test_every_kind_of_copy_is_found_among_real_recordings():
    shares, wrong = hidden([kind for kind in audio_alterations.KINDS if "hall, low" not in kind], 80, 3)
    assert wrong == []
    assert shares.min() >= 0.9, shares.to_dict()


@real
@pytest.mark.slow
def test_no_two_clips_of_six_corpora_are_copies():
    paths = sorted(str(path.relative_to(REAL)) for path in REAL.rglob("*.flac"))
    assert len(paths) == 3_346
    findings = near_duplicates.find_near_duplicates(pd.DataFrame({"source_path": paths}), REAL, jobs=2)
    assert findings.unreadable.empty
    assert findings.pairs.empty


def test_altered_copies_become_pairs_of_rows(tmp_path, voices):
    names = ["a.wav", "b.wav", "c.wav", "d.wav"]
    clips = [voices[0], voices[1], disguised(voices[1], "pitch 1.05"), disguised(voices[0], "hall")]
    for name, clip in zip(names, clips, strict=True):
        soundfile.write(tmp_path / name, clip, audio_alterations.RATE)
    rows = pd.DataFrame({"source_path": ["none.wav", *names], "audio_ok": [True] * 5})
    findings = near_duplicates.find_near_duplicates(rows, tmp_path, jobs=2)
    assert findings.unreadable["row"].tolist() == [0]
    assert both(findings.pairs) == {(1, 4), (2, 3)}
    assert list(findings.pairs) == ["first", "second", "shift", "seconds", "errors", "speed", "pitch"]
