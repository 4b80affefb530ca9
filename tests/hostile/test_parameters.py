"""Studies whose YAML is damaged or made to do harm: one message, and nothing runs."""

import pytest

import run_all
from mer import params
from mer.params.load import MAX_TEXT
from tests.hostile.test_tables import BOMB

BROKEN = {
    "an invalid date": ("name: 2024-13-45x\nseed: 2024-13-45", "there is no such parameter"),
    "a time": ("name: 2024-01-01T99:99:99", "name"),
    "aliases": (BOMB, "values, with what aliases repeat"),
    "recursion": ("data: &a {raw: *a}", "is not defined before it is used"),
    "depth": ("data: " + "[" * 5000, "nest"),
    "depth of mappings": ("data: " + "{a: " * 5000, "are nested"),
    "digits": (f"splits: {{seed: {'9' * 5000}}}", "line 1: '9999"),
    "64 bits": ("splits: {seed: 99999999999999999999999}", "splits.seed: an integer of more than 64 bits"),
    "sexagesimal": (f"splits: {{seed: {'1:' * 3000}1.5}}", "line 1"),
    "zero": ('data: {raw: "a\\0b"}', "data.raw: the text holds a character"),
    "half a pair": ('data: {raw: "a\\ud800b"}', "x.yaml: 1 problem"),
    "5,000 letters": (f"data: {{raw: {'x' * 5000}}}", f"data.raw: a text of 5000 characters; at most {MAX_TEXT}"),
    "an empty integer": ("splits: {seed: !!int ''}", "line 1"),
    "a word as truth": ("data: {synthetic: {video: !!bool maybe}}", "line 1"),
    "python": ("data: !!python/object/apply:os.system [echo]", "could not determine a constructor"),
    "control characters": ("data: \x07", "not readable as YAML"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_study_is_one_message(tmp_path, name):
    text, reason = BROKEN[name]
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(params.ParamsError) as caught:
        params.load(tmp_path / "x.yaml")
    assert reason in str(caught.value)
    assert "x.yaml" in str(caught.value)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("value", ["[" * 5000, "9" * 5000, "!!int ''", '"\\0"', "x" * 5000, "2024-13-45x: ["])
def test_a_broken_override_is_one_message(value):
    with pytest.raises(params.ParamsError, match=r"data\.raw"):
        params.load("params/demo.yaml", [f"data.raw={value}"])


def test_a_date_is_a_text(tmp_path):
    (tmp_path / "x.yaml").write_text("name: 2024-01-02\ncorpora: [emodb]\n")
    assert params.load(tmp_path / "x.yaml").name == "2024-01-02"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("data.raw", "x" * 300), ("data.store", "x" * 300), ("corpora", f"{{mine: {{table: {'x' * 300}.csv}}}}"),
     ("features.audio", f"{{extractor: encoder, model: {'x' * 300}}}"),
     ("features.video", f"{{extractor: resnet50, weights: {'x' * 300}}}"),
     ("training.start_from", "x" * 300)],
)  # fmt: skip
def test_a_name_of_300_letters_is_one_message(parameter, value, capsys):
    assert run_all.main(["params/demo.yaml", "--name", "pytest-names", "--set", f"{parameter}={value}"]) == 2
    assert "xxx" in capsys.readouterr().err
