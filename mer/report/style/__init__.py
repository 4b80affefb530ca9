"""Shared style of tables and figures: axes, forests, colours, symbols and numbers."""
