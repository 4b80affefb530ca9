"""From recordings to vectors, by way of shards: what is read when, and how much of it at a time."""

import importlib
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer import features, files
from mer.features import audio as acoustic
from mer.features.audio import mfcc
from mer.features.audio.mfcc import mfcc_statistics
from mer.media import audio, recordings
from mer.params.schema import AudioFeatures, Data

DATA = Data(min_seconds=0.1, max_seconds=30.0)


@pytest.fixture
def manifest(tmp_path):
    """Three recordings, two stretches of a fourth, one that is not sound, and one for which silence stands."""
    rows = []
    names = ["0.wav", "1.flac", "2.wav", "3.wav", "3.wav", "text.wav", "gone.wav"]
    edges = [(None, None)] * 3 + [(0.5, 1.5), (1.5, 2.0)] + [(None, None)] * 2
    for number, (name, (start, end)) in enumerate(zip(names, edges, strict=True)):
        if name == "text.wav":
            (tmp_path / name).write_text("not sound at all")
        elif name != "gone.wav" and not (tmp_path / name).exists():
            soundfile.write(tmp_path / name, np.random.default_rng(number).normal(0, 0.1, 40_000), 16_000)
        sha = files.digest_file(tmp_path / name) if name != "gone.wav" else None
        rows.append({"source_path": name, "audio_sha256": sha, "start": start, "end": end, "duration": 1.0,
                     "audio_ok": name != "gone.wav"})  # fmt: skip
    return pd.DataFrame(rows).astype({"start": "Float64", "end": "Float64", "audio_sha256": "str"})


def extract(manifest, raw, other=None, jobs=1, **section):
    store = features.Store(raw / "store", acoustic.spec(AudioFeatures(**section), DATA))
    acoustic.extract(manifest, raw, store, other or compute(jobs, **section), jobs)
    return store


def compute(jobs, **section):
    return mfcc.EXTRACTOR.open(AudioFeatures(**section), features.Resources(jobs=jobs))


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_row_gets_its_vector_or_its_reason(manifest, tmp_path, jobs):
    store = extract(manifest, tmp_path, jobs=jobs)
    vectors, present = store.load(acoustic.keys(manifest), 160)
    assert present.tolist() == [True] * 5 + [False, True]
    assert [bool(error) for error in store.errors(acoustic.keys(manifest))] == [False] * 5 + [True, False]
    for row in manifest.index[:5]:
        path, start, end = manifest.loc[row, ["source_path", "start", "end"]].replace({pd.NA: None})
        direct = audio.read_mono(tmp_path / path, start=start, end=end)
        np.testing.assert_array_equal(vectors[row], compute(jobs=1)([direct])[0])
    np.testing.assert_array_equal(vectors[6], mfcc_statistics(np.zeros(16_000, np.float32)))


def test_another_extractor_reads_no_file_a_second_time(manifest, tmp_path, monkeypatch):
    extract(manifest, tmp_path)
    for path in tmp_path.glob("*.*"):
        path.unlink()
    monkeypatch.setattr(audio, "read_mono", None)
    store = extract(manifest, tmp_path, n_mfcc=13)
    assert store.load(acoustic.keys(manifest), 26)[1].sum() == 6
    assert "not readable" in store.errors(acoustic.keys(manifest))[5]


def test_parts_are_bounded_by_their_length_and_read_when_asked_for(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("mer.features.audio.extract"), "PART_SECONDS", 3)
    seen, read = [], []

    def mapped(path):
        read.append(path)
        return recordings.mapped(path)

    mapped.cache_clear = lambda: None
    monkeypatch.setattr(recordings, "_last_mapped", mapped)

    def other(sounds):
        seen.append(sounds.lengths.tolist())
        assert not read
        for sound, length in zip(sounds, sounds.lengths, strict=True):
            assert len(sound) == length
        read.clear()
        return [np.zeros(160, np.float32)] * len(sounds)

    extract(manifest, tmp_path, other)
    assert seen == [[40_000], [40_000], [40_000], [16_000, 8_000, 16_000]]


def test_a_file_that_is_gone_is_no_failure_of_its_own_and_the_decoded_ones_stay(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "SHARD_SAMPLES", 1)
    (tmp_path / "2.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"2\.wav: the recording is not there any more"):
        extract(manifest, tmp_path)
    spec = recordings.spec(DATA.min_seconds, DATA.max_seconds)
    assert recordings.Recordings(tmp_path / "store", spec).lengths(acoustic.keys(manifest)[:2]).all()


def test_ten_minutes_take_no_gigabytes():
    samples = np.random.default_rng(0).normal(0, 0.1, 600 * 16_000).astype(np.float32)
    tracemalloc.start()
    (whole,) = compute(jobs=1)([samples])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(whole).all()
    assert peak < 70e6


def test_threads_and_lengths_do_not_disturb_each_other():
    rng = np.random.default_rng(0)
    sounds = [rng.normal(0, 0.1, int(length)).astype(np.float32) for length in rng.integers(1, 60_000, 40)]
    expected = compute(jobs=1)(sounds) * 3
    for found, wanted in zip(compute(jobs=4)(sounds * 3), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
