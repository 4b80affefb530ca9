"""Shifting and scaling of features."""
