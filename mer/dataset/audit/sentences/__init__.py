"""Sentences on two sides of a split, and what is wrong with transcripts."""
