"""From predictions to the tidy table of results."""
