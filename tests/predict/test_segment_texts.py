"""Texts of segments: many are transcribed at once, and each segment knows the texts before it."""

import numpy as np
import pytest

from mer.features.extractor import Unavailable
from mer.media.speech_recognition import Transcript
from mer.predict.inputs.recogniser import Recogniser
from mer.predict.inputs.segment_texts import SegmentTexts
from mer.predict.inputs.segments import PendingSegment
from mer.predict.outputs.prediction import Prediction


def segment(length, text=None, is_first=False):
    samples = np.zeros(length, np.float32) if length else Unavailable("nothing")
    return PendingSegment(Prediction("x", text=text), samples, Unavailable("no video"), is_first)


@pytest.fixture
def calls():
    return []


@pytest.fixture
def recogniser(calls):
    """A recogniser that writes the number of samples; of 5 samples it recognises nothing."""

    def transcribe(recordings):
        calls.append([len(one) for one in recordings])
        return [Transcript("" if len(one) == 5 else str(len(one)), "de", 0.5) for one in recordings]

    return Recogniser(transcribe, "counter")


def test_segments_without_text_are_transcribed_in_one_call(recogniser, calls):
    batch = [segment(1, is_first=True), segment(2, "given"), segment(0), segment(5), segment(3)]
    completed = SegmentTexts(0, recogniser).complete(batch)
    assert calls == [[1, 5, 3]]
    assert [one.prediction.text for one in completed] == ["1", "given", None, None, "3"]
    assert [one.prediction.text_source for one in completed] == ["counter", None, None, "counter", "counter"]
    assert completed[0].prediction.language == "de"
    assert all(one.turns == () for one in completed)


def test_turns_continue_over_batches_and_end_with_the_recording(recogniser):
    texts = SegmentTexts(2, recogniser)
    first = texts.complete([segment(1, is_first=True), segment(2), segment(5)])
    second = texts.complete([segment(3), segment(4), segment(7, is_first=True), segment(8)])
    assert [one.turns for one in first] == [(), ("1",), ("1", "2")]
    assert [one.turns for one in second] == [("1", "2"), ("2", "3"), (), ("7",)]


def test_nothing_is_transcribed_without_a_recogniser():
    batch = [segment(1, is_first=True), segment(2, "given"), segment(3)]
    completed = SegmentTexts(1).complete(batch)
    assert [one.prediction.text for one in completed] == [None, "given", None]
    assert [one.turns for one in completed] == [(), (), ("given",)]
