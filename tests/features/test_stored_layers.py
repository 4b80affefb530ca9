"""All layers of an encoder are stored in one pass, and inputs read theirs."""

import numpy as np
import pytest
import torch
import transformers

from mer import features
from mer.features import vectors
from mer.features.audio import encoder
from mer.features.extractor import Resources
from mer.params.features import read_inputs
from mer.params.schema import Data
from tests.features.audio.test_extract import manifest  # noqa: F401 - a fixture
from tests.features.pretrained import tiny

DATA = Data()


@pytest.fixture
def folder(tmp_path):
    return tiny.sound(tmp_path / "network", "wavlm")


def read(table, raw, inputs):
    table = table.assign(exclude_reason=None)
    sections = read_inputs(inputs)
    stores = features.extract(table, raw, raw / "store", sections, DATA, Resources())
    return features.load(features.keys(table, sections), raw / "store", features.specs(sections, DATA)), stores


def encoder_input(folder, **options):
    return {"modality": "audio", "extractor": "encoder", "model": str(folder), **options}


@pytest.mark.parametrize("pooling", ["mean", "mean_std"])
def test_other_layer_needs_no_extraction(pooling, manifest, tmp_path, folder, monkeypatch):  # noqa: F811
    computed = []
    pool = encoder._vector
    monkeypatch.setattr(encoder, "_vector", lambda *given: computed.append(1) or pool(*given))
    two = {"one": encoder_input(folder, layer=1, pooling=pooling), "last": encoder_input(folder, pooling=pooling)}
    result, stores = read(manifest, tmp_path, two)
    assert len({store.folder for store in stores.values()}) == 1
    assert len(computed) == result.present["one"].sum()
    layers = {"xall": "all", "x0": 0, "x2": 2, "x3": 3}
    more = {name: encoder_input(folder, layer=layer, pooling=pooling) for name, layer in layers.items()}
    later, _ = read(manifest, tmp_path, more)
    assert len(computed) == result.present["one"].sum()
    parts = np.split(later.arrays["xall"], 4, axis=1)
    for name, number in {"x0": 0, "x2": 2, "x3": 3}.items():
        np.testing.assert_array_equal(later.arrays[name], parts[number])
    np.testing.assert_array_equal(result.arrays["one"], parts[1])
    np.testing.assert_array_equal(result.arrays["last"], parts[3])
    assert later.layers == {"xall": 4}


@pytest.mark.parametrize("layer", [2, "all"])
def test_frames_are_stored_in_16_bits(layer, manifest, tmp_path, folder):  # noqa: F811
    kept = {"kept": encoder_input(folder, layer=layer, keep="frames", max_frames=10)}
    pooled = {"pooled": encoder_input(folder, layer=layer)}
    result, stores = read(manifest, tmp_path, kept)
    layers = 4 if layer == "all" else 1
    assert result.arrays["kept"].dtype == np.float16
    assert result.arrays["kept"].shape == (len(manifest), 10 * layers * 24 + 1)
    assert result.frames == {"kept": 10}
    assert stores["kept"].array(next(iter(stores["kept"]._arrays))).dtype == np.float16
    whole, _ = read(manifest, tmp_path, pooled)
    rows = np.flatnonzero(result.present["kept"])
    assert (result.arrays["kept"][rows, -1] <= 10).all()
    short = rows[result.arrays["kept"][rows, -1] < 7]  # groups of equal size, so that the mean is that of all frames
    assert len(short)
    np.testing.assert_allclose(result.vectors("kept", short), whole.arrays["pooled"][short], atol=5e-3)


def test_frames_are_those_of_the_network(folder):
    section = read_inputs({"audio": {"extractor": "encoder", "model": str(folder), "layer": 1, "keep": "frames"}})
    waves = [np.random.default_rng(n).normal(0, 0.1, size).astype(np.float32) for n, size in enumerate((9000, 6000))]
    result = encoder.open_extractor(section["audio"], Resources())(waves)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    for wave, vector in zip(waves, result, strict=True):
        with torch.inference_mode():
            inputs = prepare(wave, sampling_rate=16_000, return_tensors="pt").input_values
            state = network(inputs, output_hidden_states=True).hidden_states[1][0].numpy()
        assert vector[-1] == len(state)
        frames = vector[:-1].reshape(100, 24)
        np.testing.assert_allclose(frames[: len(state)], state, atol=5e-3)
        assert not frames[len(state) :].any()


def test_size_of_frames_is_stated():
    keys = {"kept": ["a", "b", "b", None], "other": ["a"]}
    [sentence] = vectors.frame_sizes(keys, {"kept": {"width": 2**20, "frames": 5}, "other": {"width": 3}})
    assert sentence.startswith("`kept` keeps the frames of 2 recordings: 4 MiB in the store")
