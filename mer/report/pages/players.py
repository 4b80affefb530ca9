"""Recordings embedded in pages, within a limit of bytes."""

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

from mer.media import Unreadable, audio


@dataclass
class Players:
    """Embeds recordings as 16-bit FLAC at 16 kHz until the limit is reached.

    Attributes:
        raw: the folder of all corpora.
        max_seconds: the longest part of a recording that is embedded, in seconds.
        free_bytes: the bytes that may still be embedded.
        embedded, embedded_bytes: the number of recordings that were embedded, and their bytes.
    """

    raw: Path
    max_seconds: float
    free_bytes: int
    embedded: int = 0
    embedded_bytes: int = 0
    _sources: dict[tuple, dict] = field(default_factory=dict, repr=False)

    def player(self, path: str, start: float | None, end: float | None) -> dict[str, str]:
        """Return the address of a recording for a page, or the reason why it cannot be played.

        Args:
            path: the file below `raw`.
            start, end: the limits of the segment, in seconds; None means the start or the end of the file.

        Returns:
            source and reason; one of them is empty.
        """
        key = path, start, end
        if key not in self._sources:
            self._sources[key] = self._embed(*key)
        return self._sources[key]

    def _embed(self, path: str, start: float | None, end: float | None) -> dict[str, str]:
        import soundfile

        try:
            samples = audio.read_mono(self.raw / path, start=start, end=end, max_seconds=self.max_seconds)
        except (Unreadable, OSError, ValueError) as error:
            return {"source": "", "reason": f"cannot be played: {getattr(error, 'reason', None) or error}"}
        content = io.BytesIO()
        soundfile.write(content, samples, audio.RATE_HZ, format="FLAC", subtype="PCM_16")
        source = f"data:audio/flac;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
        if len(source) > self.free_bytes:
            return {"source": "", "reason": "not embedded, because the page would be too large"}
        self.free_bytes -= len(source)
        self.embedded, self.embedded_bytes = self.embedded + 1, self.embedded_bytes + len(source)
        return {"source": source, "reason": ""}
