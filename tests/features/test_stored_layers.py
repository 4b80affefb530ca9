"""All layers of an encoder are stored in one pass, and inputs read theirs."""

import numpy as np
import pytest

from mer import features
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
    found, stores = read(manifest, tmp_path, two)
    assert len({store.folder for store in stores.values()}) == 1
    assert len(computed) == found.present["one"].sum()
    layers = {"xall": "all", "x0": 0, "x2": 2, "x3": 3}
    more = {name: encoder_input(folder, layer=layer, pooling=pooling) for name, layer in layers.items()}
    later, _ = read(manifest, tmp_path, more)
    assert len(computed) == found.present["one"].sum()
    parts = np.split(later.arrays["xall"], 4, axis=1)
    for name, number in {"x0": 0, "x2": 2, "x3": 3}.items():
        np.testing.assert_array_equal(later.arrays[name], parts[number])
    np.testing.assert_array_equal(found.arrays["one"], parts[1])
    np.testing.assert_array_equal(found.arrays["last"], parts[3])
    assert later.layers == {"xall": 4}
