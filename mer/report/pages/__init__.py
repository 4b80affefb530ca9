"""Pages in Markdown."""
