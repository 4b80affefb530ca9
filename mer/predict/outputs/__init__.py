"""Predictions as values, files and a page."""
