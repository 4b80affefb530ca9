"""Evaluation: protocols, purity, scores and comparisons."""
