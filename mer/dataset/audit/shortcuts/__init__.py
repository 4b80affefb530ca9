"""Shortcuts: cues other than emotion that predict the class."""
