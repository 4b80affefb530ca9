"""Run folders, compared and replayed."""
