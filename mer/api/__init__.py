"""The Python interface for users: runs, scores, estimators. `import mer` gives its names (docs/python.md)."""
