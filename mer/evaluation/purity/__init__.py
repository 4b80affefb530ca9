"""What a test must not have been seen by, and what has been seen."""
