"""Leaks across what is held out: families that are torn apart, and people who appear on both sides."""

import itertools
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from mer.corpora import CORPORA
from mer.dataset.audit.findings import BREACH, NOTE, Finding, examples
from mer.dataset.audit.tables.columns import NOUNS, PARTS, by_person, joined, met
from mer.dataset.identity.speaker_names import merged

_GENERIC = re.compile(r"speaker|spkr?|actor|actress|subject|female|male|man|woman|child|session|unknown|voice")
_TELLING = re.compile(r"[^\W\d_]{4}|[0-9a-f]{8}")
"""a name, or a digest; two corpora that both number their speakers from 1 share nothing"""


def torn(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield families that leaving one family out would not keep together."""
    families = rows.groupby("corpus", sort=True)["family"].unique()
    for corpus, names in families.items():
        if len(names) > 1:
            yield _torn(rows[rows["corpus"] == corpus], f"The corpus bears {len(names)} families: {', '.join(names)}.")
    known = [corpus for corpus in families.index if corpus in CORPORA]
    for one, other in itertools.combinations(known, 2):
        family = CORPORA[one].family
        if family == CORPORA[other].family and set(families[one]) != set(families[other]):
            both = rows[rows["corpus"].isin([one, other])]
            yield _torn(both, f"Both corpora are of the family {family}, but the table gives them different ones.")


def _torn(rows: pd.DataFrame, what: str) -> Finding:
    return Finding(
        "family torn apart",
        BREACH,
        joined(rows["corpus"]),
        len(rows),
        len(rows),
        examples(rows["family"]),
        what,
        "when one part of the family is held out, the other still trains, with the same recordings, speakers or texts.",
        "give everything of one origin the same family.",
    )


def on_both_sides(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield corpora that are only tested on while another corpus of their family is trained on."""
    parts = rows.dropna(subset=["split"]).groupby("corpus")["split"].unique()
    held_out = [corpus for corpus, names in parts.items() if set(names) == {"test"}]
    for corpus in held_out:
        mine = rows["corpus"] == corpus
        family = rows.loc[mine, "family"].iloc[0]
        kin = ~mine & (rows["family"] == family) & (rows["split"] == "train")
        if kin.any():
            yield Finding(
                "family on both sides",
                BREACH,
                joined(rows.loc[mine | kin, "corpus"]),
                int(kin.sum()),
                int((rows["split"] == "train").sum()),
                examples(rows.loc[kin, "utterance_id"]),
                f"{corpus} is only tested on, as a corpus that is held out, and {int(kin.sum()):,} training rows are "
                f"of its family ({family}).",
                "the corpus is not held out: the model has heard its speakers, recordings or texts.",
                "leave the whole family out of the training part, or do not call the score cross-corpus.",
            )


def kin_across_parts(rows: pd.DataFrame, official: set[str]) -> Iterator[Finding]:
    """Yield speakers of a family whom one corpus has in one part and another corpus in another one: of each pair of
    corpora the worst pair of parts."""
    for family, part in rows.groupby("family", sort=True):
        part = by_person(part).reset_index(drop=True)
        for source, target in itertools.permutations(sorted(part["corpus"].unique()), 2):
            for trained, tested, severity in PARTS:
                there = (part["corpus"] == target) & (part["split"] == tested)
                here = (part["corpus"] == source) & (part["split"] == trained)
                shared = met(part["person"], here, there)
                if shared.any():
                    of = part.loc[there, "person"].nunique()
                    severity = NOTE if {source, target} <= official else severity
                    yield _kin(part[shared], severity, family, (source, trained), (target, tested), of)
                    break


def _kin(
    shared: pd.DataFrame, severity: str, family: str, source: tuple[str, str], target: tuple[str, str], of: int
) -> Finding:
    count = shared["person"].nunique()
    chosen = "validation" in (source[1], target[1])
    return Finding(
        "speakers across a family",
        severity,
        joined(pd.Series([source[0], target[0]])),
        count,
        of,
        examples(shared["speaker_id"]),
        f"{count} of the {of} speakers of the {target[1]} part of {target[0]} have the name of one in the "
        f"{NOUNS[source[1]]} part of {source[0]}; both corpora are of the family {family}.",
        "what is chosen on the validation part is chosen with voices of another part."
        if chosen
        else "a model trained on all corpora has heard the voices that it is tested on.",
        "give a speaker the same part in every corpus of a family; MER's own models leave such rows out of what trains "
        "or validates.",
    )


def namesakes(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield names that speakers of two families have in common: a hint, no more."""
    people = by_person(rows[["family", "corpus", "person"]].dropna().drop_duplicates())
    telling = [bool(_TELLING.search(_GENERIC.sub("", name.casefold()))) for name in people["person"]]
    people = people[np.array(telling, dtype=bool)]
    people = people.assign(name=people["person"].map(merged).astype(object))
    people = people[people.groupby("name")["family"].transform("nunique") > 1]
    where = people.groupby("name")["corpus"].transform(joined)
    for corpora, group in people.groupby(where, sort=True):
        among = rows.loc[rows["corpus"].isin(corpora.split(" + ")), ["corpus", "person"]].drop_duplicates()
        count = group["name"].nunique()
        yield Finding(
            "same name in another family",
            NOTE,
            corpora,
            count,
            among["person"].nunique(),
            examples(group["person"]),
            f"Names of speakers that occur in several families: {count}.",
            "if they are the same people, holding one of these corpora out does not hold its voices out.",
            "compare the corpora's descriptions; give corpora that share speakers the same family.",
        )
