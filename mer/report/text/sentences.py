"""Sentences under figures and tables, computed from the numbers they stand beside."""

import html
from collections.abc import Mapping

import pandas as pd

from mer.corpora import Corpus
from mer.params.schema import SELECTED
from mer.report.style.numbers import ACCEPTED, BREACH, bounds, guessing, select, short
from mer.report.tables.results import REACHED
from mer.stats import holm

_MORE = 4


class Prose(str):
    """Text that a notebook shows as a paragraph; what comes from a corpus stays text."""

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self, quote=False)}</p>"


class Long:
    """A table of sentences: whole, wrapped, without row numbers.

    >>> Long(pd.DataFrame({"a": ["<b>"]}))._repr_html_().count("&lt;b&gt;")
    1
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def __repr__(self) -> str:
        return self.frame.to_string(index=False)

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            return self.frame.to_html(index=False, classes="long", border=0)


def findings(table: pd.DataFrame) -> Long:
    """Return the audit's findings (mer/dataset/audit/findings.py) as three columns of sentences.

    >>> row = {"severity": "note", "kind": "lines", "where": "emodb", "count": 3, "of": 4, "example": "a",
    ...        "what": "So.", "meaning": "this.", "advice": "that."}
    >>> list(findings(pd.DataFrame([row])).frame.iloc[0])
    ['note: lines, emodb (3 of 4)', 'So. Such as: a', 'Means: this. Do: that.']
    """
    heads = [f"{f.severity}: {f.kind}, {f.where} ({f.count:,} of {f.of:,})" for f in table.itertuples(index=False)]
    told = table["what"] + [f" Such as: {example}" if example else "" for example in table["example"]]
    meant = "Means: " + table["meaning"] + " Do: " + table["advice"]
    columns = {"finding": heads, "what it is": told, "what it means, and what to do": meant}
    return Long(pd.DataFrame(columns, index=table.index))


def loco_sentence(results: pd.DataFrame, system: str, answers: str = "free", level: float = 0.05) -> str:
    """Say which held-out corpus a system recognises best, and for which it is not shown to be above chance.

    One system, named beforehand: the best of several, picked on the held-out corpora, would be a choice made by
    looking at them. "Best" is by chance-corrected UAR, as corpora differ in their number of classes. A corpus is
    above chance where the p-value is at most `level` after Holm's adjustment for all corpora that are spoken of. Free
    answers are among all classes, so that guessing scores less than always giving one answer that the corpus has:
    where that is not shown to be passed, it is said, too.
    """
    rows = select(results, "loco", answers).dropna(subset=["value", "classes"])
    rows = rows[rows["system"] == system]
    if rows.empty:
        return "No corpus has been held out."
    guess = guessing(rows)
    best = rows.assign(gain=(rows["value"] - guess) / (1 - guess), guess=guess).sort_values("gain", ascending=False)
    first = best.iloc[0]
    interval = bounds(first["low"], first["high"], first["speakers"], digits=2, why=first["why_none"])
    numbers = f"{short(first['value'], 2)} {interval}, chance {short(first['guess'], 2)}"
    said = f"Held out, {first['label']} recognises {first['test_corpus']} best ({numbers}); {_not_shown(best, level)}."
    return said + held_against(rows)


def held_against(rows: pd.DataFrame) -> str:
    """Say which corpora's scores a breach touches, and of which copies are accepted; empty where none is.

    Args:
        rows: results or predictions.
    """
    flagged = sorted(rows.loc[rows["flagged"].eq(True), "test_corpus"].unique())
    accepted = sorted(rows.loc[rows["accepted"].eq(True), "test_corpus"].unique())
    told = ""
    if flagged:
        told += f" Scores on {_list(flagged)} may be better than the system is: a breach of the audit touches them."
    if accepted:
        told += f" Recordings of {_list(accepted)} are also trained on in another family, which the study accepts."
    return told


def mark_legend(results: pd.DataFrame, usable: pd.DataFrame) -> Prose:
    """Say what the marks after scores mean, and which breaches touch which corpora.

    Args:
        results: those that are shown.
        usable: the manifest's rows, with `breach`.
    """
    shown = usable[usable["corpus"].isin(results["test_corpus"]) & usable["breach"].notna()]
    kinds = shown.drop_duplicates("corpus").set_index("corpus")["breach"].sort_index()
    if kinds.empty:
        return Prose("No breach of the audit touches these scores.")
    told = "; ".join(f"{corpus} ({kind.replace('; ', ', ')})" for corpus, kind in kinds.items())
    said = f"{BREACH.strip()} marks scores that a breach of the audit may make better than the system is: {told}."
    if results["accepted"].any():
        said += f" {ACCEPTED.strip()} marks corpora whose copies in another family the study accepts by name."
    return Prose(said)


def shortcut_legend(beside: pd.DataFrame) -> Prose:
    """Say what the mark of a shortcut means, and how many scores have it.

    Args:
        beside: as from `shortcut_flags.beside`, of the scores that are shown.
    """
    known = beside[beside["shortcut"].notna()]
    if known.empty:
        return Prose("No shortcut could be measured on the classes of these scores.")
    count = f"{int(known['reached'].sum())} of {len(known)}"
    return Prose(
        f"Best shortcut: what scores highest within a corpus without hearing an emotion.{REACHED} marks scores whose "
        f"lower bound it reaches: {count} that can be compared, as both choose among the same classes. A shortcut "
        "learns from labels of the corpus itself. A system that was trained without the corpus cannot use as much."
    )


def excluded_sentence(manifest: pd.DataFrame) -> str:
    """Say how many clips are used, and the most common reason for leaving others out."""
    reasons = manifest["exclude_reason"].dropna()
    if reasons.empty:
        return f"All {len(manifest):,} clips are used."
    most = reasons.value_counts()
    used = f"{len(manifest) - len(reasons):,} of {len(manifest):,} clips are used"
    return f"{used}; most of the others are left out for “{most.index[0]}” ({most.iloc[0]:,})."


def seeds_sentence(results: pd.DataFrame) -> str:
    """Say how much the seeds alone move the UAR."""
    rows = select(results).dropna(subset=["deviation"])
    rows = rows[rows["system"] != SELECTED]  # which are those of others
    if rows.empty:
        return "One seed: how much training alone moves the numbers is not known."
    middle, largest = short(rows["deviation"].median()), short(rows["deviation"].max())
    return f"Over seeds the UAR deviates by {middle} (median over cells), at most {largest}."


def _not_shown(best: pd.DataFrame, level: float) -> str:
    constant = 1 / best["classes"].astype("float64")
    above, beyond = (
        (pd.Series(holm(best[p]), best.index) <= level) & (best["value"] > least)
        for p, least in (("p_chance", best["guess"]), ("p_constant", constant))
    )
    names = sorted(best["test_corpus"][~above])
    if not names:
        told = "each held-out corpus is above chance" if len(best) > 1 else "that is above chance"
    else:
        told = f"{_list(names)} {_are(names)} not shown to be above chance"
    if names := sorted(best["test_corpus"][above & ~beyond]):
        told += f"; {_list(names)} {_are(names)} not shown to be above always giving one answer"
    return told


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _list(names: list[str]) -> str:
    if len(names) > _MORE + 1:
        names = [*names[:_MORE], f"{len(names) - _MORE} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def rules(known: Mapping[str, Corpus], usable: pd.DataFrame) -> dict[str, str]:
    """Say by what each corpus is parted."""
    apart = set(usable.loc[usable["text_side"].notna(), "corpus"])
    return {
        name: "its own table" if corpus.user_defined and corpus.official_splits
        else "its published split" if corpus.official_splits
        else ("sessions" if corpus.split_by_session else "speakers") + (" and sentences" if name in apart else "")
        for name, corpus in known.items()
    }  # fmt: skip


def listed(reasons: dict[str, str]) -> Prose:
    """Say which corpora are not scored, and why.

    >>> listed({"emodb": "", "cremad": "13 clips, fewer than 100"})
    'Listed, not scored: cremad (13 clips, fewer than 100).'
    """
    found = [f"{corpus} ({reason})" for corpus, reason in sorted(reasons.items()) if reason]
    return Prose(f"Listed, not scored: {', '.join(found)}." if found else "All corpora are scored.")


def counted(items: list[str], what: str, otherwise: str) -> Prose:
    """Say how many there are, with one example.

    >>> counted(["a: no text", "b: no text"], "cells cannot be run", "All can.")
    '2 cells cannot be run, for example a: no text.'
    """
    return Prose(f"{len(items)} {what}, for example {items[0]}." if items else otherwise)
