"""Refuse to test a corpus as unseen if copies of its recordings, in another family, are in the training rows.

A corpus must be unseen if its family is held out (LOCO, inner LOCO) and if a model of another corpus is tested on it.
The corpora in `evaluation.accept_duplicates` are tested nevertheless; their scores have the flag `accepted`.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mer.dataset.identity import duplicates
from mer.files import printable

if TYPE_CHECKING:
    from mer.evaluation.protocols.cells import Cell

PROTOCOLS = ("loco", "inner_loco", "cross_corpus")
"""The protocols that test corpora as unseen, in the order in which their refusals are reported."""


def refusals(
    manifest: pd.DataFrame, cells: "Iterable[Cell]", near: pd.DataFrame, accepted: Iterable[str]
) -> Iterator[str]:
    """Yield a sentence for each pair of a test corpus and a training corpus with copies of its recordings.

    The sentence has the number of copies, an example and the remedy. Each pair is reported once, for LOCO first.

    Args:
        manifest: usable rows, index 0..n-1.
        cells: cells of any protocols; those that are not in `PROTOCOLS` are ignored.
        near: near-duplicates, as from `duplicates.load`.
        accepted: corpora that may be tested although they have copies.
    """
    reported: set[tuple[str, str]] = set()
    recordings, corpus = duplicates.recordings(manifest, near), manifest["corpus"].to_numpy(object)
    is_refused = recordings.has_copy & ~manifest["corpus"].isin(list(accepted)).to_numpy()
    for cell in sorted((c for c in cells if c.protocol in PROTOCOLS), key=lambda c: PROTOCOLS.index(c.protocol)):
        test, trained = cell.test[is_refused[cell.test]], np.concatenate([cell.train, cell.validation])
        names = (sorted(set(corpus[rows[recordings.has_copy[rows]]])) for rows in (test, trained))
        for target, source in product(*names):
            rows = (part[corpus[part] == name] for part, name in ((test, target), (trained, source)))
            copies = duplicates.copies(recordings, *rows)
            if len(copies) and (target, source) not in reported:
                reported.add((target, source))
                yield _sentence(manifest, cell, target, source, copies)


def accepted_sentence(manifest: pd.DataFrame, corpora: Iterable[str], near: pd.DataFrame, names: Iterable[str]) -> str:
    """Return which corpora are tested although they have copies in another family, and which are listed without need.

    Args:
        manifest: usable rows, index 0..n-1.
        corpora: the corpora that are scored.
        near: near-duplicates, as from `duplicates.load`.
        names: the parameter `evaluation.accept_duplicates`.
    """
    counts = duplicates.across_families(manifest, corpora, near)
    sentences = [
        f"{name}: {counts[name]:,} of its recordings are also in another family; accepted, and its scores are flagged."
        if name in counts
        else f"{name}: accepted, but none of its recordings is in another family."
        for name in names
    ]
    return " ".join(sentences) or "No scored corpus has a recording that is also in another family."


def _sentence(manifest: pd.DataFrame, cell: "Cell", target: str, source: str, copies: pd.DataFrame) -> str:
    name, copy = (printable(manifest["utterance_id"].iloc[copies[column].iloc[0]]) for column in ("row", "copy"))
    is_cross_corpus = cell.protocol == "cross_corpus"
    test = f"models of {source}, tested on {target}" if is_cross_corpus else f"LOCO without {cell.held_out}"
    return (
        f"{test}: {len(copies):,} of its recordings are in {source} too, for example {copy}, which is {name}; leave "
        f"one of the two corpora out of `corpora`, give both the same `family`, or name {target} in "
        "evaluation.accept_duplicates, which flags its scores"
    )
