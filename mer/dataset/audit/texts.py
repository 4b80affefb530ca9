"""Leaks through words: lines that occur on both sides of a split or of what is held out."""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mer.dataset.audit.finding import BREACH, NOTE, WARNING, Finding, examples
from mer.dataset.audit.rows import joined

LONG = 5
"""words from which on a line is compared; shorter ones (“Oh my God!”) recur by chance"""
FEW = 3
RARE = 0.02
"""fewer shared lines than `FEW`, or a smaller share of the longer test lines, are chance: people repeat themselves"""
RECURRING = 3
"""rows with the same line from which on it is a sentence that was given out to be read"""
SPOILED = "what is chosen on the validation part is chosen by its score on lines that were trained on."
CHOSEN = "what is chosen on the validation part is chosen by its score on lines of the test part."
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def normal(text: str) -> str:
    """Return a line as its words: no case, no punctuation, one kind of apostrophe.

    >>> normal("Oh – It’s “FINE”,  isn't it?!")
    "oh it's fine isn't it"
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return " ".join(words).replace("’", "'")


def with_lines(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have words, with the columns `line` (as `normal` has it) and `control`.

    `control` is the corpus's `lexical_control`; where the table does not say, a corpus in most of whose rows the
    line recurs reads given sentences (parallel), and another one speaks freely (free).
    """
    spoken = rows[rows["transcription"].notna()]
    table = {text: normal(text) for text in spoken["transcription"].unique()}
    spoken = spoken.assign(line=spoken["transcription"].map(table).astype("str"))
    spoken = spoken[spoken["line"] != ""]
    often = spoken.groupby(["corpus", "line"])["line"].transform("size") >= RECURRING
    read = often.groupby(spoken["corpus"]).transform("mean") >= 0.5
    guess = read.map({True: "parallel", False: "free"}).astype("str")
    return spoken.assign(control=spoken["lexical_control"].fillna(guess))


def shared_lines(spoken: pd.DataFrame) -> Iterator[Finding]:
    """Yield what of the longer test lines occurs word for word in a training part, or in another family.

    Args:
        spoken: from `with_lines`.
    """
    longer = spoken[spoken["line"].str.count(" ") >= LONG - 1]
    longer = longer[~longer.duplicated(["corpus", "utterance_id"]) | longer["utterance_id"].isna()]
    longer = longer.assign(number=pd.factorize(longer["line"])[0])
    corpora = dict(list(longer.groupby("corpus", sort=True)))
    trained = {name: part[part["split"] == "train"] for name, part in corpora.items()}
    validating = {name: part[part["split"] == "validation"] for name, part in corpora.items()}
    tested = {name: part[part["split"] == "test"] for name, part in corpora.items()}
    for source, target in itertools.product(corpora, repeat=2):
        yield from _recurring(tested[target], trained[source], "parts", "the training part of ")
        if source == target:
            chosen = _recurring(tested[target], validating[target], "parts", "the validation part of ")
            yield from (replace(f, meaning=CHOSEN) for f in chosen if f.severity == BREACH)
        elif corpora[source]["family"].iloc[0] == corpora[target]["family"].iloc[0]:
            for finding in _recurring(validating[target], trained[source], "parts", "the training part of "):
                if finding.severity == BREACH:
                    what = finding.what.replace("longer test lines", "longer validation lines")
                    yield replace(finding, severity=WARNING, what=what, meaning=SPOILED)
        if corpora[source]["family"].iloc[0] != corpora[target]["family"].iloc[0]:
            judged = tested[target] if len(tested[target]) else corpora[target]
            yield from _recurring(judged, corpora[source], "families", "")


def _recurring(tested: pd.DataFrame, known: pd.DataFrame, across: str, place: str) -> Iterator[Finding]:
    hit = np.isin(tested["number"], known["number"].unique())
    if not hit.any():
        return
    source, target = known["corpus"].iloc[0], tested["corpus"].iloc[0]
    count, of, different = int(hit.sum()), len(tested), tested.loc[hit, "number"].nunique()
    controls = {known["control"].iloc[0], tested["control"].iloc[0]}
    severity, meaning, advice = _verdict(controls, source == target, count < FEW or count < RARE * of)
    what = (
        f"{count:,} of the {of:,} longer test lines of {target} ({LONG} words or more) occur word for word in "
        f"{place}{source} ({count / of:.1%}; {different:,} different ones)."
    )
    yield Finding(f"lines across {across}", severity, joined(pd.Series([source, target])), count, of,
                  examples(tested.loc[hit, "transcription"]), what, meaning, advice)  # fmt: skip


def _verdict(controls: set[str], own: bool, chance: bool) -> tuple[str, str, str]:
    """Severity, meaning and advice; `own`: within one corpus."""
    if controls == {"parallel"}:
        return (
            NOTE,
            "sentences given out to be read: their words tell a text model nothing, and known words help none.",
            "nothing, as long as every emotion is spoken with the same sentences.",
        )
    if own and "free" not in controls:
        return (
            NOTE,
            "sentences given out to be read, some of them for one emotion: a text model knows them from training.",
            "do not score systems that see the text of this corpus, or only on the sentences that all emotions share.",
        )
    if chance:
        return NOTE, "no more than people repeat themselves by chance.", "nothing."
    return (
        BREACH,
        "a text model has seen the lines that it is tested on, most of them with their labels.",
        "split by sentence or script, or leave the shared lines out of the training part."
        if own
        else "give both corpora one family, and never train on one where the other is tested.",
    )
