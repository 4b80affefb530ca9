"""Finished and unfinished trainings on disk."""
