"""Who speaks: one key for a person, and which names may be of one person.

A person is known by a name within a family of corpora. Names that differ in more than what `names.normal` removes are
never taken for one person. Where they may be (`Ann` and `ann`, `1` and `01`, `ann` and `ann;bob`), their rows are kept
on one side of every split and the audit asks who they are, until the study's `speakers` says it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from mer.corpora.reading.names import JOINT_SPEAKERS, normalised
from mer.dataset.identity.speaker_names import alone, apart, likenesses, parts

IDS = ["family", "corpus", "speaker_id"]


def code(corpus: str, speaker_id: str) -> str:
    """Return a speaker's name without its corpus, by which corpora of one family compare.

    >>> code("ravdess", "ravdess_01"), code("mine", "mine_Ann  & Bob")
    ('01', 'Ann & Bob')
    """
    names = speaker_id.removeprefix(f"{corpus}_").split(JOINT_SPEAKERS)
    return JOINT_SPEAKERS.join(normalised(name) for name in names)


def people(family: str, corpus: str, speaker_id: str) -> tuple[str, ...]:
    """Return a key for each person whom a speaker id names: most name one.

    >>> people("ravdess", "ravdess_song", "ravdess_song_01")
    ('ravdess|01',)
    >>> people("mine", "mine", "mine_Ann & Bob")
    ('mine|Ann', 'mine|Bob')
    """
    return tuple(f"{family}|{name}" for name in code(corpus, speaker_id).split(JOINT_SPEAKERS))


def links(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what connects speakers: ids of one family that have a key in common are, or may be, of one person.

    Args:
        rows: columns corpus and speaker_id; without `family` a corpus is its own, without `speaker_named` nobody has
            said who a speaker is.

    Returns:
        A line per id and key that another id has, too: family, corpus, speaker_id, key, and whether the person is
        `sure`.
    """
    ids = _ids(rows)
    lines = [line for family, part in ids.groupby("family", sort=True) for line in _keys(str(family), part)]
    found = pd.DataFrame(lines, columns=[*IDS, "key", "sure"]).astype({"sure": "bool"})
    return found[found["key"].duplicated(keep=False)].reset_index(drop=True)


def units(rows: pd.DataFrame) -> pd.Series:
    """Return for each row of one corpus the first of the speakers who must not be parted from its own.

    They are, or may be, one person, or have a recording in common (`samples_sha256`).

    >>> heard = {"speaker_id": ["c_01", "c_bo", "c_1", "c_di"], "samples_sha256": ["a", "b", "c", "b"]}
    >>> units(pd.DataFrame({"corpus": "c", **heard})).tolist()
    ['c_01', 'c_bo', 'c_01', 'c_bo']
    """
    speaker = rows["speaker_id"].astype(object)
    shared = links(rows)[["speaker_id", "key"]]
    if "samples_sha256" in rows:
        heard = rows[["speaker_id", "samples_sha256"]].dropna().drop_duplicates().astype(object)
        heard = heard[heard["samples_sha256"].duplicated(keep=False)].rename(columns={"samples_sha256": "key"})
        shared = pd.concat([shared, heard.assign(key="recording|" + heard["key"])])
    if shared.empty:
        return speaker
    component = pd.Series(together(shared["speaker_id"], shared["key"]), shared.index)
    first = shared["speaker_id"].groupby(component.to_numpy()).transform("min")
    return speaker.map(dict(zip(shared["speaker_id"], first, strict=True))).fillna(speaker)


def together(items: Iterable, keys: Iterable) -> np.ndarray:
    """Return the number of each line's group: items with a common key are of one, and so on; int of shape (lines,).

    >>> together(["a", "b", "b", "c"], [1, 1, 2, 3]).tolist()
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
    """Each id once, with its names and whether the study says who it is (in all of its rows)."""
    ids = rows[["corpus", "speaker_id"]].astype(object)
    ids["family"] = rows["family"].astype(object).fillna(ids["corpus"]) if "family" in rows else ids["corpus"]
    ids["told"] = rows["speaker_named"].fillna(False).astype(bool) if "speaker_named" in rows else False
    return ids.dropna(subset=["speaker_id"]).groupby(IDS, sort=True)["told"].all().reset_index()


def _keys(family: str, ids: pd.DataFrame) -> Iterator[tuple[str, str, str, str, bool]]:
    """The lines of `links` for one family."""
    names = {
        (row.corpus, row.speaker_id): code(row.corpus, row.speaker_id).split(JOINT_SPEAKERS) for row in ids.itertuples()
    }
    untold = {name for row in ids.itertuples() if not row.told for name in names[row.corpus, row.speaker_id]}
    everybody = {name for found in names.values() for name in found}
    known = alone(everybody)
    where = defaultdict(lambda: defaultdict(set))
    for name in untold:
        for place, part in enumerate(parts(name)):
            for like in likenesses(part):
                where[like][place].add(name)
    for row in ids.itertuples(index=False):
        for name in names[row.corpus, row.speaker_id]:
            keys = {f"={name}": True}
            if not row.told:
                keys |= {f"~{like}": False for like in likenesses(name)}
                for part in apart(name, known, where):
                    keys |= {f"={part}": False} | {f"~{like}": False for like in likenesses(part)}
            for key, sure in sorted(keys.items()):
                yield family, row.corpus, row.speaker_id, f"{family}|{key}", sure
