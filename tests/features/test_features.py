import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import torchaudio
from hypothesis import given
from hypothesis import strategies as st

from mer import features, files
from mer.features import audio as acoustic
from mer.features import text as linguistic
from mer.features.audio import mfcc
from mer.features.audio.mfcc import mfcc_statistics
from mer.features.text.hashing import hashed_words
from mer.media import audio
from mer.params.schema import AudioFeatures, Data, TextFeatures


@pytest.mark.parametrize("n_mfcc", [13, 40, 80])
@pytest.mark.parametrize("length", [400, 1600, 16_001])
def test_mfcc_equals_torchaudio(n_mfcc, length):
    samples = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    options = {"n_fft": 400, "hop_length": 160, "n_mels": 80}
    theirs = torchaudio.transforms.MFCC(16_000, n_mfcc, melkwargs=options)(torch.as_tensor(samples)).numpy()
    expected = np.concatenate([theirs.mean(axis=1), theirs.std(axis=1)])
    np.testing.assert_allclose(mfcc_statistics(samples, n_mfcc), expected, atol=1e-3)


@given(st.integers(1, 1000), st.sampled_from([0.0, 1.0, 1e-20, 1e6]))
def test_mfcc_is_finite_for_any_length_and_level(length, level):
    assert np.isfinite(mfcc_statistics(np.full(length, level, dtype=np.float32))).all()


@given(st.text(max_size=200))
def test_hashing_takes_any_text(text):
    vector = hashed_words([text], 64)[0]
    assert np.isfinite(vector).all()
    assert np.isclose(np.linalg.norm(vector), 1.0) or not vector.any()


def test_one_letter_words_and_marks_count():
    assert hashed_words(["I"], 64).any()
    assert (hashed_words(["no"], 768) != hashed_words(["no!"], 768)).any()


def manifest(tmp_path, names):
    rows = []
    for i, name in enumerate(names):
        if not (tmp_path / name).exists():
            soundfile.write(tmp_path / name, np.random.default_rng(i).normal(0, 0.1, 8000), 16_000)
        rows.append(
            {
                "source_path": name,
                "audio_sha256": files.digest_file(tmp_path / name),
                "start": None,
                "end": None,
                "duration": 0.5,
                "audio_ok": True,
            }
        )
    return pd.DataFrame(rows).astype({"start": "Float64", "end": "Float64"})


def spec(n_mfcc=20):
    return acoustic.spec(AudioFeatures(n_mfcc=n_mfcc), Data())


def extract(table, raw, store):
    section = AudioFeatures(n_mfcc=store.spec["n_mfcc"])
    acoustic.extract(table, raw, store, mfcc.EXTRACTOR.open(section, features.Resources()))


def test_vectors_are_computed_once_and_changed_flags_never_meet_them(tmp_path, monkeypatch):
    table = manifest(tmp_path, ["a.wav", "b.flac"])
    store = features.Store(tmp_path / "store", spec())
    extract(table, tmp_path, store)
    vectors, present = store.load(acoustic.keys(table), 40)
    assert present.all()
    assert vectors.any(axis=1).all()
    monkeypatch.setattr(audio, "read_mono", None)  # nothing is read a second time
    extract(table, tmp_path, features.Store(tmp_path / "store", spec()))
    assert features.Store(tmp_path / "store", spec(13)).missing(acoustic.keys(table))


def test_an_unreadable_recording_is_listed_and_absent(tmp_path):
    (tmp_path / "b.wav").write_bytes(b"not audio at all")
    table = manifest(tmp_path, ["a.wav", "b.wav"])
    store = features.Store(tmp_path / "store", spec())
    extract(table, tmp_path, store)
    keys = acoustic.keys(table)
    vectors, present = store.load(keys, 40)
    assert present.tolist() == [True, False]
    assert not vectors[1].any()
    assert "not readable" in store.errors(keys)[1]


def test_a_recording_that_changed_since_is_refused_and_its_vector_not_kept(tmp_path):
    table = manifest(tmp_path, ["a.wav"])
    store = features.Store(tmp_path / "store", spec())
    (tmp_path / "a.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.wav: the recording is not there any more"):
        extract(table, tmp_path, store)
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(9).normal(0, 0.1, 8000), 16_000)
    with pytest.raises(acoustic.RecordingChanged, match=r"a\.wav: changed after the dataset was built"):
        extract(table, tmp_path, store)
    assert store.missing(acoustic.keys(table)) == acoustic.keys(table)


def test_a_shard_without_its_list_is_ignored(tmp_path):
    store = features.Store(tmp_path, spec())
    store.add(["k"], [np.ones(40, np.float32)], [None])
    next(store.folder.glob("*.parquet")).unlink()
    assert features.Store(tmp_path, spec()).missing(["k"]) == ["k"]


def test_read_sentences_are_masked_unless_asked_for():
    table = pd.DataFrame(
        {
            "transcription": ["Oh no!", "Kids are talking", None, " "],
            "lexical_control": ["free", "parallel", "free", "free"],
        }
    )
    assert linguistic.keys(table, TextFeatures()) == ["Oh no!", None, None, None]
    assert linguistic.keys(table, TextFeatures(lexical_control=("free", "parallel"))) == [
        "Oh no!",
        "Kids are talking",
        None,
        None,
    ]
