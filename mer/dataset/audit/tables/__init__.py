"""Any table of utterances as rows for the audit."""
