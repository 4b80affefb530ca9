"""Corpora that a study declares by a table."""
