"""The manifest: one row per utterance, built from the corpora's folders."""
