"""What could make a score look better than it is, and what is broken: leaks, shortcuts and faults."""

from mer.dataset.audit.checks import Audit, everything, find_faults, find_leaks, unchecked
from mer.dataset.audit.finding import BREACH, Finding, head, table, with_breaches, worst_first
from mer.dataset.audit.listening import listen
from mer.dataset.audit.shortcuts import shortcut_findings, shortcut_scores, shortcut_sentence
from mer.dataset.audit.sound import near_pairs

__all__ = [
    "BREACH",
    "Audit",
    "Finding",
    "everything",
    "find_faults",
    "find_leaks",
    "head",
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
