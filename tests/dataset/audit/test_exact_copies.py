"""Copies of synthetic voices are found after cutting, padding, resampling and encoding; other takes are not."""

import io
import itertools

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.corpora.synthetic.clip import RATE, Clip
from mer.corpora.synthetic.voice import speak
from mer.dataset.audit import checks
from mer.dataset.audit.copies import exact_copies, near_duplicates
from mer.dataset.audit.copies.fingerprints import RATE_HZ, SECONDS_PER_FRAME, WEAK, Fingerprint, fingerprint
from mer.dataset.audit.copies.near_duplicates import fingerprint_recording, match
from mer.dataset.manifest import schema
from tests.dataset.audit.manifests import clean

TAKES = 40


def voice(number, **changes):
    clip = {"corpus": "x", "name": f"clip {number}", "path": "", "speaker": f"{number % 5}", "gender": "female"}
    clip |= {"emotion": ("anger", "sadness")[number % 2], "sentence": f"sentence {number}"}
    return speak(Clip(**clip | changes), seed=1, shift=1.0).astype("float32")


@pytest.fixture(scope="module")
def voices():
    return [voice(number) for number in range(TAKES)]


def heard(sounds, rate=RATE):
    return [fingerprint(soxr.resample(np.asarray(sound, "float32"), rate, RATE_HZ)) for sound in sounds]


def through(rate):
    return lambda sound: soxr.resample(soxr.resample(sound, RATE, rate), rate, RATE)


def coded(kind, subtype, level):
    def code(sound):
        file = io.BytesIO()
        soundfile.write(file, sound, RATE, format=kind, subtype=subtype, compression_level=level)
        file.seek(0)
        return soundfile.read(file, dtype="float32")[0]

    return code


def trimmed(sound):
    return sound[len(sound) // 6 + 13 : -len(sound) // 7]


def padded(sound):
    return np.pad(sound, (4_321, 8_000))


def quantised(sound, gain=1.0):
    return np.round(np.clip(sound * gain, -1, 1) * 32_767).astype("int16").astype("float32") / 32_768


DISGUISES = {
    "22.05 kHz": through(22_050),
    "8 kHz": through(8_000),
    "trimmed": trimmed,
    "padded": padded,
    "16 bit": quantised,
    "-20 dB": lambda sound: quantised(sound, 0.1),
    "upside down": lambda sound: -sound,
    "two seconds": lambda sound: np.pad(sound, (0, 2 * RATE))[: 2 * RATE],
    "ogg": coded("OGG", "VORBIS", 0.6),
    "mp3": coded("MP3", "MPEG_LAYER_III", 0.6),
    "all of it": lambda sound: padded(coded("OGG", "VORBIS", 0.5)(through(8_000)(trimmed(sound) / 2))),
}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_exact_copies_only_are_found(voices, disguise):
    pairs = exact_copies.pairs(heard([*voices, *map(disguise, voices)]))
    truth = {(number, TAKES + number) for number in range(TAKES)}
    findings = set(zip(pairs["first"], pairs["second"], strict=True))
    assert findings <= truth
    assert len(findings) >= 0.95 * len(truth)


def test_the_shift_is_the_duration_that_was_cut(voices):
    pairs = exact_copies.pairs(heard([*voices, *(sound[RATE // 4 :] for sound in voices)]))
    assert len(pairs) == TAKES
    assert np.abs(pairs["shift"] - 0.25).max() <= SECONDS_PER_FRAME
    assert pairs["errors"].max() < 0.1
    backwards = exact_copies.pairs(heard([*(sound[RATE // 4 :] for sound in voices), *voices]))
    assert np.abs(backwards["shift"] + 0.25).max() <= SECONDS_PER_FRAME


def test_other_takes_of_one_sentence_by_one_speaker_are_no_copies():
    same = {"speaker": "1", "emotion": "anger", "sentence": "the same"}
    takes = [voice(number, **same) for number in range(60)]
    assert exact_copies.pairs(heard(takes)).empty


def test_one_clip_within_a_long_recording_is_found(voices):
    long = np.concatenate([*voices[:20], np.zeros(RATE, "float32"), *voices[20:30]])
    pairs = exact_copies.pairs(heard([long, *voices]))
    assert pairs["first"].eq(0).all()
    assert pairs["second"].tolist() == list(range(1, 31))
    starts = np.cumsum([0, *map(len, voices[:19])]) / RATE
    assert pairs["shift"][:20].to_numpy() == pytest.approx(starts, abs=2 * SECONDS_PER_FRAME)


def test_silence_hum_and_very_short_audio_are_no_copies(voices):
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(2 * RATE) / RATE)
    scrap = voices[0][: RATE // 20]
    sounds = [np.zeros(RATE), np.zeros(RATE), np.zeros(1), np.full(RATE, 0.5), hum[:RATE], scrap, scrap, *voices]
    assert exact_copies.pairs(heard(sounds)).empty
    assert exact_copies.pairs([]).empty


def test_many_copies_of_one_recording_stay_connected_with_few_pairs(voices):
    pairs = exact_copies.pairs(heard(voices[:1]) * 400)
    assert set(pairs["first"]) | set(pairs["second"]) == set(range(400))
    assert len(pairs) <= 400 * 50  # and not 400 * 399 / 2


def test_recordings_that_share_less_than_half_are_no_copies(voices):
    jingle, *others = voices[:21]
    beginnings = [np.concatenate([jingle[: RATE // 3], other]) for other in others[:10]]
    ends = [np.concatenate([other, jingle[: RATE // 3]]) for other in others[10:]]
    assert exact_copies.pairs(heard([*beginnings, *ends])).empty


def test_noise_in_pauses_may_differ_between_copies(voices):
    chance = np.random.default_rng(0)
    sounds = [
        np.pad(sound, 2 * RATE) + chance.normal(scale=1e-3 * np.abs(sound).max(), size=len(sound) + 4 * RATE)
        for sound in voices[:10] * 2
    ]
    pairs = exact_copies.pairs(heard(sounds))
    assert list(zip(pairs["first"], pairs["second"], strict=True)) == [(n, n + 10) for n in range(10)]


def test_the_result_depends_on_the_recordings_only(voices):
    sounds = [*voices, *map(DISGUISES["ogg"], voices)]
    first = exact_copies.pairs(heard(sounds))
    assert first.equals(exact_copies.pairs(heard(sounds)))
    turned = exact_copies.pairs(heard(sounds[::-1]))
    last = len(sounds) - 1
    assert {(last - b, last - a) for a, b in zip(turned["first"], turned["second"], strict=True)} == set(
        zip(first["first"], first["second"], strict=True)
    )


words = st.lists(st.integers(0, 2**32 - 1), max_size=60)


@settings(max_examples=30)
@given(st.lists(words, max_size=6))
def test_any_words_can_be_compared(rows):
    chance = np.random.default_rng(0)
    prints = [
        Fingerprint(np.array(row, "uint32"), np.ones(len(row), bool), chance.integers(0, 32, (len(row), WEAK), "uint8"))
        for row in rows
    ]
    pairs = exact_copies.pairs(prints)
    assert (pairs["first"] < pairs["second"]).all()
    long = [number for number, row in enumerate(rows) if len(row) >= exact_copies.MIN_FRAMES]
    twins = {(a, b) for a, b in itertools.combinations(long, 2) if rows[a] == rows[b] and len(set(rows[a])) > 3}
    assert twins <= set(zip(pairs["first"], pairs["second"], strict=True))


def write(folder, name, sound, rate=RATE):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / name, sound, rate)


@pytest.fixture
def recorded(tmp_path, voices):
    """Return a clean manifest with another voice in each row."""
    manifest = clean(("east",), speakers=4, clips=5)
    for path, sound in zip(manifest["source_path"], voices, strict=False):
        write(tmp_path, path, sound)
    return tmp_path, manifest


def test_near_duplicates_become_findings(recorded, voices):
    folder, manifest = recorded
    assert checks.find_leaks(manifest, set(), near_duplicates.find_near_duplicates(manifest, folder).pairs) == []
    write(folder, manifest["source_path"][19], quantised(through(22_050)(trimmed(voices[4])), 0.5))
    pairs = near_duplicates.find_near_duplicates(manifest, folder, jobs=2).pairs
    assert list(zip(pairs["first"], pairs["second"], strict=True)) == [(4, 19)]
    findings = checks.find_leaks(manifest, set(), pairs)
    assert [(f.severity, f.kind, f.count) for f in findings] == [
        ("breach", "near-duplicate across parts", 1),
        ("breach", "near-duplicate across folds", 2),
    ]
    manifest.loc[19, "family"] = "other"
    kinds = {f.kind for f in checks.find_leaks(manifest, set(), pairs)}
    assert "near-duplicate across families" in kinds


def test_identical_recordings_are_no_near_duplicates(recorded, voices):
    folder, manifest = recorded
    write(folder, manifest["source_path"][19], voices[4])
    manifest.loc[19, "audio_sha256"] = manifest["audio_sha256"][4]
    findings = checks.find_leaks(manifest, set(), near_duplicates.find_near_duplicates(manifest, folder).pairs)
    assert {f.kind for f in findings} == {"same audio across parts", "same audio across folds"}


def test_segments_of_one_file_are_distinguished(tmp_path, voices):
    write(tmp_path, "long.wav", np.concatenate(voices[:3]))
    edges = np.cumsum([0, *map(len, voices[:3])]) / RATE
    manifest = clean(("east",), speakers=3, clips=1).assign(
        source_path="long.wav", audio_sha256="0" * 64, start=edges[:3], end=edges[1:], emotion="anger"
    )
    manifest = manifest.astype(schema.COLUMNS)
    assert checks.find_leaks(manifest, set(), near_duplicates.find_near_duplicates(manifest, tmp_path).pairs) == []


def test_unreadable_recordings_have_a_reason(recorded):
    folder, manifest = recorded
    manifest["source_path"] = manifest["source_path"].where(manifest.index != 0, "../secret.wav")
    manifest["source_path"] = manifest["source_path"].where(manifest.index != 1, "/etc/hostname")
    manifest["source_path"] = manifest["source_path"].where(manifest.index != 2)
    (folder / manifest["source_path"][3]).write_bytes(b"RIFF")
    (folder / manifest["source_path"][4]).unlink()
    write(folder.parent, "secret.wav", np.ones(RATE) / 2)
    unreadable = near_duplicates.find_near_duplicates(manifest, folder).unreadable
    assert unreadable["row"].tolist() == [0, 1, 2, 3, 4]
    assert unreadable["reason"].str.slice(0, 12).tolist() == [
        "lies outside", "lies outside", "the table na", "not readable", "does not exi",
    ]  # fmt: skip


@pytest.mark.parametrize("disguise", [lambda sound: sound, lambda sound: 0.3 * trimmed(sound)], ids=["whole", "part"])
def test_reversed_copies_only_are_found(voices, disguise):
    turned = [disguise(sound)[::-1] for sound in voices]
    wanted = [(number, number + TAKES) for number in range(TAKES)]
    for side in ([*voices, *turned], [*turned, *voices]):
        pairs = exact_copies.pairs_with_reversed(heard(side))
        assert list(zip(pairs["first"], pairs["second"], strict=True)) == wanted
    both = match(
        [
            fingerprint_recording(soxr.resample(np.asarray(sound, "float32"), RATE, RATE_HZ))
            for sound in [*voices, *turned]
        ]
    )
    assert list(zip(both["first"], both["second"], strict=True)) == wanted
    assert exact_copies.pairs_with_reversed(heard([*voices, *map(padded, voices)])).equals(
        exact_copies.pairs(heard([*voices, *map(padded, voices)]))
    )
    assert exact_copies.pairs_with_reversed([]).empty
