"""What could make a score look better than it is, and what is broken: leaks, shortcuts and faults."""

from mer.dataset.audit.checks import Audit, everything, find_faults, find_leaks, unchecked
from mer.dataset.audit.copies.near_duplicates import near_pairs
from mer.dataset.audit.findings import BREACH, Finding, head, table, with_breaches, worst_first
from mer.dataset.audit.measures.recording_measures import listen
from mer.dataset.audit.shortcuts.scores import shortcut_findings, shortcut_scores, shortcut_sentence

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
