"""Leaks between corpora of a family, and speakers' names that several families share."""

import itertools
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from mer.corpora import CORPORA
from mer.dataset.audit.columns import PART_NAMES, PART_PAIRS, by_speaker, join_corpora, shared_rows
from mer.dataset.audit.findings import BREACH, NOTE, Finding, examples
from mer.dataset.identity.speaker_names import folded

_GENERIC_NAME = re.compile(r"speaker|spkr?|actor|actress|subject|female|male|man|woman|child|session|unknown|voice")
"""The words that are removed from a name, because they identify nobody."""
_SPECIFIC_NAME = re.compile(r"[^\W\d_]{4}|[0-9a-f]{8}")
"""The pattern of a name or digest. Two corpora that both number their speakers from 1 share nothing."""


def split_families(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield families that the table divides, so that they are not held out together."""
    families = rows.groupby("corpus", sort=True)["family"].unique()
    for corpus, names in families.items():
        if len(names) > 1:
            sentence = f"The table gives {corpus} {len(names)} families: {', '.join(names)}."
            yield _split_family(rows[rows["corpus"] == corpus], sentence)
    listed = [corpus for corpus in families.index if corpus in CORPORA]
    for first, second in itertools.combinations(listed, 2):
        family = CORPORA[first].family
        if family == CORPORA[second].family and set(families[first]) != set(families[second]):
            both = rows[rows["corpus"].isin([first, second])]
            yield _split_family(both, f"Both corpora belong to the family {family}; the table gives them others.")


def _split_family(rows: pd.DataFrame, sentence: str) -> Finding:
    return Finding(
        "family divided",
        BREACH,
        join_corpora(rows["corpus"]),
        len(rows),
        len(rows),
        examples(rows["family"]),
        sentence,
        "if one part of the family is held out, the rest is trained on, with the same recordings, speakers or texts.",
        "give all corpora of one origin the same family.",
    )


def speakers_in_train_and_test(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield corpora with a test part only, if another corpus of their family is trained on."""
    parts = rows.dropna(subset=["split"]).groupby("corpus")["split"].unique()
    held_out = [corpus for corpus, names in parts.items() if set(names) == {"test"}]
    for corpus in held_out:
        own_rows = rows["corpus"] == corpus
        family = rows.loc[own_rows, "family"].iloc[0]
        trained = ~own_rows & (rows["family"] == family) & (rows["split"] == "train")
        if trained.any():
            yield Finding(
                "family in training and test",
                BREACH,
                join_corpora(rows.loc[own_rows | trained, "corpus"]),
                int(trained.sum()),
                int((rows["split"] == "train").sum()),
                examples(rows.loc[trained, "utterance_id"]),
                f"{corpus} has a test part only, like a held-out corpus, but {int(trained.sum()):,} training rows "
                f"belong to its family ({family}).",
                "the corpus is not held out: the training data contains its speakers, recordings or texts.",
                "remove the whole family from the training part, or do not call the score cross-corpus.",
            )


def family_speakers_across_parts(rows: pd.DataFrame, official: set[str]) -> Iterator[Finding]:
    """Yield speakers who are in different parts of two corpora of a family: for each pair of corpora, the worst pair
    of parts."""
    for _, members in rows.groupby("family", sort=True):
        members = by_speaker(members).reset_index(drop=True)
        for source, target in itertools.permutations(sorted(members["corpus"].unique()), 2):
            for trained, tested, severity in PART_PAIRS:
                target_rows = (members["corpus"] == target) & (members["split"] == tested)
                source_rows = (members["corpus"] == source) & (members["split"] == trained)
                shared = shared_rows(members["speaker"], source_rows, target_rows)
                if shared.any():
                    total = members.loc[target_rows, "speaker"].nunique()
                    severity = NOTE if {source, target} <= official else severity
                    yield _family_finding(members[shared], severity, (source, trained), (target, tested), total)
                    break


def _family_finding(
    shared: pd.DataFrame, severity: str, source: tuple[str, str], target: tuple[str, str], total: int
) -> Finding:
    count = shared["speaker"].nunique()
    return Finding(
        "speakers across a family",
        severity,
        join_corpora(pd.Series([source[0], target[0]])),
        count,
        total,
        examples(shared["speaker_id"]),
        f"{count} of the {total} speakers in the {PART_NAMES[target[1]]} part of {target[0]} have the name of a "
        f"speaker in the {PART_NAMES[source[1]]} part of {source[0]}; both corpora belong to the family "
        f"{shared['family'].iloc[0]}.",
        "selection on the validation part uses speakers of another part."
        if "validation" in (source[1], target[1])
        else "a model trained on all corpora is tested on speakers of its training data.",
        "give a speaker the same part in every corpus of a family. MER's own models remove such rows from training and "
        "validation.",
    )


def shared_names(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield names of speakers that occur in several families; they may be different speakers."""
    names = by_speaker(rows[["family", "corpus", "speaker"]].dropna().drop_duplicates())
    specific = [bool(_SPECIFIC_NAME.search(_GENERIC_NAME.sub("", name.casefold()))) for name in names["speaker"]]
    names = names[np.array(specific, dtype=bool)]
    names = names.assign(name=names["speaker"].map(folded).astype(object))
    names = names[names.groupby("name")["family"].transform("nunique") > 1]
    for corpora, group in names.groupby(names.groupby("name")["corpus"].transform(join_corpora), sort=True):
        compared = rows.loc[rows["corpus"].isin(corpora.split(" + ")), ["corpus", "speaker"]].drop_duplicates()
        count = group["name"].nunique()
        yield Finding(
            "same name in another family",
            NOTE,
            corpora,
            count,
            compared["speaker"].nunique(),
            examples(group["speaker"]),
            f"{count} speaker name{' occurs' if count == 1 else 's occur'} in several families.",
            "if these are the same speakers, holding out one corpus does not hold out its speakers.",
            "compare the corpora's descriptions, and give corpora that share speakers the same family.",
        )
