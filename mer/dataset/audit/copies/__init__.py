"""Copies of recordings: identical, re-encoded or altered."""
