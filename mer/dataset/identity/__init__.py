"""Who speaks, and which recordings are the same."""
