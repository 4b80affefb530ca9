"""Shared sentences, words that reveal the class, and errors of transcripts."""
