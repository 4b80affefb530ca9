import csv
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.features.audio.encoder import BUDGET
from mer.features.pretrained import batches, pooling

RATE = 16_000


def padding(lengths, result):
    """Return the share of padding over all batches, and in the worst batch."""
    sizes = [(sum(lengths[n] for n in batch), len(batch) * max(lengths[n] for n in batch)) for batch in result]
    return 1 - sum(s for s, _ in sizes) / sum(p for _, p in sizes), max(1 - s / p for s, p in sizes)


@given(st.lists(st.integers(1, 1000), max_size=80), st.integers(1, 5000))
def test_batches_hold_each_input_once_within_budget_and_padding(lengths, budget):
    result = batches.by_length(lengths, budget)
    assert sorted(n for batch in result for n in batch) == list(range(len(lengths)))
    for batch in result:
        assert len(batch) == 1 or len(batch) * max(lengths[n] for n in batch) <= budget
        assert padding(lengths, [batch])[0] <= batches.MAX_PADDING_SHARE + 1e-9


def test_typical_durations_fill_batches():
    """Durations like those of emotional speech: half of them are below 3 s, a few are ten times as long."""
    seconds = np.clip(np.random.default_rng(0).lognormal(1.1, 0.5, 2048), 0.3, 30)
    lengths = (seconds * RATE).astype(int).tolist()
    result = batches.by_length(lengths, BUDGET)
    assert padding(lengths, result)[0] < 0.02
    assert len(lengths) / len(result) > 12  # 64 s hold 18 clips of 3.5 s


@pytest.mark.skipif(not os.environ.get("MER_REAL_CORPORA"), reason="MER_REAL_CORPORA is not set")
def test_durations_of_real_corpora_fill_batches():
    with (Path(os.environ["MER_REAL_CORPORA"]) / "manifest.csv").open(encoding="utf-8") as file:
        lengths = [round(float(row["duration_s"]) * RATE) for row in csv.DictReader(file)]
    result = batches.by_length(lengths, BUDGET)
    assert padding(lengths, result)[0] < 0.01
    assert padding(lengths, result)[1] <= batches.MAX_PADDING_SHARE
    assert len(lengths) / len(result) > 15


@given(st.integers(1, 10_000), st.integers(1, 300))
def test_chunks_cover_the_length(length, longest):
    result = pooling.chunks(length, longest)
    assert [result[0][0], result[-1][1]] == [0, length]
    assert all(a[1] == b[0] for a, b in pairwise(result))
    assert {stop - start for start, stop in result} <= {length // len(result), -(-length // len(result))}
    assert max(stop - start for start, stop in result) <= longest


@given(st.integers(0, 2000), st.integers(1, 100))
def test_windows_equal_those_of_the_paper(length, step):
    expected = []
    for start in range(0, length + 1, step):
        end = min(start + 2 * step, length)
        if end - start < step and start != 0:
            break
        expected.append((start, end))
    assert pooling.windows(length, 2 * step, step) == expected


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_chunks_are_pooled_as_one(frames, seed):
    rng = np.random.default_rng(seed)
    states = [rng.normal(rng.normal(0, 10), 1, (2, n, 3)) for n in frames]  # (layers, frames, width)
    result = [pooling.Summary(s.shape[1], s.mean(axis=1), s.var(axis=1)) for s in states]
    whole = np.concatenate(states, axis=1)
    expected = np.concatenate([whole.mean(axis=1), whole.std(axis=1)], axis=-1).ravel()
    np.testing.assert_allclose(pooling.pool(result, "mean_std"), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(pooling.pool(result, "mean"), whole.mean(axis=1).ravel(), rtol=1e-5, atol=1e-5)
    means = np.stack([s.mean(axis=1) for s in states])
    expected = np.concatenate([means.mean(axis=0), means.std(axis=0)], axis=-1).ravel()
    np.testing.assert_allclose(pooling.pool(result, "windows"), expected, rtol=1e-5, atol=1e-5)
