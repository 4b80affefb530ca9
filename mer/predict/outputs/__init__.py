"""Predictions as values, as tables and as a page."""
