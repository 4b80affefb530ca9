"""Findings and sentences about shortcuts that are flagged."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mer.dataset.audit.findings import NOTE, WARNING, Finding
from mer.dataset.audit.shortcuts.cues import BY_NAME, TREE, Shortcut
from mer.dataset.audit.shortcuts.severities import POOLED, WARNING_SHARE, severities


def shortcut_findings(scores: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for every flagged row of `scores.shortcut_scores`."""
    for row in scores.assign(severity=severities(scores))[scores["flagged"]].itertuples():
        shortcut = BY_NAME[row.shortcut]
        interval = "" if np.isnan(row.low) else f" [{row.low:.3f}, {row.high:.3f}]"
        yield Finding(
            f"{row.shortcut} shortcut",
            row.severity,
            row.corpus,
            row.n,
            row.n,
            (),
            f"{shortcut.description[:1].upper()}{shortcut.description[1:]} alone scores UAR {row.UAR:.3f}{interval} "
            f"on {row.n:,} clips; chance is {row.chance:.3f}.",
            _meaning(row.corpus, shortcut, row.severity, row.UAR, row.chance),
            shortcut.advice,
        )


def _meaning(corpus: str, shortcut: Shortcut, severity: str, uar: float, chance: float) -> str:
    model = "a single model of all corpora" if corpus == POOLED else "a model of this corpus"
    if severity == WARNING:
        return (
            f"{model} can reach this score without recognising emotion, and this cue does not help on other corpora "
            f"(warning: the whole interval lies more than {WARNING_SHARE:.0%} of the way from chance to perfect)."
        )
    if shortcut.may_reflect_emotion:
        return (
            f"{model} can reach this score with this cue alone, which may itself depend on emotion "
            f"(note: the score, but not its whole interval, lies more than {WARNING_SHARE:.0%} of the way from chance "
            "to perfect)."
        )
    above = (uar - chance) / (1 - chance) > WARNING_SHARE
    far = "the score lies far above chance, but its whole interval does not" if above else "the effect is small"
    close = "" if shortcut.learner == TREE else ", unless clips were cut so closely that their pauses contain speech"
    return (
        f"labels depend on how clips were made, and {model} can gain about as much from it (note: significantly above "
        f"chance, corrected for all shortcuts and corpora; {far}; emotion does not change this cue{close})."
    )


def shortcut_sentence(scores: pd.DataFrame) -> str:
    """Return a sentence with the flagged shortcuts, the largest first, or with the one that comes closest."""
    if scores.empty:
        return "No shortcut could be scored."
    gain = (scores["UAR"] - scores["chance"]) / (1 - scores["chance"])
    order = scores.loc[gain.sort_values(ascending=False, kind="stable").index]
    if not scores["flagged"].any():
        return f"No single cue scores far above chance; {_reported(order.head(1))} comes closest."
    warned, noted = (order[severities(order) == severity] for severity in (WARNING, NOTE))
    first = f"A single cue scores far above chance: {_reported(warned)}." if len(warned) else ""
    second = f"Above chance, but not certainly far above: {_reported(noted)}." if len(noted) else ""
    return " ".join(sentence for sentence in (first, second) if sentence)


def _reported(scores: pd.DataFrame) -> str:
    cues = [f"{r.shortcut} in {r.corpus} (UAR {r.UAR:.2f}, chance {r.chance:.2f})" for r in scores.itertuples()]
    return ", ".join(cues)
