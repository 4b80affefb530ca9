"""Notebooks as steps: what they declare, and in which order they run."""
