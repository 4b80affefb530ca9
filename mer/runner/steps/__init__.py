"""Notebooks as steps: declarations, units, schedule."""
