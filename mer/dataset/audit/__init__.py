"""The audit: leaks that inflate a score, shortcuts, and faults of recordings, transcripts and labels."""
