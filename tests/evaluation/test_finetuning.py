"""What is stored beside the checkpoint of a trained encoder is used only as it was written."""

import pytest

from mer import files
from mer.evaluation import finetuning

CONTENT = {"address": "abc", "history": [{"epoch": 1, "loss": 0.25}]}


def test_a_stored_history_is_read(tmp_path):
    path = tmp_path / finetuning.ADDRESS
    assert finetuning._stored(path) is None
    files.write_json(path, CONTENT | {"digest": files.digest(CONTENT)})
    assert finetuning._stored(path) == CONTENT
    files.write_json(path, CONTENT)  # of an earlier version
    assert finetuning._stored(path) == CONTENT


@pytest.mark.parametrize(("old", "new"), [("0.25", "0.35"), ("abc", "abd"), ('"history"', '"histary"'), ("{", "[")])
def test_a_stored_history_with_a_flipped_byte_is_not_used(tmp_path, capsys, old, new):
    path = tmp_path / finetuning.ADDRESS
    files.write_json(path, CONTENT | {"digest": files.digest(CONTENT)})
    path.write_text(path.read_text().replace(old, new, 1))
    assert finetuning._stored(path) is None
    assert "address.json: damaged; the model is trained again" in capsys.readouterr().out
