"""What could make a score look better than it is: leaks between parts, and shortcuts."""

from mer.dataset.audit.checks import find_leaks, leaks, unchecked
from mer.dataset.audit.finding import Finding, table, worst_first
from mer.dataset.audit.shortcuts import duration_shortcut
from mer.dataset.audit.sound import near_pairs

__all__ = ["Finding", "duration_shortcut", "find_leaks", "leaks", "near_pairs", "table", "unchecked", "worst_first"]
