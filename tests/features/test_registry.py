"""What extractors say of themselves, and what happens where one does not."""

import numpy as np
import pytest

from mer.features import Features, registry
from mer.features.extractor import Extractor

TOLD = {"version": 1, "describe": dict, "open": lambda *_: None, "scaling": "each", "trained": False}


@pytest.mark.parametrize("name", TOLD)
def test_an_extractor_that_does_not_say_everything_is_none(name):
    with pytest.raises(TypeError, match=name):
        Extractor(**{key: value for key, value in TOLD.items() if key != name})


@pytest.mark.parametrize("change", [{"scaling": "tfidf"}, {"scaling": None}, {"trained": None}, {"trained": "no"}])
def test_an_extractor_that_says_something_else_is_none(change):
    with pytest.raises(ValueError, match="an extractor is scaled by one of each, shared, idf, and trained is true or"):
        Extractor(**TOLD | change)


def test_vectors_of_an_extractor_that_there_is_not_are_not_scaled():
    def seen(**extractors):
        return Features({"text": np.ones((2, 3))}, {"text": np.ones(2, bool)}, extractors)

    assert [seen(text=name).scaling("text") for name in ("hashing", "tfidf", "encoder")] == ["shared", "idf", "each"]
    assert seen().scaling("text") == "each"
    for name in ("mine", "mfcc"):
        with pytest.raises(ValueError, match=f"text: there is no extractor {name!r} that says how its vectors are sca"):
            seen(text=name).scaling("text")


def test_a_new_extractor_is_scaled_and_judged_by_what_it_says(monkeypatch):
    monkeypatch.setitem(registry.EXTRACTORS["text"], "mine", Extractor(**TOLD | {"scaling": "idf", "trained": True}))
    assert registry.scaling("text", "mine") == "idf"
    assert not registry.handmade("text", "mine")
    monkeypatch.setitem(registry.EXTRACTORS["text"], "mine", Extractor(**TOLD))
    assert registry.handmade("text", "mine")
    assert not registry.handmade("audio", "mine")
