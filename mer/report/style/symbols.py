"""Symbols after names and scores that qualify a score, and the captions that explain them."""

import pandas as pd

from mer.evaluation.scores.flags import with_flags

TRANSDUCTIVE = " (transductive)"
"""The suffix of a system that used unlabelled rows of the test corpus."""
BREACH = " §"
"""The symbol after a score if a breach of the audit affects the test corpus."""
ACCEPTED = " ¶"
"""The symbol after a score if the study accepts copies of the test corpus in another family."""
CAPPED = " ◊"
"""The symbol after a score of a quick look, for which only some utterances of a corpus were drawn."""
SHORTCUT_SYMBOL = " ‡"
"""The symbol after a score if a shortcut classifier reaches the lower bound of the score's interval."""

MEANINGS = {
    SHORTCUT_SYMBOL: "a shortcut within the corpus reaches the lower bound",
    BREACH: "a breach of the audit concerns the corpus",
    ACCEPTED: "the study accepts copies of the corpus in another family",
    CAPPED: "quick look, for which only some utterances were drawn",
}
"""Symbol -> what it says about the score before it."""


def legend(table: pd.DataFrame) -> str:
    """Return the meanings of the symbols that occur in a table of texts; empty if there are none.

    >>> legend(pd.DataFrame({"emodb": [".451 § ◊"]}))
    '§: a breach of the audit concerns the corpus. ◊: quick look, for which only some utterances were drawn.'
    """
    text = " ".join(map(str, [*table.columns, *table.index, *table.to_numpy().ravel()]))
    return " ".join(f"{one.strip()}: {meaning}." for one, meaning in MEANINGS.items() if one.strip() in text)


def labels(rows: pd.DataFrame) -> pd.Series:
    """Return the name of each row's system; transductive systems get a suffix."""
    return rows["system"].astype(object) + _suffix(rows["transductive"], TRANSDUCTIVE)


def symbols(rows: pd.DataFrame) -> pd.Series:
    """Return the symbols after each score: a breach affects its corpus, the study accepts copies of it, or a quick look
    has drawn only some utterances."""
    return _suffix(rows["flagged"], BREACH) + _suffix(rows["accepted"], ACCEPTED) + _suffix(rows["capped"], CAPPED)


def names_with_symbols(corpora: list[str], rows: pd.DataFrame) -> list[str]:
    """Return the names of test corpora with the symbols of their scores."""
    by_corpus = symbols(rows).groupby(rows["test_corpus"]).max()
    return [corpus + by_corpus.get(corpus, "") for corpus in corpora]


def for_display(table: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the names of systems and corpora as people read them, with symbols.

    Args:
        table: columns system, test_corpus or both.
        predictions: the predictions from which the table was computed. Other test corpora keep their names.
    """
    flagged = with_flags(table, predictions)
    shown = flagged.assign(system=labels(flagged)) if "system" in table else flagged
    if "reference" in table:
        reference = flagged.assign(system=flagged["reference"], transductive=flagged["reference_transductive"])
        shown = shown.assign(reference=labels(reference))
    if "test_corpus" in table:
        tested = flagged["test_corpus"].isin(predictions["test_corpus"])
        shown = shown.assign(test_corpus=flagged["test_corpus"].astype(object) + symbols(flagged).where(tested, ""))
    return shown


def flag_caption(rows: pd.DataFrame, *, in_figure: bool = True) -> str:
    """Return the lines below a figure that explain its symbols; empty if no score has one.

    Args:
        rows: columns flagged, accepted and capped; a table without them has no scores of its own.
        in_figure: whether the symbols are in the figure. Otherwise the lines say that some scores are affected.
    """
    causes = {
        "flagged": (BREACH, "a breach of the audit affects"),
        "accepted": (ACCEPTED, "accepted copies affect"),
        "capped": (CAPPED, "a quick look at some utterances gave"),
    }
    return "".join(
        f"\n{symbol.strip()}: {cause} these scores." if in_figure else f"\n{cause.capitalize()} some of these scores."
        for column, (symbol, cause) in causes.items()
        if column in rows and rows[column].eq(True).any()
    )


def _suffix(flags: pd.Series, text: str) -> pd.Series:
    return flags.eq(True).fillna(False).map({True: text, False: ""}).astype(object)
