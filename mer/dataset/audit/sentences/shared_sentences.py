"""Leaks through words: lines that occur on both sides of a split or of what is held out."""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mer.dataset.audit.findings import BREACH, NOTE, WARNING, Finding, examples
from mer.dataset.audit.sentences import languages, similar_sentences, text_normalisation
from mer.dataset.audit.tables.columns import joined

LONG = 5
"""words from which on a line is compared; shorter ones (“Oh my God!”) recur by chance"""
WORDS_PER_SIGN = 0.6
"""where nothing parts words: two Chinese characters are a word, or a little more"""
FEW = 3
RARE = 0.02
"""fewer shared lines than `FEW`, or a smaller share of the longer test lines, are chance: people repeat themselves.
Phrases of everyday words do not count, unless there are very many (`MANY`, `OFTEN`)"""
MANY, OFTEN = 20, 0.2
"""different phrases, and share of the longer test lines, that strangers do not have in common either"""
SHORT, SHORT_OFTEN = 3, 0.6
"""words of a shorter line that is counted, and share of the different ones that only a copy has in common: of two
corpora from one television series it is a third"""
EVERYDAY_LINES, EVERYDAY_SHARE = 10, 0.005
"""different lines, and share of all, from which on a word is everybody's"""
RECURRING = 3
"""rows with the same line from which on it is a sentence that was given out to be read"""
SPOILED = "what is chosen on the validation part is chosen by its score on lines that were trained on."
CHOSEN = "what is chosen on the validation part is chosen by its score on lines of the test part."
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def normal(text: str) -> str:
    """Return a line as its words: no case, no punctuation, one kind of apostrophe, nothing without width.

    >>> normal("Oh – It’s “FINE”,  isn't it?!")
    "oh it's fine isn't it"
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", text_normalisation.visible(text)).casefold())
    return " ".join(words).replace("’", "'")


def length(lines: pd.Series) -> pd.Series:
    """Return how many words lines have; where nothing parts them, `WORDS_PER_SIGN` for each sign.

    Args:
        lines: as `normal` returns them.

    >>> length(pd.Series(["so do i", "我们昨天去了那里"])).tolist()
    [3.0, 5.8]
    """
    return 1 + lines.str.count(" ") + WORDS_PER_SIGN * lines.str.count(text_normalisation.SIGN)


def longer(lines: pd.Series) -> pd.Series:
    """Return which lines are long enough to be compared: with `LONG` words or more; bool."""
    return length(lines) >= LONG


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
    """Yield what of the longer test lines occurs in a training part or in another family, word for word or nearly.

    Nearly: but for a word that is misspelt, added or left out, one in five (`near_lines`).

    Args:
        spoken: from `with_lines`.
    """
    telling = _telling(spoken["line"].unique())
    words = length(spoken["line"])
    lines = spoken[words >= LONG - 1]  # a line of five words may lie there with four of them
    lines = lines[~lines.duplicated(["corpus", "utterance_id"]) | lines["utterance_id"].isna()]
    number, different = pd.factorize(lines["line"])
    lines = lines.assign(number=number, telling=lines["line"].isin(telling), longer=words[lines.index] >= LONG)
    near = similar_sentences.pairs(different.tolist())
    corpora = dict(list(lines.groupby("corpus", sort=True)))
    for source, target in itertools.product(corpora, repeat=2):
        known, judged = corpora[source], corpora[target]
        tested = judged[judged["longer"] & (judged["split"] == "test")]
        yield from _recurring(tested, known[known["split"] == "train"], near, "parts", "the training part of ")
        if source == target:
            validating = known[known["split"] == "validation"]
            chosen = _recurring(tested, validating, near, "parts", "the validation part of ")
            yield from (replace(f, meaning=CHOSEN) for f in chosen if f.severity == BREACH)
        elif known["family"].iloc[0] == judged["family"].iloc[0]:
            validating, trained = (
                judged[judged["longer"] & (judged["split"] == "validation")],
                known["split"] == "train",
            )
            for finding in _recurring(validating, known[trained], near, "parts", "the training part of "):
                if finding.severity == BREACH:
                    what = finding.what.replace("longer test lines", "longer validation lines")
                    yield replace(finding, severity=WARNING, what=what, meaning=SPOILED)
        if known["family"].iloc[0] != judged["family"].iloc[0]:
            tested = tested if len(tested) else judged[judged["longer"]]
            yield from _recurring(tested, known, near, "families", "")
    yield from _short_ones(spoken[spoken["line"].isin(telling)])


def _short_ones(spoken: pd.DataFrame) -> Iterator[Finding]:
    """Yield corpora most of whose shorter lines lie in another family, too, word for word.

    Args:
        spoken: lines with a word that is not everybody's.
    """
    words = 1 + spoken["line"].str.count(" ")
    corpora = dict(list(spoken[(words >= SHORT) & (words < LONG)].groupby("corpus", sort=True)))
    for source, target in itertools.permutations(corpora, 2):
        known, judged = corpora[source], corpora[target]
        different = judged.drop_duplicates("line")
        hit = different["line"].isin(known["line"])
        count, of = int(hit.sum()), len(different)
        kin = known["family"].iloc[0] == judged["family"].iloc[0]
        if kin or count < MANY or count < SHORT_OFTEN * of:
            continue
        severity, meaning, advice = _verdict({known["control"].iloc[0], judged["control"].iloc[0]}, False, False)
        what = (
            f"{count:,} of the {of:,} different lines of {SHORT} to {LONG - 1} words of {target} occur in {source}, "
            f"word for word ({count / of:.1%}); strangers have fewer in common."
        )
        yield Finding("shorter lines across families", severity, joined(pd.Series([source, target])), count, of,
                      examples(different.loc[hit, "transcription"]), what, meaning, advice)  # fmt: skip


def _telling(lines: Iterable[str]) -> set[str]:
    """Lines with a word that is not everybody's; the others are phrases that strangers have in common."""
    said = {line: frozenset(text_normalisation.words(line)) for line in lines}
    often = Counter(itertools.chain.from_iterable(said.values()))
    most = max(EVERYDAY_LINES, EVERYDAY_SHARE * len(said))
    everyday = languages.EVERYDAY | {word for word, count in often.items() if count >= most}
    return {line for line, words in said.items() if not words <= everyday}


def _recurring(
    tested: pd.DataFrame, known: pd.DataFrame, near: tuple[np.ndarray, np.ndarray], across: str, place: str
) -> Iterator[Finding]:
    if tested.empty or known.empty:
        return
    first, second = near
    there = np.zeros(
        1 + max(tested["number"].max(), known["number"].max(), *(side.max(initial=0) for side in near)), bool
    )
    there[known["number"]] = True
    beside = np.zeros_like(there)
    beside[first[there[second]]] = beside[second[there[first]]] = True
    exact = there[tested["number"]]
    hit = exact | beside[tested["number"]]
    if not hit.any():
        return
    source, target = known["corpus"].iloc[0], tested["corpus"].iloc[0]
    count, of, different = int(hit.sum()), len(tested), tested.loc[hit, "number"].nunique()
    telling = int((hit & tested["telling"]).sum())
    counted = count if different >= MANY and count >= OFTEN * of else telling
    chance = counted < FEW or counted < RARE * of
    controls = {known["control"].iloc[0], tested["control"].iloc[0]}
    severity, meaning, advice = _verdict(controls, source == target, chance)
    what = (
        f"{count:,} of the {of:,} longer test lines of {target} ({LONG} words or more) occur in {place}{source} "
        f"({count / of:.1%}; {different:,} different ones), {int(exact.sum()):,} of them word for word"
        f"{'' if exact.sum() == count else ', the others but for a word or two'}."
    )
    shown = tested[hit].sort_values("telling", ascending=False, kind="stable")["transcription"]
    yield Finding(f"lines across {across}", severity, joined(pd.Series([source, target])), count, of,
                  examples(shown), what, meaning, advice)  # fmt: skip


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
        "a text model has seen the lines that it is tested on, most of them with their labels; systems without text "
        "have not.",
        "split by sentence or script, or leave the shared lines out of the training part."
        if own
        else "give both corpora one family, and never train on one where the other is tested.",
    )
