"""What could make a score look better than it is, and what is broken: leaks, shortcuts and faults."""

from mer.dataset.audit.checks import find_faults, find_leaks, leaks, unchecked
from mer.dataset.audit.finding import BREACH, Finding, head, table, with_breaches, worst_first
from mer.dataset.audit.listening import listen
from mer.dataset.audit.shortcuts import shortcut_findings, shortcut_scores, shortcut_sentence
from mer.dataset.audit.sound import near_pairs

__all__ = [
    "BREACH",
    "Finding",
    "find_faults",
    "find_leaks",
    "head",
    "leaks",
    "listen",
    "near_pairs",
    "shortcut_findings",
    "shortcut_scores",
    "shortcut_sentence",
    "table",
    "unchecked",
    "with_breaches",
    "worst_first",
]
