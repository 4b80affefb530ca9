"""Groups of functionals as inputs of their own."""

from typing import get_args

import numpy as np
import pytest

from mer import features
from mer.features import Resources
from mer.features.audio import functionals
from mer.params.features import Group
from mer.params.schema import AudioFeatures

SAMPLES = np.random.default_rng(0).normal(size=16_000).astype(np.float32)


def of_groups(*groups: str) -> tuple[np.ndarray, list[str], dict]:
    section = AudioFeatures(extractor="functionals", groups=groups)
    [vector] = functionals.EXTRACTOR.open(section, Resources())([SAMPLES])
    return vector, functionals.EXTRACTOR.names(section), functionals.EXTRACTOR.describe(section)


def test_the_groups_of_the_parameters_are_those_of_the_dimensions():
    assert set(get_args(Group)) == set(functionals.group_of_each())


def test_the_groups_share_all_dimensions_out():
    [vector] = functionals.EXTRACTOR.open(AudioFeatures(extractor="functionals"), Resources())([SAMPLES])
    whole = dict(zip(functionals.names(), vector, strict=True))
    parts = {}
    for group in get_args(Group):
        vector, names, described = of_groups(group)
        assert described == {"width": len(names), "groups": [group]}
        assert len(vector) == len(names)
        assert not set(names) & set(parts)
        parts |= zip(names, vector, strict=True)
    assert parts == whole


def test_the_order_of_groups_changes_nothing():
    [one, names, described], [other, same_names, same] = of_groups("rhythm", "level"), of_groups("level", "rhythm")
    np.testing.assert_array_equal(one, other)
    assert (names, described) == (same_names, same)


def test_without_groups_the_address_of_vectors_is_as_before():
    assert functionals.EXTRACTOR.describe(AudioFeatures(extractor="functionals")) == {"width": 680}


def test_groups_of_another_extractor_are_refused():
    with pytest.raises(ValueError, match=r"`groups` is for extractor `functionals`, not for `mfcc`"):
        AudioFeatures(extractor="mfcc", groups=("level",))


def test_a_table_of_features_has_the_columns_of_the_groups():
    table = features.extract_table(SAMPLES, "functionals", sampling_rate=16_000, groups=["level"])
    assert list(table.columns[-3:]) == list(functionals.LEVELS)
