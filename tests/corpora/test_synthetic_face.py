"""Drawn faces: a detector finds them, they are repeatable, and they depend on the emotion."""

import numpy as np
import pytest

from mer.corpora.synthetic import face, trees
from mer.corpora.synthetic.clip import Clip
from mer.features.video import detectors
from mer.media import video
from mer.params.schema import Synthetic


def clip(emotion, name="a", speaker="01", gender="male"):
    return Clip("ravdess", name, "x.wav", speaker, gender, emotion, "s")


@pytest.mark.parametrize("shift", [0.0, 1.0, 4.0])
def test_detector_finds_one_face_for_every_emotion(shift):
    detect = detectors.haar()
    for number, emotion in enumerate(face.EMOTIONS):
        who = {"speaker": str(number % 3), "gender": ("male", "female")[number % 2]}
        pictures = face.draw(clip(emotion, **who), np.linspace(0, 1, 3), seed=number, shift=shift)
        assert [len(detect(picture)) for picture in pictures] == [1, 1, 1], emotion


def test_frame_depends_on_seed_recording_and_emotion_only():
    loud = np.array([0.0, 1.0])
    draw = lambda *a, seed=0, **k: face.draw(clip(*a, **k), loud, seed=seed, shift=1.0)  # noqa: E731
    np.testing.assert_array_equal(draw("anger"), draw("anger"))
    others = [draw("happiness"), draw("anger", name="b"), draw("anger", speaker="02"), draw("anger", seed=1)]
    for other in others:
        assert (np.abs(draw("anger").astype(int) - other) > 20).any()


def test_mouth_opens_with_loudness():
    sound = np.concatenate([np.zeros(3200), 0.5 * np.sin(np.arange(3200) / 5)])
    loud = face.loudness(sound)
    np.testing.assert_allclose(loud, [0, 0, 1, 1], atol=0.02)
    assert face.loudness(np.zeros(0)).tolist() == [0.0]
    quiet, _, spoken, _ = face.draw(clip("neutral"), loud, seed=0, shift=0.0)
    dark = lambda p: (p[70:90, 52:92] < 0.4 * p.max()).sum()  # noqa: E731
    assert dark(spoken) > 1.3 * dark(quiet)


def test_videos_have_the_paths_of_the_originals_and_are_repeatable(tmp_path):
    made = trees.write(tmp_path / "a", Synthetic(speakers=2, clips=1, video=True))
    films = sorted(path for path in made.files if path.endswith((".mp4", ".flv")))
    assert len(films) == made.clips["ravdess"] + made.clips["cremad"]
    assert all((tmp_path / "a" / p.replace("/02-", "/03-").replace(".mp4", ".wav")).is_file() for p in films[-3:])
    assert "CREMA-D/VideoFlash/1001_DFA_ANG_XX.flv" in films
    again = trees.write(tmp_path / "b", Synthetic(speakers=2, clips=1, video=True))
    assert again.files == made.files
    assert len(list(video.frames(tmp_path / "a" / films[-1]))) >= 3
    without = trees.write(tmp_path / "c", Synthetic(speakers=2, clips=1))
    assert not any(path.endswith((".mp4", ".flv")) for path in without.files)
    assert {path: crc for path, crc in made.files.items() if path in without.files} == without.files
