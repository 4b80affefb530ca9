"""Corpora of one family tested on each other, with and without the episodes that they share."""

import numpy as np
import pandas as pd
import pytest

from mer.evaluation.protocols import cells
from mer.evaluation.protocols.family_overlap import remove_shared_episodes
from tests.evaluation import toy_data


def two_of_a_family(**columns) -> pd.DataFrame:
    """Two corpora with published splits; each speaker of the corpus `a` and `b` has an episode, 02 to 05 are shared."""
    parts = []
    for corpus, first in (("a", 0), ("b", 2)):
        rows = toy_data.manifest(corpus, speakers=6)
        number = rows["speaker_id"].str[-2:].astype(int)
        split = np.select([number < 4, number < 5], ["train", "validation"], "test")
        parts.append(rows.assign(family="f", episode=[f"s01e{n + first:02}" for n in number], split=split, fold=pd.NA))
    other = toy_data.manifest("c", speakers=6).assign(episode=None, split="train", fold=0)
    other["fold"] = other["speaker_id"].str[-1].astype(int) % 3
    return pd.concat([*parts, other], ignore_index=True).astype({"fold": "Int64", "episode": object}).assign(**columns)


def planned(manifest: pd.DataFrame) -> dict[tuple[str, str], cells.Cell]:
    return {(c.protocol, c.train_corpora[0]): c for c in cells.plan(manifest, ("within_family",), ["a", "b", "c"])}


def test_each_corpus_of_a_family_is_tested_twice_and_a_corpus_alone_never():
    result = planned(two_of_a_family())
    protocols = ("within_family", cells.WITH_SHARED_EPISODES)
    assert set(result) == {(protocol, corpus) for protocol in protocols for corpus in "ab"}


def test_no_tested_episode_is_trained_on_or_validated():
    manifest = two_of_a_family()
    for corpus, other in (("a", "b"), ("b", "a")):
        disjoint, overlapping = (
            planned(manifest)[name, corpus] for name in ("within_family", cells.WITH_SHARED_EPISODES)
        )
        assert set(manifest["corpus"].iloc[disjoint.test]) == {other}
        assert set(manifest["split"].iloc[disjoint.test]) == {"test"}
        tested = set(manifest["episode"].iloc[disjoint.test])
        used = np.r_[disjoint.train, disjoint.validation]
        assert not tested & set(manifest["episode"].iloc[used])
        assert len(used), "nothing is left to train on"
        assert set(used) <= {*overlapping.train, *overlapping.validation}
        np.testing.assert_array_equal(disjoint.test, overlapping.test)
    assert tested & set(manifest["episode"].iloc[np.r_[overlapping.train, overlapping.validation]])


def test_a_long_sentence_of_the_test_part_is_left_out_of_another_episode():
    manifest = two_of_a_family(
        lexical_control="free", transcription=[f"sentence {n} of five words" for n in range(432)]
    )
    cell = planned(manifest)["within_family", "a"]
    kept = cell.train[0]
    manifest.loc[cell.test[0], "transcription"] = manifest.loc[kept, "transcription"]
    assert kept not in planned(manifest)["within_family", "a"].train
    assert kept in planned(manifest)[cells.WITH_SHARED_EPISODES, "a"].train


@pytest.mark.parametrize("episode", [None, pd.NA, np.nan])
def test_rows_without_an_episode_share_none(episode):
    manifest = two_of_a_family(episode=episode)
    rows = np.arange(10)
    np.testing.assert_array_equal(remove_shared_episodes(manifest, rows, np.arange(20, 30)), rows)
