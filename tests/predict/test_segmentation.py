"""Segmentation of recordings, for blocks of any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.media.audio import RATE_HZ
from mer.predict.inputs import segmentation, voice_activity
from mer.predict.inputs.subtitles import Cue
from tests.predict.conftest import quiet, tone

LONG = np.concatenate([quiet(1), tone(2), quiet(1, 2), tone(3, 1), quiet(0.3, 3), tone(1, 2), quiet(7, 4), tone(0.1)])


def blocks(samples, size):
    return iter([samples[first : first + size] for first in range(0, len(samples), size)])


def cut(samples, size=160_000, max_seconds=15.0):
    return list(segmentation.at_pauses(blocks(samples, size), voice_activity.open_detector("energy"), max_seconds))


def test_cuts_are_at_pauses_and_noise_is_left_out():
    segments = cut(LONG)
    assert [(round(s.start, 1), round(s.end, 1)) for s in segments] == [
        (pytest.approx(0.8, abs=0.11), pytest.approx(3.2, abs=0.11)),
        (pytest.approx(3.8, abs=0.11), pytest.approx(8.5, abs=0.11)),
    ]


def test_segment_equals_the_samples_of_the_recording():
    for s in cut(LONG):
        first = round(s.start * RATE_HZ)
        assert (s.samples == LONG[first : first + len(s.samples)]).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(400, 200_000))
def test_segments_do_not_depend_on_the_size_of_blocks(size):
    def loud(windows):
        return np.where(voice_activity.level_db(windows) > -45, 1.0, 0.0)

    times = [[(s.start, s.end) for s in segmentation.at_pauses(blocks(LONG, n), loud, 15.0)] for n in (size, len(LONG))]
    assert times[0] == times[1]


def test_speech_without_a_pause_is_cut_at_the_quietest_point():
    segments = cut(np.concatenate([tone(13), 0.02 * tone(0.3), tone(13), quiet(6)]))
    assert all(s.end - s.start <= 15 for s in segments)
    assert segments[0].end == pytest.approx(13.2, abs=0.5)
    assert segments[-1].end == pytest.approx(26.4, abs=0.5)


def test_silence_has_no_segments():
    assert cut(quiet(20)) == []
    assert cut(np.zeros(0, np.float32)) == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0.001, 5)), max_size=8), st.integers(100, 100_000))
def test_segments_of_subtitles_have_their_times(times, size):
    ramp = np.arange(15 * RATE_HZ, dtype=np.float32)
    cues = sorted(Cue(start, start + length, "x") for start, length in times)
    for cue, s in zip(cues, segmentation.at_times(blocks(ramp, size), cues, 3.0), strict=True):
        first, last = round(cue.start * RATE_HZ), round(min(cue.end, cue.start + 3.0) * RATE_HZ)
        assert (s.samples == ramp[first:last]).all()


def test_beginning_and_remaining_blocks_are_the_whole():
    head, rest = segmentation.whole(blocks(LONG, 5000), 2.0)
    assert len(head) > 2 * RATE_HZ
    assert (np.concatenate([head, *rest]) == LONG).all()


@pytest.mark.parametrize("samples", [np.zeros(1, np.float32), np.zeros(RATE_HZ, np.float32), quiet(2)])
def test_silence_contains_no_speech(samples):
    assert not voice_activity.contains_speech(samples, "energy")


@pytest.mark.parametrize("samples", [tone(0.05), tone(3)])
def test_voice_contains_speech(samples):
    assert voice_activity.contains_speech(samples, "energy")
