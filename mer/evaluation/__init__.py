"""Protocols (in-corpus, cross-corpus, LOCO) and scores with their uncertainty."""
