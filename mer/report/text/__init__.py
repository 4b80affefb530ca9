"""Sentences of reports, computed from the numbers that they describe."""
