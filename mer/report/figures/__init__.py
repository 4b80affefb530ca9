"""Figures, one function each: a table in, matplotlib axes out. Without data, the axes contain the reason."""
