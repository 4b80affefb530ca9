"""User-defined corpora, which a study declares as tables."""
