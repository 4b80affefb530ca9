"""Names that may belong to one speaker. A model could train on one name and be tested on the other."""

from collections.abc import Iterator

import pandas as pd

from mer.dataset.audit.columns import join_corpora
from mer.dataset.audit.findings import BREACH, NOTE, Finding, examples
from mer.dataset.identity import speakers


def possible_same_speaker(rows: pd.DataFrame, official: set[str]) -> Iterator[Finding]:
    """Yield speakers of a family whose names differ in case, accents, zeros or signs, or contain one another.

    Names that the study's `speakers` identifies are not reported.

    Args:
        rows: rows as from `with_all_columns`.
        official: corpora whose published split is kept, with its names.
    """
    similar = _similar(rows)
    for corpora, group in similar.groupby(similar.groupby("key")["corpus"].transform(join_corpora), sort=True):
        names = corpora.split(" + ")
        total = rows.loc[rows["corpus"].isin(names), "speaker_id"].nunique()
        shown = group.groupby("key", sort=False)["speaker_id"].agg(" = ".join).drop_duplicates()
        count = group["speaker_id"].nunique()
        published = set(names) <= official
        yield Finding(
            "speaker under several names",
            NOTE if published else BREACH,
            corpora,
            count,
            total,
            examples(shown),
            f"{count} of {total} speaker names differ from another only in case, accents, zeros or signs, or contain "
            "another.",
            "the published split uses these names; if two speakers speak jointly, training may contain one of them."
            if published
            else "one speaker under two names may be in training and test, and counts twice in intervals over "
            "speakers. A corpus that MER splits keeps such names in one part, but only you can decide who they are.",
            "keep the split, and report this next to the score."
            if published
            else "use one name per speaker in the table, or list the names under the corpus's `speakers` in the study.",
        )


def _similar(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per speaker and key that several names have and that may belong to several speakers."""
    matches = speakers.possible_matches(rows)
    names = list(map(speakers.anonymous_code, matches["corpus"], matches["speaker_id"]))
    by_key = matches.assign(name=pd.Series(names, matches.index, dtype=object)).groupby("key")
    return matches[(by_key["name"].transform("nunique") > 1) & ~by_key["sure"].transform("all").astype(bool)]
