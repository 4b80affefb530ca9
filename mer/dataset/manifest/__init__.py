"""The manifest: from corpus folders to a row per utterance."""
