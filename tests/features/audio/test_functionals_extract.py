"""Audio extractors: specifications, the store, and openSMILE if it is installed."""

import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer import features, files
from mer.features import audio, registry
from mer.features.audio import opensmile as sets
from mer.features.audio.functionals import functionals, names
from mer.params.schema import AudioFeatures, Data

SECONDS = {"min_seconds": 0.1, "max_seconds": 30.0}


def spec(extractor, **parameters):
    return audio.spec(AudioFeatures(extractor=extractor, **parameters), Data(**SECONDS))


@pytest.fixture
def manifest(tmp_path):
    rng, rows = np.random.default_rng(0), []
    for number, seconds in enumerate([0.05, 0.7, 2.0, 0.7]):
        sound = np.cumsum(rng.normal(0, 0.01, round(16_000 * seconds)))
        soundfile.write(tmp_path / f"{number}.wav", 0.5 * sound / np.abs(sound).max(), 16_000)  # 16 bits: kept as it is
        digest = files.digest_file(tmp_path / f"{number}.wav")
        rows.append({"source_path": f"{number}.wav", "audio_sha256": digest, "start": None, "end": None,
                     "duration": seconds, "audio_ok": True})  # fmt: skip
    return pd.DataFrame(rows).astype({"start": "Float64", "end": "Float64"})


def extracted(manifest, raw, store):
    section = AudioFeatures(extractor=store.spec["extractor"], n_mfcc=store.spec.get("n_mfcc", 80))
    compute = registry.of_input(section).open(section, features.Resources(jobs=2))
    audio.extract(manifest, raw, store, compute)
    return store.load(audio.keys(manifest), store.spec["width"])


def test_specification_contains_only_parameters_of_the_extractor():
    assert spec("mfcc", n_mfcc=13) == {"extractor": "mfcc", "version": 2, "n_mfcc": 13, "width": 26, "bands": 64,
                                       "recordings": 1, "rate_hz": 16_000, **SECONDS}  # fmt: skip
    assert "bands" not in spec("mfcc", n_mfcc=80)  # as many as before the fork's number was taken
    assert spec("functionals", n_mfcc=13) == spec("functionals", n_mfcc=80)
    assert spec("functionals", n_mfcc=13)["width"] == len(names())


def test_vector_does_not_depend_on_other_recordings(manifest, tmp_path):
    together, present = extracted(manifest, tmp_path, features.Store(tmp_path / "all", spec("functionals")))
    assert present.all()
    for number in range(len(manifest)):
        one = manifest.iloc[[number]].reset_index(drop=True)
        alone, _ = extracted(one, tmp_path, features.Store(tmp_path / f"store{number}", spec("functionals")))
        np.testing.assert_allclose(together[number], alone[0], rtol=1e-5, atol=1e-5)
    sound, _ = soundfile.read(tmp_path / "2.wav", dtype="float32")
    np.testing.assert_allclose(together[2], functionals(sound), rtol=1e-5, atol=1e-5)


def test_extractors_have_separate_stores(manifest, tmp_path):
    extracted(manifest, tmp_path, features.Store(tmp_path, spec("functionals")))
    other = features.Store(tmp_path, spec("mfcc", n_mfcc=13))
    assert len(other.missing(audio.keys(manifest))) == len(manifest)


def test_missing_opensmile_message_names_the_extra(manifest, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    sets._smile.cache_clear()
    with pytest.raises(files.MissingPackage, match=r"\[opensmile\]"):
        extracted(manifest, tmp_path, features.Store(tmp_path, spec("egemaps")))


@pytest.mark.parametrize("name", ["gemaps", "egemaps", "compare", "emobase"])
def test_feature_set_equals_that_of_opensmile(name, manifest, tmp_path):
    opensmile = pytest.importorskip("opensmile")
    sets._smile.cache_clear()
    vectors, present = extracted(manifest, tmp_path, features.Store(tmp_path, spec(name)))
    assert present.all()
    smile = opensmile.Smile(opensmile.FeatureSet[sets.SETS[name].name], opensmile.FeatureLevel.Functionals)
    sound, _ = soundfile.read(tmp_path / "2.wav", dtype="float32")
    expected = smile.process_signal(np.clip(sound, -1, 1 - 2.0**-15), 16_000)
    np.testing.assert_allclose(vectors[2], expected.to_numpy()[0], rtol=1e-5)
    assert sets.names(name) == list(expected.columns)
    for hard in (np.zeros(1), np.zeros(16_000), np.full(16_000, 1e6), np.random.default_rng(0).normal(0, 9, 16_000)):
        assert np.isfinite(sets.functionals(hard.astype(np.float32), name)).all()
