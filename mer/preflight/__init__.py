"""Checks before a run that everything exists which the parameters of a study name.

Packages, pretrained networks, files of weights, layers, devices and checkpoints are looked up without importing a
library, so that a list of steps stays fast.
"""

from mer.preflight.faults import problems
from mer.preflight.notes import notes

__all__ = ["notes", "problems"]
