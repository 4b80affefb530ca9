"""The store of vectors: order, damage, interruption, and two extractors at once."""

import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer import shards
from mer.features import store as module
from mer.features.computation import compute_missing, save_batches
from mer.features.extractor import Unavailable
from mer.features.store import MissingVectors, Store
from tests.process_control import run_and_kill_at_random

SPEC = {"extractor": "made_up", "version": 1, "width": 6}


def vector(key):
    return np.random.default_rng(len(key) + ord(key[0])).normal(0, 1, 6).astype(np.float32)


def filled(tmp_path, keys, compute=None):
    store = Store(tmp_path, SPEC)
    compute_missing(store, keys, compute or (lambda part: [vector(key) for key in part]), "test")
    return store


KEYS = [chr(ord("a") + number) for number in range(10)]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(Store, "shard", 3)


@settings(max_examples=25)
@given(st.lists(st.one_of(st.none(), st.text(min_size=1, max_size=8)), max_size=12), st.randoms())
def test_vectors_are_loaded_for_any_keys_in_any_order(tmp_path_factory, keys, random):
    store = filled(tmp_path_factory.mktemp("any"), keys)
    random.shuffle(keys)
    vectors, present = store.load(keys, 6)
    assert present.tolist() == [key is not None for key in keys]
    with pytest.raises(MissingVectors, match=rf"1 of {len(set(keys) - {None}) + 1} vectors are missing; run step 02"):
        store.load([*{key for key in keys if key}, "never tried, and longer than eight"], 6)
    for row, key in enumerate(keys):
        np.testing.assert_array_equal(vectors[row], np.zeros(6) if key is None else vector(key))


def test_loaded_vectors_are_read_only(tmp_path, small):
    vectors, present = filled(tmp_path, KEYS).load(KEYS, 6)
    assert (type(vectors), vectors.dtype, vectors.shape) == (np.ndarray, np.float32, (10, 6))
    assert present.all()
    np.testing.assert_array_equal(vectors[[3, 1, 3]], [vector(KEYS[3]), vector(KEYS[1]), vector(KEYS[3])])
    assert vectors[present].astype(np.float64).shape == (10, 6)
    with pytest.raises(ValueError, match="read-only"):
        vectors[0] = 1.0


def test_failures_and_vectors_that_are_not_finite_are_stored_with_a_reason(tmp_path):
    results = {"a": vector("a"), "b": Unavailable("no words in the text"), "c": np.full(6, np.nan), "d": vector("d")}
    store = filled(tmp_path, list(results), lambda part: [results[key] for key in part])
    _, present = store.load(list(results), 6)
    assert present.tolist() == [True, False, False, True]
    assert store.errors(list(results))[:2] == [None, "no words in the text"]
    assert "not finite" in store.errors(["c"])[0]
    assert not store.missing(list(results))  # a failure is not tried again


def test_store_of_failures_only(tmp_path):
    filled(tmp_path, KEYS, lambda part: [Unavailable("silence")] * len(part))
    store = Store(tmp_path, SPEC)
    vectors, present = store.load(KEYS, 6)
    assert vectors.shape == (10, 6)
    assert not present.any()
    assert store.errors(KEYS) == ["silence"] * 10
    assert store.load([], 6)[0].shape == (0, 6)


def test_view_is_written_once_and_belongs_to_its_keys(tmp_path, small):
    store = filled(tmp_path, KEYS[:4])
    first, present = store.load(KEYS[:4], 6)
    assert present.sum() == 4
    made = [path.stat().st_ino for path in store.folder.glob("views/*.npy")]
    store.load(KEYS[:4], 6)
    assert [path.stat().st_ino for path in store.folder.glob("views/*.npy")] == made
    later, present = filled(tmp_path, KEYS).load(KEYS, 6)
    assert present.all()
    np.testing.assert_array_equal(later[:4], first)
    assert not np.array_equal(Store(tmp_path, SPEC).load(KEYS[::-1], 6)[0], later)


def test_damaged_view_is_rebuilt_and_old_views_are_deleted(tmp_path, small):
    store = filled(tmp_path, KEYS)
    expected = np.array(store.load(KEYS, 6)[0])
    (view,) = store.folder.glob("views/*.npy")
    os.truncate(view, 100)
    with pytest.warns(UserWarning, match=f"deleted: .*{view.name}: damaged .*rebuilt from the vectors"):
        np.testing.assert_array_equal(store.load(KEYS, 6)[0], expected)
    kept = store.load(KEYS, 6)[0]
    for number in range(1, module.VIEWS + 3):
        store.load(KEYS[:number], 6)
    assert len(list(store.folder.glob("views/*"))) == module.VIEWS
    np.testing.assert_array_equal(kept, expected)


DAMAGE = {
    "cut array": ("npy", lambda path: os.truncate(path, 150)),
    "empty array": ("npy", lambda path: os.truncate(path, 0)),
    "another array": ("npy", lambda path: path.write_bytes(b"PK\x03\x04 this is not an array" * 20)),
    "pickled array": ("npy", lambda path: np.save(path, np.array([{}], dtype=object), allow_pickle=True)),
    "no array": ("npy", lambda path: path.unlink()),
    "cut list": ("parquet", lambda path: os.truncate(path, 300)),
    "empty list": ("parquet", lambda path: os.truncate(path, 0)),
    "another list": ("parquet", lambda path: path.write_text("key,row\n" * 50)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_an_error_for_readers_and_is_recomputed_by_extraction(tmp_path, small, damage):
    kind, do = DAMAGE[damage]
    store = filled(tmp_path, KEYS)
    expected = np.array(store.load(KEYS, 6)[0])
    hurt = sorted(store.folder.glob(f"*.{kind}"))[1]
    do(hurt)
    with pytest.raises(shards.DamagedShard, match=rf"{hurt.stem}\.(npy|parquet): damaged .*run step 02 again"):
        Store(tmp_path, SPEC).load(KEYS, 6)
    again = []
    with pytest.warns(UserWarning, match=f"deleted: .*{hurt.stem}"):
        filled(tmp_path, KEYS, lambda part: again.extend(part) or [vector(key) for key in part])
    assert len(again) == 3
    np.testing.assert_array_equal(Store(tmp_path, SPEC).load(KEYS, 6)[0], expected)


def test_temporary_file_of_a_killed_process_is_ignored_and_later_deleted(tmp_path):
    store = filled(tmp_path, KEYS)
    (listing,) = store.folder.glob("*.parquet")
    left = store.folder / f".{listing.stem}.4711.partial.parquet"
    left.write_bytes(listing.read_bytes()[:100])
    assert not Store(tmp_path, SPEC).missing(KEYS)
    filled(tmp_path, KEYS)
    assert left.exists()  # it may still be written
    os.utime(left, (1, 1))
    filled(tmp_path, KEYS)
    assert not left.exists()


def test_interruption_loses_one_batch(tmp_path, small):
    def interrupted(part):
        if "g" in part:
            raise KeyboardInterrupt
        return [vector(key) for key in part]

    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path, KEYS, interrupted)
    assert Store(tmp_path, SPEC).missing(KEYS) == KEYS[6:]


def test_vectors_of_another_process_are_not_recomputed(tmp_path, small):
    computed = []

    def and_another_meanwhile(part):
        if not computed:
            filled(tmp_path, KEYS[3:8])
        computed.extend(part)
        return [vector(key) for key in part]

    filled(tmp_path, KEYS, and_another_meanwhile)
    assert computed == [*KEYS[:3], *KEYS[8:]]


def _fill(tmp_path, keys):
    Store.shard = 4
    filled(tmp_path, keys, lambda part: time.sleep(0.004) or [vector(key) for key in part])


def test_concurrent_killed_extractions_leave_correct_vectors(tmp_path):
    keys = [chr(ord("a") + number) * 2 for number in range(200)]
    run_and_kill_at_random(_fill, tmp_path, keys, kills=12)
    vectors, present = Store(tmp_path, SPEC).load(keys, 6)
    assert present.all()
    np.testing.assert_array_equal(vectors, [vector(key) for key in keys])


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 60))
def test_save_batches_contain_each_key_once_and_are_bounded(sizes, at_most):
    keys = [str(number) for number in range(len(sizes))]
    batches = list(save_batches(keys, sizes, at_most, 2048))
    assert [key for batch in batches for key in batch] == keys
    for batch in batches:
        assert len(batch) == 1 or sum(sizes[int(key)] for key in batch) <= at_most


def test_shard_without_its_list_is_ignored(tmp_path):
    store = filled(tmp_path, KEYS)
    next(store.folder.glob("*.parquet")).unlink()
    assert Store(tmp_path, SPEC).missing(KEYS) == KEYS
