"""Columns that qualify a score: `transductive`, `flagged`, `accepted` and `capped`."""

import numpy as np
import pandas as pd

from mer.dataset.identity.duplicates import ACROSS_FAMILIES
from mer.evaluation.protocols import copies_across_families

FLAGS = ["transductive", "flagged", "accepted", "capped"]
"""`transductive`: the system uses unlabelled rows of the test corpus. `flagged`: a breach of the audit affects the test
corpus. `accepted`: recordings of the test corpus are also in the training rows of another family, and the study accepts
that. `capped`: only some utterances of the test corpus or of a training corpus were drawn, for a quick look."""


def accepted(breach: pd.Series, protocol: str) -> pd.Series:
    """Return which rows are of a corpus that is tested although it has copies in another family.

    Args:
        breach: the column `breach` of the manifest.
        protocol: the protocol that tests the rows.
    """
    kinds = breach.fillna("").str.split("; ")
    refused = protocol in copies_across_families.PROTOCOLS
    return kinds.map(lambda names: refused and not set(ACROSS_FAMILIES).isdisjoint(names)).astype(bool)


def capped(manifest: pd.DataFrame, trained_on: np.ndarray, tested: np.ndarray) -> np.ndarray:
    """Return which tested rows have a `capped` score; bool of shape (tested rows,).

    Args:
        manifest: usable rows, index 0..n-1.
        trained_on: row numbers of the training and validation rows.
        tested: row numbers of the test rows.
    """
    flags = manifest["capped"].to_numpy(bool)
    return flags[tested] | bool(flags[trained_on].any())


def missing_inputs(corpora: pd.Series, present: dict[str, np.ndarray]) -> pd.Series:
    """Return for each row the inputs, joined by +, that no row of its corpus has; empty text if none is missing.

    Args:
        corpora: the corpus of each row.
        present: input -> whether each row has it, bool of shape (rows,).

    >>> present = {"audio": np.ones(3, bool), "text": np.array([True, False, False])}
    >>> missing_inputs(pd.Series(["a", "a", "b"]), present).tolist()
    ['', '', 'text']
    """
    observed = pd.DataFrame(present, index=corpora.to_numpy(object)).groupby(level=0).any()
    names = {corpus: "+".join(observed.columns[~row.to_numpy(bool)]) for corpus, row in observed.iterrows()}
    return corpora.map(names)


def outside_share(part: pd.DataFrame, answers: str) -> dict[int | None, float]:
    """Return seed -> share of predictions outside the classes that occur in the corpus; None -> the mean over seeds.

    Args:
        part: predictions of one system on one corpus.
        answers: free or restricted.
    """
    shares = (~part[answers].isin(part["emotion"].unique())).groupby(part["seed"]).mean()
    return {**shares.to_dict(), None: float(shares.mean())}


def with_flags(table: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return a table with `FLAGS`: a flag is set if it is set for any of the predictions behind a row.

    A table with a column `reference` also gets `reference_transductive`, the flag of the reference system. Rows of a
    table with a column `shares` are transductive if these shares of the classes are estimated.

    Args:
        table: columns system, test_corpus or both. A test corpus without predictions means all test corpora.
        predictions: the predictions from which the table was computed.
    """
    keys = [name for name in ("system", "test_corpus") if name in table]
    by_key = predictions.groupby(keys)[FLAGS].any()
    by_system = predictions.groupby(keys[:1])[FLAGS].any() if keys[0] == "system" else None
    overall = predictions[FLAGS].any()
    rows = []
    for values in table[keys].itertuples(index=False, name=None):
        key = values if len(keys) > 1 else values[0]
        if key in by_key.index:
            rows.append(by_key.loc[key])
        elif by_system is not None and values[0] in by_system.index:
            rows.append(by_system.loc[values[0]])
        else:
            rows.append(overall)
    flags = pd.DataFrame(rows, columns=FLAGS).set_axis(table.index).astype(bool)
    flagged = table.assign(**{name: flags[name] for name in FLAGS})
    if "shares" in table:
        flagged["transductive"] |= table["shares"] == "estimated"
    if "reference" in table:
        transductive = predictions.groupby("system")["transductive"].any()
        flagged["reference_transductive"] = table["reference"].map(transductive).eq(True)
    return flagged
