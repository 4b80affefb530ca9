"""One recording has one digest in every file."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from mer.dataset.identity import recording_digests
from mer.media import audio

RATE = 16_000
NOISE = np.random.default_rng(0).normal(0, 0.1, RATE)


def written(folder, name, samples, rate=RATE, subtype="PCM_16"):
    soundfile.write(folder / name, samples, rate, subtype=subtype)
    return {"source_path": name, "audio_sha256": f"file {name}", "start": None, "end": None}


def digests(folder, rows, cache=None):
    return recording_digests.samples_digests(pd.DataFrame(rows), folder, cache).tolist()


def test_a_recording_has_one_digest_in_any_file(tmp_path):
    soundfile.write(tmp_path / "a.wav", NOISE, RATE)
    samples, _ = soundfile.read(tmp_path / "a.wav")
    copies = [
        written(tmp_path, "copy.flac", samples),
        written(tmp_path, "inverted.wav", -samples),
        written(tmp_path, "two_channels.wav", np.stack([samples, samples], axis=1)),
        written(tmp_path, "padded.wav", np.pad(samples, (700, 900))),
        written(tmp_path, "24_bits.wav", samples, subtype="PCM_24"),
        written(tmp_path, "other_header.wav", samples, 15_000),
    ]
    result = digests(tmp_path, [written(tmp_path, "a.wav", samples), *copies])
    assert len(set(result)) == 1
    assert result[0] is not None


def test_other_recordings_and_silence_differ(tmp_path):
    rows = [
        written(tmp_path, "one.wav", NOISE),
        written(tmp_path, "other.wav", NOISE[::-1]),
        written(tmp_path, "silent.wav", np.zeros(RATE)),
        written(tmp_path, "silent_too.wav", np.zeros(2 * RATE)),
        {"source_path": "gone.wav", "audio_sha256": "gone", "start": None, "end": None},
        {"source_path": None, "audio_sha256": None, "start": None, "end": None},
    ]
    result = pd.Series(digests(tmp_path, rows))
    assert result.notna().tolist() == [True, True, False, False, False, False]
    assert result[0] != result[1]


def test_a_segment_equals_the_cut_clip(tmp_path):
    whole = written(tmp_path, "long.wav", np.tile(NOISE, 3) * np.repeat([0.5, 1, 0.7], RATE))
    samples, _ = soundfile.read(tmp_path / "long.wav")
    stretch = whole | {"start": 1.0, "end": 2.0}
    cut = written(tmp_path, "cut.flac", samples[RATE : 2 * RATE])
    result = digests(tmp_path, [whole, stretch, cut])
    assert result[1] == result[2] != result[0]


def test_cached_digests_are_not_computed_again(tmp_path, monkeypatch):
    rows = [written(tmp_path, "a.wav", NOISE), written(tmp_path, "b.wav", NOISE[::2])]
    first = digests(tmp_path, rows[:1], tmp_path / "store")
    monkeypatch.setattr(audio, "read_native", lambda path, **_: pytest.fail(f"{path} is decoded again"))
    assert digests(tmp_path, rows[:1], tmp_path / "store") == first


def test_a_flipped_bit_in_the_cache_is_detected(tmp_path):
    rows = [written(tmp_path, "a.wav", NOISE), written(tmp_path, "b.wav", NOISE[::2])]
    first = digests(tmp_path, rows, tmp_path / "store")
    [path] = (tmp_path / "store").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="deleted: .*recordings are decoded again"):
        assert digests(tmp_path, rows, tmp_path / "store") == first


@given(st.integers(-(2**15), 2**15 - 1), st.integers(0, 300), st.integers(0, 300))
def test_digests_of_extreme_samples_ignore_padding_and_polarity(first, before, after):
    steps = np.r_[first, np.full(200, -(2**15)), 1] / 2**15
    assert recording_digests.digest(steps) == recording_digests.digest(-np.pad(steps, (before, after)))
