"""Refuses to test a corpus as unseen where copies of its recordings, in another family, have been trained on.

A corpus has to be unseen where its family is held out (LOCO, inner LOCO) and where a model of another corpus is tested
on it. `evaluation.accept_duplicates` names corpora that are tested all the same; their scores are marked.
"""

from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np
import pandas as pd

from mer.dataset.identity import duplicates
from mer.files import printable

PROTOCOLS = ("loco", "inner_loco", "cross_corpus")
"""those in which a corpus is tested by models that have not been trained on it; what comes first is told first"""


def refusals(manifest: pd.DataFrame, cells: Iterable, near: pd.DataFrame, accepted: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each corpus that a cell tests and whose recordings it has trained on under another name.

    It says how many there are, gives an example and says what to do. Two corpora are named once, LOCO first.

    Args:
        manifest: usable rows, numbered from 0.
        cells: those of other protocols are passed over.
        near: near-duplicates, as from `duplicates.load`.
        accepted: corpora that may be tested with copies.
    """
    said: set[tuple[str, str]] = set()
    known, corpus = duplicates.recordings(manifest, near), manifest["corpus"].to_numpy(object)
    refused = known.has_copy & ~manifest["corpus"].isin(list(accepted)).to_numpy()
    for cell in sorted((c for c in cells if c.protocol in PROTOCOLS), key=lambda c: PROTOCOLS.index(c.protocol)):
        test, seen = cell.test[refused[cell.test]], np.concatenate([cell.train, cell.validation])
        for target, source in product(*(sorted(set(corpus[rows[known.has_copy[rows]]])) for rows in (test, seen))):
            there = (rows[corpus[rows] == name] for rows, name in ((test, target), (seen, source)))
            found = duplicates.copies(known, *there)
            if len(found) and (target, source) not in said:
                said.add((target, source))
                yield _sentence(manifest, cell, target, source, found)


def accepted_sentence(manifest: pd.DataFrame, corpora: Iterable[str], near: pd.DataFrame, names: Iterable[str]) -> str:
    """Say which corpora are tested although copies were trained on, and which are named there without need.

    Args:
        corpora: those that are scored.
        names: the parameter.
    """
    counts = duplicates.across_families(manifest, corpora, near)
    parts = [f"{name}: {counts[name]:,} of its recordings are in another family, too; accepted, and its scores are "
             f"marked." if name in counts else f"{name}: accepted, though none of its recordings is in another family."
             for name in names]  # fmt: skip
    return " ".join(parts) or "No scored corpus has a recording that is in another family, too."


def _sentence(manifest: pd.DataFrame, cell, target: str, source: str, rows: pd.DataFrame) -> str:
    name, copy = (printable(manifest["utterance_id"].iloc[rows[column].iloc[0]]) for column in ("row", "copy"))
    across = cell.protocol == "cross_corpus"
    what = f"models of {source}, tested on {target}" if across else f"LOCO without {cell.held_out}"
    return (
        f"{what}: {len(rows):,} of its recordings are in {source} too, for example {copy}, which is {name}; leave "
        f"one of the two corpora out of `corpora`, give both the same `family`, or name {target} in "
        "evaluation.accept_duplicates, which marks its scores"
    )
