"""Compare two run folders, and replay a run to compare it with itself."""
