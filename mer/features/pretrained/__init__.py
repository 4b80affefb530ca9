"""Pretrained networks of others: finding and loading them, reading their activations, and running them so that a vector
does not depend on its batch.

Nothing here imports transformers or torch before it is needed.
"""

from mer.features.pretrained.whisper import transcribe_whisper, whisper_languages

__all__ = ["transcribe_whisper", "whisper_languages"]
