"""Speakers and families on two sides of a split."""
