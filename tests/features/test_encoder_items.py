"""What a trained encoder reads of each row."""

import numpy as np

from mer.features import encoder_items
from mer.media import recordings
from mer.params.features import read_inputs

DECODING = recordings.spec(0.1, 30.0)


def items(folder):
    """Recordings of three rows, of which one is unreadable in effect because it has no file, and their texts."""
    inputs = read_inputs({name: {"extractor": "encoder", "model": "x", "train": "all"} for name in ("audio", "text")})
    store = recordings.Recordings(folder, DECODING)
    clips = {"a": np.full(4, 0.5, np.float32), "b": np.full(6, 0.25, np.float32)}
    store.decode(list(clips), clips.__getitem__)
    keys = {"audio": ["b", None, "a"], "text": ["one", "three", None]}
    return encoder_items.load(inputs, keys, folder, dict.fromkeys(inputs, DECODING))


def test_rows_read_their_recording_or_text(tmp_path):
    loaded = items(tmp_path)
    assert [len(clip) for clip in loaded["audio"].select(np.array([2, 0]))] == [4, 6]
    assert loaded["text"].select(np.array([1, 0])) == ["three", "one"]
    assert loaded["audio"].lengths(np.arange(3)).tolist() == [6, 0, 4]
    assert loaded["text"].lengths(np.arange(3)).tolist() == [3, 5, 0]


def test_rows_that_a_job_must_not_read_can_be_replaced(tmp_path):
    others = np.array([False, True, True])
    replaced = {name: one.with_item_of(0, others) for name, one in items(tmp_path).items()}
    assert [len(clip) for clip in replaced["audio"].select(np.arange(3))] == [6, 6, 6]
    assert replaced["text"].select(np.arange(3)) == ["one"] * 3
    assert [len(one.of_rows(np.array([2, 1]))) for one in replaced.values()] == [2, 2]
