"""Speakers: one key per speaker, and the names that may belong to one speaker.

A speaker is identified by a name within a family of corpora. Names that differ after `names.normalised` are never
merged. If they may belong to one speaker (`Ann` and `ann`, `1` and `01`, `ann` and `ann;bob`), their rows stay in one
part of every split, and the audit reports them until the study's `speakers` identifies them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from mer.corpora.reading.names import JOINT_SPEAKERS, normalised
from mer.dataset.identity.speaker_names import distinct_names, match_keys, name_tokens, single_speakers

IDS = ["family", "corpus", "speaker_id"]
"""The columns that identify a speaker id."""


def anonymous_code(corpus: str, speaker_id: str) -> str:
    """Return a speaker's name without the corpus's prefix, so that corpora of one family can be compared.

    >>> anonymous_code("ravdess", "ravdess_01"), anonymous_code("mine", "mine_Ann  & Bob")
    ('01', 'Ann & Bob')
    """
    names = speaker_id.removeprefix(f"{corpus}_").split(JOINT_SPEAKERS)
    return JOINT_SPEAKERS.join(normalised(name) for name in names)


def possible_matches(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the keys that several speaker ids of a family share. Such ids belong, or may belong, to one speaker.

    Args:
        rows: columns corpus and speaker_id. Without `family`, each corpus is its own family; without `speaker_named`,
            the study identifies no speaker.

    Returns:
        One row per id and shared key: family, corpus, speaker_id, key, and `sure` (whether the id certainly names the
        speaker of this key).
    """
    ids = _ids(rows)
    entries = [entry for family, members in ids.groupby("family", sort=True) for entry in _keys(str(family), members)]
    matches = pd.DataFrame(entries, columns=[*IDS, "key", "sure"]).astype({"sure": "bool"})
    return matches[matches["key"].duplicated(keep=False)].reset_index(drop=True)


def speaker_groups(rows: pd.DataFrame) -> pd.Series:
    """Return the group of each row of one corpus: speakers of one group must stay in one part.

    They are, or may be, one speaker, or share a recording (`samples_sha256`). A group is named by its first speaker.

    >>> rows = {"speaker_id": ["c_01", "c_bo", "c_1", "c_di"], "samples_sha256": ["a", "b", "c", "b"]}
    >>> speaker_groups(pd.DataFrame({"corpus": "c", **rows})).tolist()
    ['c_01', 'c_bo', 'c_01', 'c_bo']
    """
    speaker = rows["speaker_id"].astype(object)
    shared = possible_matches(rows)[["speaker_id", "key"]]
    if "samples_sha256" in rows:
        recordings = rows[["speaker_id", "samples_sha256"]].dropna().drop_duplicates().astype(object)
        recordings = recordings[recordings["samples_sha256"].duplicated(keep=False)].rename(
            columns={"samples_sha256": "key"}
        )
        shared = pd.concat([shared, recordings.assign(key="recording|" + recordings["key"])])
    if shared.empty:
        return speaker
    component = pd.Series(connected_groups(shared["speaker_id"], shared["key"]), shared.index)
    first = shared["speaker_id"].groupby(component.to_numpy()).transform("min")
    return speaker.map(dict(zip(shared["speaker_id"], first, strict=True))).fillna(speaker)


def connected_groups(items: Iterable, keys: Iterable) -> np.ndarray:
    """Return the number of the connected group of each pair of item and key; int of shape (pairs,).

    Items with a common key belong to one group, and so do their other keys.

    >>> connected_groups(["a", "b", "b", "c"], [1, 1, 2, 3]).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, names = pd.factorize(pd.Series(items, dtype=object))
    right, others = pd.factorize(pd.Series(keys, dtype=object))
    size = len(names) + len(others)
    graph = coo_array((np.ones(len(left)), (left, len(names) + right)), shape=(size, size))
    return connected_components(graph, directed=False)[1][left]


def _ids(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each id once, with `named`: whether the study identifies the speaker in all of its rows."""
    ids = rows[["corpus", "speaker_id"]].astype(object)
    ids["family"] = rows["family"].astype(object).fillna(ids["corpus"]) if "family" in rows else ids["corpus"]
    ids["named"] = rows["speaker_named"].fillna(False).astype(bool) if "speaker_named" in rows else False
    return ids.dropna(subset=["speaker_id"]).groupby(IDS, sort=True)["named"].all().reset_index()


def _keys(family: str, ids: pd.DataFrame) -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield the rows of `possible_matches` for one family, including keys that no other id shares."""
    names = {
        (row.corpus, row.speaker_id): anonymous_code(row.corpus, row.speaker_id).split(JOINT_SPEAKERS)
        for row in ids.itertuples()
    }
    unidentified = {name for row in ids.itertuples() if not row.named for name in names[row.corpus, row.speaker_id]}
    all_names = {name for names_of_id in names.values() for name in names_of_id}
    single_keys = single_speakers(all_names)
    locations = defaultdict(lambda: defaultdict(set))
    for name in unidentified:
        for place, token in enumerate(name_tokens(name)):
            for key in match_keys(token):
                locations[key][place].add(name)
    for row in ids.itertuples(index=False):
        for name in names[row.corpus, row.speaker_id]:
            sure_by_key = {f"={name}": True}
            if not row.named:
                sure_by_key |= {f"~{key}": False for key in match_keys(name)}
                for token in distinct_names(name, single_keys, locations):
                    sure_by_key |= {f"={token}": False} | {f"~{key}": False for key in match_keys(token)}
            for key, sure in sorted(sure_by_key.items()):
                yield family, row.corpus, row.speaker_id, f"{family}|{key}", sure
