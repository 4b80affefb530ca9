import dataclasses

import pandas as pd
import pytest

from mer import corpora
from mer.corpora.synthetic import trees
from mer.dataset.manifest import build
from mer.dataset.manifest.relabelling import relabelled
from mer.params.schema import Synthetic

IDS = ["cremad", "emodb", "meld"]
OPTIONS = build.BuildOptions(
    policy="paper7", seed=1, validation=0.2, test=0.2, folds=3, min_seconds=0.1, max_seconds=30
)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relabelling") / "raw"
    trees.write(folder, Synthetic(speakers=4, clips=2))
    broken = sorted((folder / "CREMA-D").rglob("*.wav"))[0]
    broken.write_bytes(b"not a recording")
    return folder


@pytest.fixture(scope="module")
def studied():
    return corpora.selected(IDS)


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": "primary4"},
        {"policy": "paper7", "overrides": {"emodb": {"boredom": "neutral", "anger": "drop"}}},
        {"policy": "fork7"},
        {"policy": "paper7", "overrides": {"cremad": {"all": "perceived"}}},
    ],
)
def test_manifest_is_that_of_a_study_with_these_labels(raw, studied, changes):
    before, after = OPTIONS, dataclasses.replace(OPTIONS, **changes)
    first = build.build(raw, studied, before).manifest
    expected = build.build(raw, studied, after).manifest
    found = relabelled(first, studied, before, after)
    pd.testing.assert_frame_equal(found, expected)
    assert found["emotion_raw"].equals(first["emotion_raw"])


def test_way_back_is_the_same(raw, studied):
    other = dataclasses.replace(OPTIONS, policy="primary4", overrides={"emodb": {"boredom": "neutral"}})
    narrow = build.build(raw, studied, other).manifest
    wide = build.build(raw, studied, OPTIONS).manifest
    pd.testing.assert_frame_equal(relabelled(narrow, studied, other, OPTIONS), wide)
    pd.testing.assert_frame_equal(relabelled(wide, studied, OPTIONS, other), narrow)


def test_labels_that_a_policy_lacks_are_an_error(raw, studied):
    first = build.build(raw, studied, OPTIONS).manifest
    with pytest.raises(build.labels.UnknownLabel, match="no label 'bored'"):
        relabelled(first, studied, OPTIONS, dataclasses.replace(OPTIONS, overrides={"emodb": {"bored": "neutral"}}))
