"""Protocols: which rows train, validate and test, and the jobs that follow from them."""
