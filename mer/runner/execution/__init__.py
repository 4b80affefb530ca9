"""One notebook in one process."""
