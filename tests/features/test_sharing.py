"""Vectors that another person has computed are copied, checked and not computed again."""

import warnings

import numpy as np
import pytest

from mer import shared
from mer.features.computation import compute_missing
from mer.features.store import Store
from tests.features.test_store import KEYS, SPEC, vector


@pytest.fixture(autouse=True)
def _store(tmp_path, monkeypatch):
    monkeypatch.setattr(Store, "shard", 3)
    monkeypatch.setenv(shared.ADDRESS, str(tmp_path / "shared"))


def extract(folder, keys):
    """Return the keys that were computed, and the vectors of all."""
    computed, store = [], Store(folder, SPEC)
    compute_missing(store, keys, lambda part: computed.extend(part) or [vector(key) for key in part], "test")
    return computed, Store(folder, SPEC).load(keys, 6)[0]


def test_a_second_person_computes_nothing(tmp_path):
    first, expected = extract(tmp_path / "a", KEYS)
    second, vectors = extract(tmp_path / "b", KEYS)
    assert (first, second) == (KEYS, [])
    np.testing.assert_array_equal(vectors, expected)


def test_only_what_nobody_has_is_computed(tmp_path):
    extract(tmp_path / "a", KEYS[:6])
    computed, vectors = extract(tmp_path / "b", KEYS[4:])
    assert computed == KEYS[6:]
    np.testing.assert_array_equal(vectors, [vector(key) for key in KEYS[4:]])
    assert not extract(tmp_path / "c", KEYS)[0]


def test_only_shards_with_missing_keys_are_copied(tmp_path):
    extract(tmp_path / "a", KEYS)
    extract(tmp_path / "b", KEYS[:2])
    assert len([*Store(tmp_path / "b", SPEC).folder.glob("*.npy")]) == 1


def test_vectors_from_before_there_was_a_store_are_shared(tmp_path, monkeypatch):
    monkeypatch.delenv(shared.ADDRESS)
    extract(tmp_path / "a", KEYS)
    monkeypatch.setenv(shared.ADDRESS, str(tmp_path / "shared"))
    assert extract(tmp_path / "a", KEYS)[0] == []
    assert extract(tmp_path / "b", KEYS)[0] == []


@pytest.mark.parametrize("suffix", [".npy", ".parquet"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: b"", lambda data: data[:90] + b"\xff" + data[91:]]
)
def test_damaged_shards_are_not_used(tmp_path, suffix, damage):
    extract(tmp_path / "a", KEYS)
    path = sorted((tmp_path / "shared").rglob(f"*{suffix}"))[0]
    path.write_bytes(damage(path.read_bytes()))
    with warnings.catch_warnings(record=True) as said:  # a list that cannot be read is not copied, without a warning
        warnings.simplefilter("always")
        computed, vectors = extract(tmp_path / "b", KEYS)
    assert suffix == ".parquet" or any("deleted: " in str(one.message) for one in said)
    assert 0 < len(computed) <= 3
    np.testing.assert_array_equal(vectors, [vector(key) for key in KEYS])


def test_a_list_without_its_array_is_ignored(tmp_path):
    extract(tmp_path / "a", KEYS)
    for path in (tmp_path / "shared").rglob("*.npy"):
        path.unlink()
    assert extract(tmp_path / "b", KEYS)[0] == KEYS
