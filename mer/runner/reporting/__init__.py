"""The screen, the pages and the messages of the runner."""
