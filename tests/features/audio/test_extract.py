"""Extraction of recordings: which files are read, and how much memory a batch takes."""

import importlib
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer import features, files
from mer.features import audio as audio_features
from mer.features.audio import mfcc
from mer.features.audio.mfcc import mfcc_statistics
from mer.media import audio, recordings
from mer.params.schema import AudioFeatures, Data

DATA = Data(min_seconds=0.1, max_seconds=30.0)


@pytest.fixture
def manifest(tmp_path):
    """Three recordings, two segments of a fourth, one that is not audio, and one that silence replaces."""
    rows = []
    names = ["0.wav", "1.flac", "2.wav", "3.wav", "3.wav", "text.wav", "gone.wav"]
    edges = [(None, None)] * 3 + [(0.5, 1.5), (1.5, 2.0)] + [(None, None)] * 2
    for number, (name, (start, end)) in enumerate(zip(names, edges, strict=True)):
        if name == "text.wav":
            (tmp_path / name).write_text("not audio at all")
        elif name != "gone.wav" and not (tmp_path / name).exists():
            soundfile.write(tmp_path / name, np.random.default_rng(number).normal(0, 0.1, 40_000), 16_000)
        sha = files.digest_file(tmp_path / name) if name != "gone.wav" else None
        rows.append({"source_path": name, "audio_sha256": sha, "start": start, "end": end, "duration": 1.0,
                     "audio_ok": name != "gone.wav"})  # fmt: skip
    return pd.DataFrame(rows).astype({"start": "Float64", "end": "Float64", "audio_sha256": "str"})


def extract(manifest, raw, other=None, jobs=1, **section):
    store = features.Store(raw / "store", audio_features.spec(AudioFeatures(**section), DATA))
    audio_features.extract(manifest, raw, store, other or compute(jobs, **section), jobs)
    return store


def compute(jobs, **section):
    return mfcc.EXTRACTOR.open(AudioFeatures(**section), features.Resources(jobs=jobs))


def test_segments_with_an_open_edge_have_vectors_of_their_own(manifest, tmp_path):
    rows = manifest.iloc[[3, 3, 3]].reset_index(drop=True)
    rows[["start", "end"]] = pd.DataFrame({"start": [None, 1.0, 2.0], "end": [1.0, None, None]}, dtype="Float64")
    vectors, present = extract(rows, tmp_path).load(audio_features.keys(rows), 160)
    assert present.all()
    for vector, edges in zip(vectors, [{"end": 1.0}, {"start": 1.0}, {"start": 2.0}], strict=True):
        np.testing.assert_array_equal(vector, compute(jobs=1)([audio.read_mono(tmp_path / "3.wav", **edges)])[0])


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_row_has_a_vector_or_a_reason(manifest, tmp_path, jobs):
    store = extract(manifest, tmp_path, jobs=jobs)
    vectors, present = store.load(audio_features.keys(manifest), 160)
    assert present.tolist() == [True] * 5 + [False, True]
    assert [bool(error) for error in store.errors(audio_features.keys(manifest))] == [False] * 5 + [True, False]
    for row in manifest.index[:5]:
        path, start, end = manifest.loc[row, ["source_path", "start", "end"]].replace({pd.NA: None})
        direct = audio.read_mono(tmp_path / path, start=start, end=end)
        np.testing.assert_array_equal(vectors[row], compute(jobs=1)([direct])[0])
    np.testing.assert_array_equal(vectors[6], mfcc_statistics(np.zeros(16_000, np.float32)))


def test_another_extractor_does_not_decode_files_again(manifest, tmp_path, monkeypatch):
    extract(manifest, tmp_path)
    for path in tmp_path.glob("*.*"):
        path.unlink()
    monkeypatch.setattr(audio, "read_mono", None)
    store = extract(manifest, tmp_path, n_mfcc=13)
    assert store.load(audio_features.keys(manifest), 26)[1].sum() == 6
    assert "not readable" in store.errors(audio_features.keys(manifest))[5]


def test_batches_are_bounded_and_read_on_access(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("mer.features.audio.extract"), "BATCH_SECONDS", 3)
    lengths_of_batches, read = [], []

    def mapped(path):
        read.append(path)
        return recordings.mapped(path)

    mapped.cache_clear = lambda: None
    monkeypatch.setattr(recordings, "_last_mapped", mapped)

    def other(clips):
        lengths_of_batches.append(clips.lengths.tolist())
        assert not read
        for sound, length in zip(clips, clips.lengths, strict=True):
            assert len(sound) == length
        read.clear()
        return [np.zeros(160, np.float32)] * len(clips)

    extract(manifest, tmp_path, other)
    assert lengths_of_batches == [[40_000], [40_000], [40_000], [16_000, 8_000, 16_000]]


def test_missing_file_is_an_error_and_decoded_recordings_are_kept(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "SHARD_SAMPLES", 1)
    (tmp_path / "2.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"2\.wav: the recording does not exist any more"):
        extract(manifest, tmp_path)
    spec = recordings.spec(DATA.min_seconds, DATA.max_seconds)
    assert recordings.Recordings(tmp_path / "store", spec).lengths(audio_features.keys(manifest)[:2]).all()


def test_memory_for_ten_minutes_is_bounded():
    samples = np.random.default_rng(0).normal(0, 0.1, 600 * 16_000).astype(np.float32)
    tracemalloc.start()
    (whole,) = compute(jobs=1)([samples])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(whole).all()
    assert peak < 70e6


def test_vectors_do_not_depend_on_threads():
    rng = np.random.default_rng(0)
    clips = [rng.normal(0, 0.1, int(length)).astype(np.float32) for length in rng.integers(1, 60_000, 40)]
    expected = compute(jobs=1)(clips) * 3
    for actual, vector in zip(compute(jobs=4)(clips * 3), expected, strict=True):
        np.testing.assert_array_equal(actual, vector)
