"""Finds names that may be of one person: the model would train on it under one name and be tested under another."""

from collections.abc import Iterator

import pandas as pd

from mer.dataset.audit.findings import BREACH, NOTE, Finding, examples
from mer.dataset.audit.tables.columns import joined
from mer.dataset.identity import speakers


def several_names(rows: pd.DataFrame, official: set[str]) -> Iterator[Finding]:
    """Yield speakers of a family whose names differ in no more than what people type carelessly, or contain another.

    What the study's `speakers` says is settled and not asked for.

    Args:
        rows: from `complete`.
        official: corpora whose published split is kept, with the names that it is published with.
    """
    alike = _alike(rows)
    where = alike.groupby("key")["corpus"].transform(joined)
    for corpora, found in alike.groupby(where, sort=True):
        names = corpora.split(" + ")
        among = rows.loc[rows["corpus"].isin(names), "speaker_id"].nunique()
        shown = found.groupby("key", sort=False)["speaker_id"].agg(" = ".join).drop_duplicates()
        count = found["speaker_id"].nunique()
        excused = set(names) <= official
        yield Finding(
            "one person under several names",
            NOTE if excused else BREACH,
            corpora,
            count,
            among,
            examples(shown),
            f"Names of speakers that differ in case, accents, zeros or signs, or contain one another: {count} of "
            f"{among}.",
            "the published split uses these names; where two people speak at once, training may have one of them."
            if excused
            else "one person under two names may be trained on and tested, and counts twice where intervals are over "
            "speakers. A corpus that is split here keeps such names on one side; nobody but you knows who they are.",
            "keep the split, and say this beside the score."
            if excused
            else "name people in one way in the table; or say who is who in the study, under `speakers` of the corpus.",
        )


def _alike(rows: pd.DataFrame) -> pd.DataFrame:
    """A line per speaker and key that several names have and that is not sure to be one person's."""
    links = speakers.links(rows)
    names = list(map(speakers.code, links["corpus"], links["speaker_id"]))
    by_key = links.assign(name=pd.Series(names, links.index, dtype=object)).groupby("key")
    return links[(by_key["name"].transform("nunique") > 1) & ~by_key["sure"].transform("all").astype(bool)]
