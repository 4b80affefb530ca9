"""Votes of raters as targets of training and as scores of listeners."""

import json

import numpy as np
import pandas as pd
import pytest

from mer.corpora import selected
from mer.dataset.manifest import annotations, labels

CLASSES = labels.classes("paper7")
KNOWN = selected(["cremad", "emodb", "iemocap", "mosei", "ravdess"])
MAPPINGS = labels.mappings("paper7", KNOWN, {})


def manifest(*rows):
    columns = ["corpus", "speaker_id", "emotion", "vector"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(emotion_vector=[json.dumps(v) if v else None for v in frame["vector"]])


def test_votes_become_shares_of_the_classes():
    rows = manifest(
        ("cremad", "s", "anger", {"A": 0.5, "N": 0.3, "S": 0.2}),
        ("iemocap", "s", "neutral", {"neu": 0.5, "fru": 0.25, "exc": 0.25}),  # frustration is no class here
        ("emodb", "s", "anger", {"W": 0.9}),  # what the others heard is not told
        ("ravdess", "s", "anger", None),
    )
    result = annotations.vote_shares(rows, MAPPINGS, CLASSES)
    share = lambda row: {c: v for c, v in zip((*CLASSES, "none"), result[row].round(6), strict=True) if v}  # noqa: E731
    assert share(0) == {"anger": 0.5, "neutral": 0.3, "sadness": 0.2}
    assert share(1) == {"neutral": 0.5, "happiness": 0.25, "none": 0.25}
    assert share(2) == {"anger": 0.9, "none": 0.1}
    assert np.isnan(result[3]).all()
    np.testing.assert_allclose(result[:3].sum(axis=1), 1)


def test_multi_hot_holds_several_emotions():
    rows = manifest(
        ("mosei", "s", "happiness", {"happy": 2.0, "surprise": 0.3333}),
        ("mosei", "s", "neutral", None),
        ("ravdess", "s", "fear", None),
    )
    multi = {name: mapping for name, mapping in MAPPINGS.items() if KNOWN[name].multi_label}
    result = annotations.multi_hot(rows, multi, CLASSES)
    assert [[c for c, there in zip(CLASSES, row, strict=True) if there] for row in result] == [
        ["happiness", "surprise"],
        ["neutral"],
        ["fear"],
    ]


def test_listener_scores_are_the_uar_of_one_listener():
    rows = manifest(
        *[("cremad", f"s{i}", "anger", {"A": 0.8, "N": 0.2}) for i in range(4)],
        *[("cremad", f"s{i}", "neutral", {"A": 0.4, "N": 0.6}) for i in range(4)],
        ("mosei", "s", "anger", {"anger": 3.0}),  # intensities are not votes
        ("ravdess", "s", "anger", None),
    )
    result = annotations.listener_scores(rows, KNOWN, MAPPINGS, CLASSES)
    [row] = result.to_dict("records")
    assert row["corpus"] == "cremad"
    assert row["UAR"] == pytest.approx((0.8 + 0.6) / 2)
    assert row["low"] <= row["UAR"] <= row["high"]
    assert (row["n"], row["speakers"], row["chance"]) == (8, 4, 0.5)
