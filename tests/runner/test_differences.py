"""The lines that describe the differences between two stamps."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.runner.staleness import differences
from mer.runner.staleness.differences import (
    ABSENT,
    MAX_VALUE_CHARS,
    difference_lines,
    differing,
    format_value,
    same,
    sentence,
)

PARTS = {
    "study": "demo",
    "code": ["a", "b", "c", "d", "e", "f"],
    "parameters": {"training": {"epochs": 3, "rates": [0.1, 0.2]}, "data": {"raw": None}},
    "modules": {"mer.files": "a", "mer.training.networks.loop": "b"},
    "python": "3.11",
    "versions": {"numpy": "2.3.1"},
    "installed": {"scipy": "1.17.1"},
    "inputs": {"data/manifest.parquet": "a", "raw": None},
}


def changed(**parts):
    return difference_lines(PARTS, PARTS | parts)


@pytest.mark.parametrize(
    ("part", "value", "lines"),
    [
        ("study", "other", ["study is named other, was demo"]),
        ("code", ["a", "b", "c", "x", "e", "f"], ["code cell 4 changed"]),
        ("code", ["a", "b", "c", "x", "y", "f"], ["code cells 4, 5 changed"]),
        ("code", ["a", "b", "c", "d", "e", "f", "g"], ["code has 7 cells, was 6"]),
        ("code", [], ["code has 0 cells, was 6"]),
        ("modules", {"mer.files": "x", "mer.training.networks.loop": "b"}, ["mer.files changed"]),
        (
            "modules",
            {"mer.files": "a", "mer.x": "c"},
            ["mer.training.networks.loop is no longer imported", "mer.x is new to this step"],
        ),
        ("python", "3.12", ["Python is 3.12, was 3.11"]),
        ("python", None, ["Python is unknown, was 3.11"]),
        ("versions", {"numpy": "2.4.0"}, ["numpy is 2.4.0, was 2.3.1"]),
        ("versions", {"numpy": "2.3.1", "scipy": "1"}, ["scipy is 1, was not set"]),
        ("installed", {"scipy": "1.18.0"}, ["installed scipy is 1.18.0, was 1.17.1"]),
        ("installed", {}, ["installed scipy is not set, was 1.17.1"]),
        ("inputs", {"data/manifest.parquet": "b", "raw": None}, ["input data/manifest.parquet changed"]),
        ("inputs", {"data/manifest.parquet": None, "raw": None}, ["input data/manifest.parquet is missing"]),
        ("inputs", {"data/manifest.parquet": "a", "raw": "b"}, ["input raw is new"]),
        ("inputs", PARTS["inputs"] | {"x": "b"}, ["input x is new"]),
        ("inputs", PARTS["inputs"] | {"x": None}, ["input x is missing"]),
        ("inputs", {"raw": None}, ["input data/manifest.parquet is no longer read"]),
    ],
)
def test_each_part_has_its_sentence(part, value, lines):
    assert changed(**{part: value}) == lines


@pytest.mark.parametrize(
    ("training", "lines"),
    [
        ({"epochs": 9, "rates": [0.1, 0.2]}, ["training.epochs is 9, was 3"]),
        ({"epochs": 3, "rates": [0.1]}, ["training.rates is [0.1], was [0.1, 0.2]"]),
        ({"epochs": 3}, ["training.rates is not set, was [0.1, 0.2]"]),
        ({"epochs": None, "rates": [0.1, 0.2]}, ["training.epochs is null, was 3"]),
        ({"epochs": "3", "rates": [0.1, 0.2]}, ['training.epochs is "3", was 3']),
        ({"epochs": 3.0, "rates": [0.1, 0.2]}, []),
        ({}, ["training.epochs is not set, was 3", "training.rates is not set, was [0.1, 0.2]"]),
        (7, ["training is 7, was {epochs: 3, rates: [0.1, 0.2]}"]),
        ({"epochs": 3, "rates": [0.1, 0.2], "x": {}}, ["training.x is {}, was not set"]),
    ],
)
def test_parameters_are_named_by_their_path(training, lines):
    assert changed(parameters=PARTS["parameters"] | {"training": training}) == lines


def test_lines_have_a_fixed_order():
    current = {
        "study": "b", "code": ["a"], "parameters": {"x": 1}, "modules": {"mer.x": "1"},
        "python": "3.12", "versions": {"a": "1"}, "inputs": {"raw": "1"}, "later": 1,
    }  # fmt: skip
    stored = {
        "later": 2, "inputs": {"raw": "2"}, "versions": {"a": "2"}, "python": "3.11", "modules": {"mer.x": "2"},
        "parameters": {"x": 2}, "code": ["b"], "study": "a",
    }  # fmt: skip
    assert difference_lines(stored, current) == [
        "study is named b, was a", "code cell 1 changed", "x is 1, was 2", "mer.x changed",
        "Python is 3.12, was 3.11", "a is 1, was 2", "input raw changed", "later changed",
    ]  # fmt: skip


@pytest.mark.parametrize("part", differences.PARTS)
@pytest.mark.parametrize("value", [None, 3, "x", ["x"], {"x": 1}])
def test_a_part_of_another_form_has_a_line(part, value):
    lines = changed(**{part: value})
    assert lines
    assert difference_lines(PARTS | {part: value}, PARTS | {part: value}) == []
    assert difference_lines(PARTS | {part: value}, PARTS)


def test_an_absent_part_counts_as_an_empty_one():
    empty = {"code": [], "parameters": {}, "modules": {}, "versions": {}, "installed": {}, "inputs": {}}
    assert difference_lines({}, empty) == difference_lines(empty, {}) == difference_lines({}, {}) == []
    assert len(difference_lines({}, PARTS)) == 12


def test_long_values_are_cut_and_still_distinguished():
    long = "x" * 100
    assert changed(study=long) == [f"study is named {'x' * (MAX_VALUE_CHARS - 1)}…, was demo"]
    assert sentence("a", long + "1", long + "2") == "a changed"
    assert sentence("a", [1, True], [1, 1]) == "a is [1, 1], was [1, true]"


def test_a_name_with_a_dot_is_one_name():
    assert difference_lines({"parameters": {"a.b": 1}}, {"parameters": {"a": {"b": 1}}}) == [
        "a.b is 1, was not set",
        "a.b is not set, was 1",
    ]


def test_keys_that_are_no_texts_are_ordered():
    assert list(differing({1: "a", "b": 1}, {1: "b", None: 2})) == [
        ("1", "a", "b"),
        ("None", ABSENT, 2),
        ("b", 1, ABSENT),
    ]


def test_a_value_is_shown_on_one_line():
    assert format_value("a\nb") == '"a\\nb"'
    assert format_value("") == '""'
    assert format_value([True, None, {"a": 1.5}]) == "[true, null, {a: 1.5}]"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
names = st.text("abc./", max_size=3)
digests = st.sampled_from(["1", "2"])
all_parts = st.fixed_dictionaries(
    {
        "study": names,
        "code": st.lists(digests, max_size=3),
        "parameters": st.dictionaries(names, json_values, max_size=3),
        "modules": st.dictionaries(names, digests, max_size=2),
        "python": st.sampled_from(["3.11", "3.12"]),
        "versions": st.dictionaries(names, digests, max_size=2),
        "installed": st.dictionaries(names, digests, max_size=2),
        "inputs": st.dictionaries(names, st.none() | digests, max_size=2),
    }
)


@given(all_parts, all_parts)
def test_there_are_lines_exactly_if_something_differs(stored, current):
    assert (difference_lines(stored, current) == []) is same(stored, current)
    assert difference_lines(stored, copy.deepcopy(stored)) == []


@given(all_parts, st.data())
def test_a_change_of_one_part_has_lines(stored, data):
    part = data.draw(st.sampled_from(differences.PARTS))
    current = stored | {part: data.draw(all_parts)[part]}
    lines = difference_lines(stored, current)
    assert (lines == []) is same(stored[part], current[part])
    assert len(lines) == len(difference_lines(current, stored))


@given(json_values, json_values)
def test_nothing_differs_exactly_if_values_are_the_same(a, b):
    assert (list(differing(a, b)) == []) is same(a, b)
    assert same(a, copy.deepcopy(a))
