"""Where a recording is cut, however its blocks fall."""

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


def cut(samples, size=160_000, longest=15.0):
    return list(segmentation.at_pauses(blocks(samples, size), voice_activity.begin("energy"), longest))


def test_between_pauses_and_not_within_or_for_a_noise():
    found = cut(LONG)
    assert [(round(s.start, 1), round(s.end, 1)) for s in found] == [
        (pytest.approx(0.8, abs=0.11), pytest.approx(3.2, abs=0.11)),
        (pytest.approx(3.8, abs=0.11), pytest.approx(8.5, abs=0.11)),
    ]


def test_a_stretch_is_what_the_recording_holds_there():
    for s in cut(LONG):
        first = round(s.start * RATE_HZ)
        assert (s.samples == LONG[first : first + len(s.samples)]).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(400, 200_000))
def test_blocks_do_not_matter_to_a_detector_that_goes_by_the_window(size):
    def loud(windows):
        return np.where(voice_activity.level_db(windows) > -45, 1.0, 0.0)

    told = [[(s.start, s.end) for s in segmentation.at_pauses(blocks(LONG, n), loud, 15.0)] for n in (size, len(LONG))]
    assert told[0] == told[1]


def test_without_a_pause_it_is_cut_where_it_is_quietest():
    found = cut(np.concatenate([tone(13), 0.02 * tone(0.3), tone(13), quiet(6)]))
    assert all(s.end - s.start <= 15 for s in found)
    assert found[0].end == pytest.approx(13.2, abs=0.5)
    assert found[-1].end == pytest.approx(26.4, abs=0.5)


def test_nobody_speaks():
    assert cut(quiet(20)) == []
    assert cut(np.zeros(0, np.float32)) == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0.001, 5)), max_size=8), st.integers(100, 100_000))
def test_subtitles_get_their_seconds(times, size):
    ramp = np.arange(15 * RATE_HZ, dtype=np.float32)
    cues = sorted(Cue(start, start + length, "x") for start, length in times)
    for cue, s in zip(cues, segmentation.at_times(blocks(ramp, size), cues, 3.0), strict=True):
        first, last = round(cue.start * RATE_HZ), round(min(cue.end, cue.start + 3.0) * RATE_HZ)
        assert (s.samples == ramp[first:last]).all()


def test_what_comes_first_and_the_rest_are_all():
    head, rest = segmentation.begin(blocks(LONG, 5000), 2.0)
    assert len(head) > 2 * RATE_HZ
    assert (np.concatenate([head, *rest]) == LONG).all()


@pytest.mark.parametrize("samples", [np.zeros(1, np.float32), np.zeros(RATE_HZ, np.float32), quiet(2)])
def test_silence_is_nobody(samples):
    assert not voice_activity.somebody(samples, "energy")


@pytest.mark.parametrize("samples", [tone(0.05), tone(3)])
def test_a_voice_is_somebody(samples):
    assert voice_activity.somebody(samples, "energy")
