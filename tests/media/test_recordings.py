"""Recordings in shards: precision, failures, interruptions and damage."""

import os
import pickle
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mer import shards
from mer.media import audio
from mer.media import recordings as decoded
from tests.media import test_container
from tests.process_control import run_and_kill_at_random

SPEC = decoded.spec(0.1, 30.0)


def restored(samples):
    coded = decoded.encode(samples)
    return coded, np.multiply(coded.samples, coded.scale, dtype=np.float32, casting="unsafe")


@given(arrays.arrays(np.int16, st.integers(1, 50)))
def test_samples_of_sixteen_bits_are_stored_exactly(whole):
    samples = whole / np.float32(2**15)
    coded, back = restored(samples)
    np.testing.assert_array_equal(coded.samples, whole)
    np.testing.assert_array_equal(back, samples)


@given(arrays.arrays(np.int32, st.integers(1, 50), elements=st.integers(-(2**20), 2**20)), st.integers(-30, 30))
def test_other_samples_are_stored_within_half_a_step(steps, exponent):
    samples = (steps * 10.0**exponent).astype(np.float32)
    _, back = restored(samples)
    peak = np.abs(samples).max()
    assert np.abs(back.astype(np.float64) - samples).max() <= (0.5 / 32767 + 2.0**-22) * peak  # and float32's rounding
    assert np.isfinite(back).all()


@pytest.mark.parametrize("samples", [[1.0, -1.0], [1.0, 0.3], [3.7, -8.0], [1e-6, 3e-7], [0.0], [-1.0]])
def test_loud_and_quiet_samples_are_stored_precisely(samples):
    samples = np.array(samples, np.float32)
    np.testing.assert_allclose(restored(samples)[1], samples, atol=np.abs(samples).max() / 65_000)


def noise(number, length=4000):
    return np.random.default_rng(number).integers(-9000, 9000, length).astype(np.int16) / np.float32(2**15)


def folder(tmp_path, spec=SPEC):
    return decoded.Recordings(tmp_path / "store", spec)


def test_every_kind_of_file_is_decoded(tmp_path):
    def write(name, samples, rate=16_000, **more):
        soundfile.write(tmp_path / name, samples, rate, **more)

    wide = np.clip(np.random.default_rng(0).normal(0, 1.5, 16_000), -7, 7)
    write("16.wav", noise(1))
    write("16.flac", noise(2))
    write("loud.wav", wide, subtype="DOUBLE")
    write("clipped.wav", np.clip(wide, -1, 1))
    write("stereo.wav", np.stack([noise(3), noise(4)], 1), 44_100)
    write("one.wav", noise(5, 1))
    write("silent.wav", np.zeros(16_000))
    write("nan.wav", np.array([0.1, np.nan]), subtype="FLOAT")
    write("huge.wav", np.array([0.1, 1e300]), subtype="DOUBLE")
    (tmp_path / "text.wav").write_text("not a sound")
    for name, codec in test_container.KINDS.items():
        test_container.write(tmp_path / name, codec, seconds=0.5)
    (tmp_path / "text.mp4").write_text("not a film, and longer than nothing at all")
    names = sorted(path.name for path in tmp_path.iterdir())

    def read(name):
        return audio.read_mono(tmp_path / name, min_seconds=0.1, max_seconds=30.0)

    recordings = folder(tmp_path)
    recordings.decode(names, read, jobs=3)
    errors = dict(zip(names, recordings.errors(names), strict=True))
    refused = {"nan.wav": "not numbers", "huge.wav": "not numbers", "text.wav": "not readable",
               "text.mp4": "not readable"}  # fmt: skip
    for name in names:
        if name in refused:
            assert refused[name] in errors.pop(name)
            with pytest.raises(KeyError, match=name):
                recordings.samples(name)
            continue
        kept, direct = recordings.samples(name), read(name)
        assert kept.dtype == np.float32
        np.testing.assert_allclose(kept, direct, rtol=0, atol=np.abs(direct).max() / 65_000)
        if name in ("16.wav", "16.flac", "clipped.wav", "one.wav", "silent.wav"):
            np.testing.assert_array_equal(kept, direct)
    assert not any(errors.values())
    assert len(recordings.samples("one.wav")) == 1600
    assert np.abs(recordings.samples("loud.wav")).max() == pytest.approx(np.abs(wide).max())


def test_failures_only_make_no_shard(tmp_path):
    (tmp_path / "a.wav").write_text("not a sound")
    folder(tmp_path).decode(["a.wav"], lambda name: audio.read_mono(tmp_path / name))
    again = folder(tmp_path)
    assert not again.missing(["a.wav"])  # a failure is not tried again
    assert "not readable" in again.errors(["a.wav"])[0]


def test_long_recording_has_its_own_shard_and_a_known_length(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "SHARD_SAMPLES", 20_000)
    sounds = {"a": noise(1), "long": noise(2, 16_000 * 600), "b": noise(3), "c": noise(4, 30_000), "d": noise(5)}
    recordings = folder(tmp_path)
    recordings.decode(list(sounds), sounds.__getitem__)
    assert len(list(recordings.folder.glob("*.npy"))) == 3  # a long, b c, d
    np.testing.assert_array_equal(recordings.samples("long"), sounds["long"])
    monkeypatch.setattr(decoded, "_last_mapped", None)
    chosen = recordings.select(["d", "long", "a"])
    assert chosen.lengths.tolist() == [4000, 16_000 * 600, 4000]
    assert recordings.lengths(["d", "?"]).tolist() == [4000, 0]


def test_selection_is_a_sequence_that_can_be_pickled(tmp_path):
    recordings = folder(tmp_path)
    recordings.decode(["a", "b", "c"], lambda key: noise(ord(key)))
    chosen = recordings.select(["c", "a", "b"])
    chosen[0]
    packed = pickle.dumps(chosen)
    assert len(packed) < 4000  # no samples in it
    for sounds in (chosen, pickle.loads(packed)):  # noqa: S301
        assert len(sounds) == 3
        np.testing.assert_array_equal(sounds[0], noise(ord("c")))
        np.testing.assert_array_equal(sounds[np.array([2, 0])][0], noise(ord("b")))
        assert [len(sound) for sound in sounds] == [4000] * 3  # iteration ends
    assert len(recordings.select([])) == 0


def test_other_lengths_or_rates_have_other_stores(tmp_path):
    folder(tmp_path).decode(["a"], lambda _: noise(1))
    for other in (decoded.spec(0.1, 20.0), decoded.spec(0.2, 30.0), decoded.spec(0.1, 30.0, 8000)):
        assert folder(tmp_path, other).missing(["a"]) == ["a"]


@pytest.mark.parametrize("jobs", [1, 4])
def test_interruption_keeps_complete_shards(tmp_path, monkeypatch, jobs):
    monkeypatch.setattr(decoded, "SHARD_SAMPLES", 12_000)
    keys, read_again = [f"{number}" for number in range(20)], []

    def interrupted(key):
        if key == "10":
            raise KeyboardInterrupt
        return noise(int(key))

    with pytest.raises(KeyboardInterrupt):
        folder(tmp_path).decode(keys, interrupted, jobs)
    assert not list(folder(tmp_path).folder.glob(".*"))
    folder(tmp_path).decode(keys, lambda key: read_again.append(key) or noise(int(key)), jobs)
    assert sorted(read_again, key=int) == keys[9:]
    for key in keys:
        np.testing.assert_array_equal(folder(tmp_path).samples(key), noise(int(key)))


def test_number_of_threads_does_not_change_shards(tmp_path):
    keys, content = [f"{number}" for number in range(30)], []
    for jobs in (1, 5):
        recordings = folder(tmp_path / str(jobs))
        recordings.decode(keys, lambda key: time.sleep(0.001 * (int(key) % 3)) or noise(int(key)), jobs)
        content.append({path.name: path.read_bytes() for path in recordings.folder.glob("*.npy")})
    assert content[0] == content[1]


def test_damaged_shard_is_refused_by_readers_and_decoded_again(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "SHARD_SAMPLES", 12_000)
    keys = [f"{number}" for number in range(9)]
    folder(tmp_path).decode(keys, lambda key: noise(int(key)))
    cut = sorted(folder(tmp_path).folder.glob("*.npy"))[1]
    os.truncate(cut, 5000)
    with pytest.raises(shards.DamagedShard, match=rf"{cut.name}: damaged .*run step 02 again"):
        folder(tmp_path).samples("0")
    again = []
    with pytest.warns(UserWarning, match=cut.name):
        folder(tmp_path).decode(keys, lambda key: again.append(key) or noise(int(key)))
    assert len(again) == 3
    for key in keys:
        np.testing.assert_array_equal(folder(tmp_path).samples(key), noise(int(key)))


def _decode(tmp_path, keys):
    decoded.SHARD_SAMPLES = 3000
    folder(tmp_path).decode(keys, lambda key: time.sleep(0.001) or noise(int(key), 500 + int(key)), jobs=2)


def test_two_decoders_killed_at_random_leave_correct_shards(tmp_path):
    keys = [f"{number}" for number in range(150)]
    run_and_kill_at_random(_decode, tmp_path, keys, kills=12)
    recordings = folder(tmp_path)
    assert not recordings.missing(keys)
    for key in keys:
        np.testing.assert_array_equal(recordings.samples(key), noise(int(key), 500 + int(key)))
    left = list(recordings.folder.glob(".*.partial.*"))
    for partial in left:
        os.utime(partial, (1, 1))
    recordings.repair()
    assert not list(recordings.folder.glob(".*.partial.*"))
