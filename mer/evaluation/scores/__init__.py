"""Scores: from predictions to the tidy table of results."""
