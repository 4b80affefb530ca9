import numpy as np
import pandas as pd
import pytest
import soundfile

from mer import features, files
from mer.features import audio as audio_features
from mer.features.audio import mfcc
from mer.media import audio
from mer.params.schema import AudioFeatures, Data


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
    return audio_features.spec(AudioFeatures(n_mfcc=n_mfcc), Data())


def extract(table, raw, store):
    section = AudioFeatures(n_mfcc=store.spec["n_mfcc"])
    audio_features.extract(table, raw, store, mfcc.EXTRACTOR.open(section, features.Resources()))


def test_vectors_are_computed_once_for_each_set_of_parameters(tmp_path, monkeypatch):
    table = manifest(tmp_path, ["a.wav", "b.flac"])
    store = features.Store(tmp_path / "store", spec())
    extract(table, tmp_path, store)
    vectors, present = store.load(audio_features.keys(table), 40)
    assert present.all()
    assert vectors.any(axis=1).all()
    monkeypatch.setattr(audio, "read_mono", None)  # nothing is decoded again
    extract(table, tmp_path, features.Store(tmp_path / "store", spec()))
    assert features.Store(tmp_path / "store", spec(13)).missing(audio_features.keys(table))


def test_unreadable_recording_has_a_reason_and_no_vector(tmp_path):
    (tmp_path / "b.wav").write_bytes(b"not audio at all")
    table = manifest(tmp_path, ["a.wav", "b.wav"])
    store = features.Store(tmp_path / "store", spec())
    extract(table, tmp_path, store)
    keys = audio_features.keys(table)
    vectors, present = store.load(keys, 40)
    assert present.tolist() == [True, False]
    assert not vectors[1].any()
    assert "not readable" in store.errors(keys)[1]


def test_changed_recording_is_refused_and_has_no_vector(tmp_path):
    table = manifest(tmp_path, ["a.wav"])
    store = features.Store(tmp_path / "store", spec())
    (tmp_path / "a.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.wav: the recording does not exist any more"):
        extract(table, tmp_path, store)
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(9).normal(0, 0.1, 8000), 16_000)
    with pytest.raises(audio_features.RecordingChanged, match=r"a\.wav: changed after the dataset was built"):
        extract(table, tmp_path, store)
    assert store.missing(audio_features.keys(table)) == audio_features.keys(table)
