"""Foreign tables of utterances, read as rows for the audit."""
