"""What a reader has to know of a score besides its value, as columns beside it in every table."""

import numpy as np
import pandas as pd

from mer.dataset.identity.duplicates import ACROSS_FAMILIES
from mer.evaluation.protocols import copies_across_families

MARKS = ["transductive", "flagged", "accepted"]
"""`transductive`: the system looked at unlabelled rows of the target; `flagged`: a breach of the audit touches the test
corpus; `accepted`: recordings of the test corpus are also trained on in another family, and the study accepts that"""


def accepted(breach: pd.Series, protocol: str) -> pd.Series:
    """Return which rows are of a corpus that has copies in another family and is tested all the same.

    Args:
        breach: the manifest's column.
        protocol: by which the rows are tested.
    """
    kinds = breach.fillna("").str.split("; ")
    refused = protocol in copies_across_families.PROTOCOLS
    return kinds.map(lambda names: refused and not set(ACROSS_FAMILIES).isdisjoint(names)).astype(bool)


def lacking(corpora: pd.Series, there: dict[str, np.ndarray]) -> pd.Series:
    """Return for each row the modalities, joined by +, that no row of its corpus has; empty where each has some.

    Args:
        corpora: corpus of each row.
        there: modality -> which rows have it.

    >>> there = {"audio": np.ones(3, bool), "text": np.array([True, False, False])}
    >>> lacking(pd.Series(["a", "a", "b"]), there).tolist()
    ['', '', 'text']
    """
    known = pd.DataFrame(there, index=corpora.to_numpy(object)).groupby(level=0).any()
    names = {corpus: "+".join(known.columns[~row.to_numpy(bool)]) for corpus, row in known.iterrows()}
    return corpora.map(names)


def outside(part: pd.DataFrame, answers: str) -> dict[int | None, float]:
    """Return seed -> share of answers that are classes which the truth does not have; None -> the mean over seeds.

    Args:
        part: predictions of one system on one corpus.
        answers: the column that is looked at, free or restricted.
    """
    shares = (~part[answers].isin(part["emotion"].unique())).groupby(part["seed"]).mean()
    return {**shares.to_dict(), None: float(shares.mean())}


def joined(table: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return a table with `MARKS`: each holds where it does for one of the predictions that a row is of.

    Where systems are compared with a reference, `reference_transductive` says that of the reference.

    Args:
        table: columns system, test_corpus or both. A test corpus that no prediction is of stands for all of them.
        predictions: those that the table was made from.
    """
    keys = [name for name in ("system", "test_corpus") if name in table]
    known = predictions.groupby(keys)[MARKS].any()
    whole = predictions.groupby(keys[:1])[MARKS].any() if keys[0] == "system" else None
    everything = predictions[MARKS].any()
    found = []
    for values in table[keys].itertuples(index=False, name=None):
        key = values if len(keys) > 1 else values[0]
        if key in known.index:
            found.append(known.loc[key])
        else:
            found.append(whole.loc[values[0]] if whole is not None and values[0] in whole.index else everything)
    marked = pd.DataFrame(found, columns=MARKS).set_axis(table.index).astype(bool)
    found = table.assign(**{name: marked[name] for name in MARKS})
    if "reference" in table:
        looked = predictions.groupby("system")["transductive"].any()
        found["reference_transductive"] = table["reference"].map(looked).eq(True)
    return found
