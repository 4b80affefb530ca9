"""Reading recordings."""
