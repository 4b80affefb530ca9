"""Comparisons of systems with each other and with published numbers, selection, and sensitivity of scores."""
