"""Ablations: variants of a system, trained, tested and compared with it."""
