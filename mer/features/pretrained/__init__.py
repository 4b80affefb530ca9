"""Networks that others trained: finding, loading and tapping them, and running them so that company does not matter.

Nothing here imports transformers or torch before it is needed.
"""

from mer.features.pretrained.whisper import transcribe_whisper

__all__ = ["transcribe_whisper"]
