"""Finished runs that are copied to a shared place, and back."""
