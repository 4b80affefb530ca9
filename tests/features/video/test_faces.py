"""Selection of one face per video, and detection of faces."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from mer.features.video import detectors, faces
from mer.features.video.detectors import Box
from mer.files import MissingPackage
from mer.params.schema import VideoFeatures
from tests.features.video.onnx_file import bright_cells

BLANK = np.zeros((100, 400, 3), np.uint8)


def numbered(count):
    """Return frames whose first pixel is their number."""
    return [np.full((100, 400, 3), i, np.uint8) for i in range(count)]


def followed(boxes_by_frame, per_second=5.0):
    """Return frame -> box of the selected face."""
    detect = lambda frame: boxes_by_frame[int(frame[0, 0, 0])]  # noqa: E731
    face = faces.select_face(numbered(len(boxes_by_frame)), detect, per_second)
    assert face.frame_count == len(boxes_by_frame)
    return face.boxes


def box(left, side=40, top=10):
    return Box(left, top, left + side, top + side)


def test_one_of_five_faces_is_selected():
    five = [[box(80 * i + n, side) for i, side in enumerate((40, 42, 44, 60, 46))] for n in range(6)]
    selected = followed(five)
    assert selected == {n: box(240 + n, 60) for n in range(6)}


def test_face_with_the_largest_sum_of_areas_is_selected_then_the_first_then_the_left():
    brief_large = [[box(0, 40)] + ([box(200, 60)] if n < 2 else []) for n in range(8)]  # 8 · 1600 against 2 · 3600
    assert set(followed(brief_large).values()) == {box(0, 40)}
    assert set(followed([[box(200), box(0)], [box(200), box(0)]]).values()) == {box(0)}
    assert set(followed([[box(200)], [box(200), box(0)], [box(0)]]).values()) == {box(200)}


def test_face_may_be_undetected_for_up_to_a_second():
    interrupted = [[box(0)], [], [], [], [], [box(2)], [box(3)]]
    assert sorted(followed(interrupted)) == [0, 5, 6]
    assert sorted(followed([[box(0)], *[[]] * 5, [box(2)], [box(3)]])) == [6, 7]  # longer: another face
    assert followed([[], []]) == {}


@given(st.lists(st.lists(st.tuples(st.integers(0, 360), st.integers(8, 40)), max_size=5), min_size=1, max_size=9))
def test_selection_does_not_depend_on_the_order_of_boxes(listed):
    boxes = [sorted({box(x, side) for x, side in one}) for one in listed]
    selected = followed(boxes)
    assert bool(selected) == any(boxes)
    numbers = sorted(selected)
    for number in numbers:
        assert selected[number] in boxes[number]
    for first, second in itertools.pairwise(numbers):
        assert detectors.overlap(selected[first], selected[second]) >= faces.MIN_OVERLAP
        assert second - first <= 5
    if len({b.area for one in boxes for b in one}) == sum(map(len, boxes)):  # no two of equal area
        assert followed([one[::-1] for one in boxes]) == selected


@pytest.mark.parametrize("size", [(160, 160), (320, 240), (1280, 960)])
def test_haar_detects_a_real_face_and_nothing_else(size):
    frame = cv2.resize(data.astronaut()[:384], size)
    [face] = detectors.haar()(frame)
    wide, high = size[0] / 512, size[1] / 384
    assert detectors.overlap(face, (175 * wide, 65 * high, 275 * wide, 170 * high)) > 0.6
    assert detectors.haar()(cv2.resize(data.rocket(), size)) == []


def test_centerface_boxes_follow_from_its_grid():
    heat, sizes, offsets = (
        np.zeros((8, 8), np.float32),
        np.zeros((2, 8, 8), np.float32),
        np.zeros((2, 8, 8), np.float32),
    )
    heat[2, 3], heat[2, 4], heat[6, 6] = 0.9, 0.8, 0.5  # the second overlaps the first
    sizes[:, 2, 3:5] = np.log([[4], [3]])  # 16 high, 12 wide
    offsets[:, 2, 3] = 0.25, -0.25  # down, and to the left
    first, second = detectors.centres(heat, sizes, offsets)
    assert first == pytest.approx([13 - 6, 11 - 8, 13 + 6, 11 + 8])
    assert second == pytest.approx([24, 24, 28, 28])


def test_centerface_returns_boxes_in_pixels_of_the_frame(tmp_path):
    path = tmp_path / "cells.onnx"
    path.write_bytes(bright_cells(24))
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[32:36, 40:44] = 255  # a cell whose middle is at (42, 34)
    assert detectors.centerface(path)(frame) == [Box(30, 22, 54, 46)]
    large = np.zeros((448, 960, 3), np.uint8)  # searched in half this size
    large[160:168, 800:808] = 255
    assert detectors.centerface(path)(large) == [Box(780, 140, 828, 188)]
    assert detectors.centerface(path)(np.zeros((64, 96, 3), np.uint8)) == []


def test_missing_or_invalid_detector_weights_are_refused(tmp_path):
    gone = VideoFeatures(detector="centerface", detector_weights=str(tmp_path / "gone.onnx"))
    with pytest.raises(detectors.NoWeights, match=r"detector_weights: .*gone.onnx does not exist; centerface.onnx"):
        detectors.describe(gone)
    (tmp_path / "text.onnx").write_text("nothing")
    with pytest.raises(detectors.NoWeights, match="not an ONNX file"):
        detectors.open_detector(VideoFeatures(detector="centerface", detector_weights=str(tmp_path / "text.onnx")))


def test_missing_opencv_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(MissingPackage, match=r"inputs of modality video need .* pip install .*\[video\]"):
        detectors.describe(VideoFeatures())


def test_opencv_without_cascades_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(MissingPackage, match="below 5"):
        detectors.open_detector(VideoFeatures())
