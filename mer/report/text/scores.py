"""Sentences about scores, and legends of the symbols after them."""

from collections.abc import Sequence

import pandas as pd

from mer.params.schema import SELECTED
from mer.report.style.numbers import bounds, chance, select, short
from mer.report.style.symbols import ACCEPTED, BREACH, CAPPED, SHORTCUT_SYMBOL
from mer.report.text.sentences import Paragraph, name_list
from mer.stats import holm

_DRAWN = "only some utterances of a corpus were drawn (data.max_clips, data.max_speakers)"


def loco_sentence(results: pd.DataFrame, system: str, answers: str = "free", level: float = 0.05) -> Paragraph:
    """Return on which held-out corpus a system is best, and on which ones it is not shown to be above chance.

    The system is named in advance. Choosing the best of several on the held-out corpora would be selection on the test
    score. "Best" is by chance-corrected UAR, because corpora differ in their number of classes. A corpus is above
    chance if the p-value, adjusted after Holm for all corpora in the sentence, is at most `level`. Free predictions
    choose among all classes. Guessing then scores less than one constant class that the corpus has, so the sentence
    also lists corpora that are not shown to be above such a constant prediction.
    """
    rows = select(results, "loco", answers).dropna(subset=["value", "classes"])
    rows = rows[rows["system"] == system]
    if rows.empty:
        return Paragraph("No corpus has been held out.")
    guess = chance(rows)
    best = rows.assign(gain=(rows["value"] - guess) / (1 - guess), guess=guess).sort_values("gain", ascending=False)
    first = best.iloc[0]
    interval = bounds(first["low"], first["high"], first["speakers"], digits=2, reason=first["why_none"])
    numbers = f"{short(first['value'], 2)} {interval}, chance {short(first['guess'], 2)}"
    name = "The selected system" if system == SELECTED else first["label"]
    sentence = f"{name} scores highest on held-out {first['test_corpus']} ({numbers})."
    return Paragraph(f"{sentence} {_above_chance(best, level)}{breach_sentence(rows)}")


def headline_system(results: pd.DataFrame, systems: Sequence[str]) -> str:
    """Return the system whose LOCO result is the headline: `selected` if systems were compared, otherwise the first.

    It is never the system with the best test score.
    """
    tested = set(select(results, "loco")["system"])
    return next((name for name in (SELECTED, *systems) if name in tested), SELECTED)


def above_chance_sentence(results: pd.DataFrame, system: str, answers: str = "free", level: float = 0.05) -> Paragraph:
    """Return on which held-out corpora a system is not shown to be above chance, nor above one constant class.

    Args:
        results: tidy.
        system: the system, named before it was tested.
        answers: free or restricted.
        level: the largest p-value, adjusted after Holm over the corpora, of a score above chance.
    """
    rows = select(results, "loco", answers).dropna(subset=["value", "classes"])
    rows = rows[rows["system"] == system].assign(guess=lambda part: chance(part))
    return Paragraph(_above_chance(rows, level) if len(rows) else "No corpus has been held out.")


def breach_sentence(rows: pd.DataFrame) -> str:
    """Return which scores a breach inflates, for which corpora copies are accepted, and whether this is a quick look;
    empty text if there is nothing to say.

    Args:
        rows: results or predictions.
    """
    flagged = sorted(rows.loc[rows["flagged"].eq(True), "test_corpus"].unique())
    accepted = sorted(rows.loc[rows["accepted"].eq(True), "test_corpus"].unique())
    text = ""
    if flagged:
        text += f" A breach of the audit may inflate scores on {name_list(flagged)}."
    if accepted:
        text += f" Another family contains recordings of {name_list(accepted)}, which the study accepts."
    if rows["capped"].eq(True).any():
        text += f" This is a quick look: {_DRAWN}."
    return text


def flag_legend(results: pd.DataFrame, usable: pd.DataFrame) -> Paragraph:
    """Return the meaning of the symbols after scores, and the breaches of each corpus.

    Args:
        results: the results that are shown.
        usable: usable rows of the manifest, with `breach`.
    """
    affected = usable[usable["corpus"].isin(results["test_corpus"]) & usable["breach"].notna()]
    kinds = affected.drop_duplicates("corpus").set_index("corpus")["breach"].sort_index()
    text = "No breach of the audit affects these scores."
    if len(kinds):
        entries = "; ".join(f"{corpus} ({kind.replace('; ', ', ')})" for corpus, kind in kinds.items())
        text = f"{BREACH.strip()} marks scores that a breach of the audit may inflate: {entries}."
    if len(kinds) and results["accepted"].any():
        text += f" {ACCEPTED.strip()} marks corpora whose copies in another family the study accepts by name."
    if results["capped"].any():
        text += f" {CAPPED.strip()} marks scores of a quick look: {_DRAWN}."
    return Paragraph(text)


def shortcut_legend(comparison: pd.DataFrame) -> Paragraph:
    """Return the meaning of the symbol of shortcuts, and how many scores have it.

    Args:
        comparison: from `shortcut_comparison.compare_with_shortcuts`, of the scores that are shown.
    """
    measured = comparison[comparison["shortcut"].notna()]
    if measured.empty:
        return Paragraph("No shortcut could be scored on the classes of these results.")
    count = f"{int(measured['reached'].sum())} of {len(measured)}"
    return Paragraph(
        "The best shortcut is the highest score within a corpus without any cue of emotion."
        f"{SHORTCUT_SYMBOL} marks scores whose lower bound it reaches: {count} comparable scores, which choose among "
        "the same classes. The shortcut has learned from labels of the test corpus; a LOCO model has not."
    )


def seeds_sentence(results: pd.DataFrame) -> Paragraph:
    """Return the standard deviation of the UAR over seeds."""
    rows = select(results).dropna(subset=["deviation"])
    rows = rows[rows["system"] != SELECTED]  # its scores are those of other systems
    if rows.empty:
        return Paragraph("There is one seed, so the variation between trainings is unknown.")
    middle, largest = short(rows["deviation"].median()), short(rows["deviation"].max())
    return Paragraph(
        f"The standard deviation of the UAR over seeds is {middle} (median over cells), at most {largest}."
    )


def _above_chance(best: pd.DataFrame, level: float) -> str:
    constant = 1 / best["classes"].astype("float64")
    above, above_constant = (
        (pd.Series(holm(best[p]), best.index) <= level) & (best["value"] > threshold)
        for p, threshold in (("p_chance", best["guess"]), ("p_constant", constant))
    )
    names = sorted(best["test_corpus"][~above])
    if names:
        text = f"Not shown to be above chance: {name_list(names)}."
    else:
        text = "Every held-out corpus is above chance." if len(best) > 1 else "This is above chance."
    if names := sorted(best["test_corpus"][above & ~above_constant]):
        text += f" Not shown to be above predicting one constant class: {name_list(names)}."
    return text
