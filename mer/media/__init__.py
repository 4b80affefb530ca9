"""Recordings as samples, videos as frames, and speech recognition."""

from pathlib import Path


class Unreadable(ValueError):
    """A file that is no audio or video, is damaged or is empty. `reason` says which."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason
