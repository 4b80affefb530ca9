"""Cues other than emotion that predict the class."""
