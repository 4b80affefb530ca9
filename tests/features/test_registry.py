"""Extractors describe themselves, are found by name, and match the parameters."""

import ast
import importlib
import pkgutil

import numpy as np
import pytest

from mer.code_dependencies import CodeDependencies
from mer.features import Features, registry
from mer.features.extractor import Extractor
from mer.features.text import hashing

FIELDS = {"version": 1, "describe": dict, "open": lambda *_: None, "scaling": "each", "trained": False}


@pytest.mark.parametrize("name", FIELDS)
def test_extractor_without_a_field_is_refused(name):
    with pytest.raises(TypeError, match=name):
        Extractor(**{key: value for key, value in FIELDS.items() if key != name})


@pytest.mark.parametrize("change", [{"scaling": "tfidf"}, {"scaling": None}, {"trained": None}, {"trained": "no"}])
def test_extractor_with_an_invalid_field_is_refused(change):
    with pytest.raises(ValueError, match="an extractor is scaled by one of each, shared, idf, and trained is true or"):
        Extractor(**FIELDS | change)


def test_vectors_of_an_unknown_extractor_are_not_scaled():
    def features(**extractors):
        return Features({"text": np.ones((2, 3))}, {"text": np.ones(2, bool)}, extractors)

    assert [features(text=n).scaling("text") for n in ("hashing", "tfidf", "encoder")] == ["shared", "idf", "each"]
    assert features().scaling("text") == "each"
    for name in ("mine", "mfcc", "extract"):
        with pytest.raises(ValueError, match=f"text: the extractor {name!r} does not exist; there are hashing, tfidf"):
            features(text=name).scaling("text")


def test_scaling_and_training_are_those_of_the_extractor(monkeypatch):
    monkeypatch.setattr(hashing, "EXTRACTOR", Extractor(**FIELDS | {"scaling": "idf", "trained": True}))
    assert registry.scaling("text", "hashing") == "idf"
    assert not registry.handmade("text", "hashing")
    monkeypatch.setattr(hashing, "EXTRACTOR", Extractor(**FIELDS))
    assert registry.handmade("text", "hashing")
    assert not registry.handmade("audio", "hashing")


@pytest.mark.parametrize("modality", ["audio", "text", "video"])
def test_extractors_of_the_parameters_are_the_modules_with_an_extractor(modality):
    package = importlib.import_module(f"mer.features.{modality}")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    modules = {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
    extractors = {name: module.EXTRACTOR for name, module in modules.items() if hasattr(module, "EXTRACTOR")}
    assert sorted(extractors) == sorted(registry.names(modality))
    assert all(isinstance(one, Extractor) for one in extractors.values())
    assert all(registry.extractor(modality, name) is one for name, one in extractors.items())


def test_code_that_uses_extractors_depends_on_all_of_them():
    modules = CodeDependencies([ast.parse("from mer.features import registry")]).modules
    names = [f"mer.features.{m}.{name}" for m in ("audio", "text", "video") for name in registry.names(m)]
    assert set(names) <= set(modules)
    assert "mer.features.audio.functionals.pitch" in modules
