"""Tables, figures and sentences for people, computed from the manifest and the tidy table of results."""
