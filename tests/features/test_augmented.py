"""Altered copies of recordings: nothing that a split separates is mixed, and the rows of a study stay as they are."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mer import features, files
from mer.dataset.manifest import schema
from mer.features import augmented, vectors
from mer.params.augmentation import Augmentation
from mer.params.schema import Params

RATE = 16_000
PARTS = ("train", "validation", "test")
entries = st.tuples(st.sampled_from("abc"), st.sampled_from(["anger", "fear"]), st.integers(0, 2), st.integers(0, 1))


def manifest(rows, corpus="one", official=False):
    """Rows of speaker, emotion, fold or part, and text side."""
    return schema.typed([
        {"utterance_id": f"{corpus}/{number}", "corpus": corpus, "family": corpus, "speaker_id": f"{corpus}_{speaker}",
         "emotion": emotion, "split": PARTS[fold] if official else "train", "fold": None if official else fold,
         "text_side": side, "audio_ok": True, "audio_sha256": f"{corpus}{number}"}
        for number, (speaker, emotion, fold, side) in enumerate(rows)
    ])  # fmt: skip


def planned(table, section):
    keys = [f"{digest}:" for digest in table["audio_sha256"]]
    recipes = augmented.plan(table, section, keys)
    number = {key: row for row, key in enumerate(keys)}
    return recipes, [[number[key] for key in recipe.sources] for recipe in recipes]


@settings(max_examples=15, deadline=None)
@given(st.lists(entries, min_size=1, max_size=25), st.booleans(), st.integers(0, 5))
def test_no_copy_mixes_what_a_split_separates(rows, official, seed):
    table = manifest(rows, official=official)
    section = Augmentation(variants=2, per_variant=2, seed=seed, copy_paste=True, noise={"kinds": ["babble"]})
    recipes, sources = planned(table, section)
    together = ["corpus", "split", "fold", "text_side"]
    for recipe, numbers in zip(recipes, sources, strict=True):
        own = table.iloc[numbers]
        assert len(own[together].drop_duplicates()) == 1
        if official:
            assert set(own["split"]) == {"train"}  # neither altered nor a partner otherwise
        for kind, parameters in recipe.steps:
            keys = [recipe.key, *parameters["partners"]]
            if kind == "copy_paste":
                mixed = table[table["audio_sha256"].add(":").isin(keys)]
                assert len(mixed[["speaker_id", "emotion"]].drop_duplicates()) == 1


@settings(max_examples=15, deadline=None)
@given(st.lists(entries, min_size=1, max_size=20), st.randoms())
def test_copies_do_not_depend_on_order_or_other_corpora(rows, random):
    section = Augmentation(variants=2, copy_paste=True, noise=True, speed=True)
    first = {recipe.address for recipe in planned(manifest(rows), section)[0]}
    shuffled = manifest(rows).sample(frac=1, random_state=random.randint(0, 9)).reset_index(drop=True)
    both = pd.concat([manifest(rows[::-1], "another"), shuffled], ignore_index=True)
    recipes, sources = planned(both, section)
    of_one = {r.address for r, numbers in zip(recipes, sources, strict=True) if both["corpus"][numbers[0]] == "one"}
    assert of_one == first


def test_rows_without_a_recording_have_no_copies():
    table = manifest([("a", "fear", 0, 0)] * 3)
    keys = ["x", None, "x"]  # the last row has the recording of the first
    recipes = augmented.plan(table, Augmentation(speed=True), keys)
    assert [recipe.key for recipe in recipes] == ["x"]


@pytest.fixture
def study(tmp_path):
    """Recordings of two speakers, and a study that alters them."""
    rng, rows = np.random.default_rng(0), []
    for number in range(8):
        soundfile.write(tmp_path / f"{number}.wav", rng.normal(0, 0.1, RATE // 2), RATE)
        rows.append(("ab"[number // 4], ("anger", "fear")[number % 2], number // 4, 0))
    (tmp_path / "7.wav").write_bytes(b"RIFF")
    table = manifest(rows)
    table["source_path"] = [f"{number}.wav" for number in range(8)]
    table["audio_sha256"] = [files.digest_file(tmp_path / name) for name in table["source_path"]]
    inputs = {"audio": {"n_mfcc": 4}, "second": {"modality": "audio", "n_mfcc": 5}, "text": {"dimensions": 8}}
    params = Params(name="x", corpora=["emodb"], features=inputs, systems={"s": {"model": "logistic"}},
                    augmentation={"variants": 2, "copy_paste": True, "noise": True, "inputs": ["audio"]})  # fmt: skip
    return tmp_path, table, params


def extracted(study):
    raw, table, params = study
    arguments = (table, raw, raw / "store", params.features, params.data, features.Resources())
    features.extract(*arguments)
    keys = features.keys(table, params.features)
    return keys, features.augment(table, raw, raw / "store", params, keys, features.Resources())


def test_copies_are_extracted_once_and_read_back(study, monkeypatch):
    raw, table, params = study
    keys, copies = extracted(study)
    assert len(copies.sources) == 14  # two of each readable recording
    assert 7 not in copies.sources  # not even as a partner
    assert copies.keys["second"] == [keys["second"][row] for row in copies.sources[:, 0]]  # not altered
    path = raw / "inputs.parquet"
    features.save_keys(path, table, keys, copies)
    assert features.read_keys(path, table["utterance_id"]) == keys
    again = features.read_augmented(path, table["utterance_id"])
    assert np.array_equal(again.sources, copies.sources)
    assert again.keys == copies.keys
    loaded = features.load(again.keys, raw / "store", vectors.specs(params.features, params.data))
    clean = features.load(keys, raw / "store", vectors.specs(params.features, params.data))
    assert loaded.present["audio"].all()
    assert not any(np.array_equal(v, clean.arrays["audio"][row])
                   for v, row in zip(loaded.arrays["audio"], copies.sources[:, 0], strict=True))  # fmt: skip
    monkeypatch.setattr(augmented.augmentation, "apply", None)  # nothing is made a second time
    assert extracted(study)[1].keys == copies.keys


def test_without_augmentation_the_stored_addresses_are_as_before(study):
    raw, table, params = study
    plain = params.model_copy(update={"augmentation": None})
    keys, copies = extracted((raw, table, plain))
    assert not len(copies.sources)
    features.save_keys(raw / "a.parquet", table, keys, copies)
    features.save_keys(raw / "b.parquet", table, keys)
    assert (raw / "a.parquet").read_bytes() == (raw / "b.parquet").read_bytes()
    assert list(pd.read_parquet(raw / "a.parquet")) == ["utterance_id", *params.features]
    assert not len(features.read_augmented(raw / "a.parquet", table["utterance_id"]).sources)
