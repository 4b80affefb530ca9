"""Measures of each recording, and what they say of its quality."""
