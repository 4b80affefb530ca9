"""A page on this machine that records with the microphone or takes a file, and shows the predictions."""
