"""Measures of each recording, and faults that they reveal."""
