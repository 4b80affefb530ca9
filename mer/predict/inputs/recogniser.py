"""Words for recordings that come without, where they are asked for."""

from collections.abc import Callable

import numpy as np

from mer.media import speech_recognition

Recognise = Callable[[np.ndarray], tuple[str | None, str]]
"""samples, float32 of shape (n,) at 16 kHz -> what was heard, None for nothing, and what heard it"""


def open_(recogniser: str, model: str | None, device: str) -> Recognise:
    """Return a recogniser: `pocketsphinx` (American English), or `whisper` with a network.

    Args:
        model: of whisper: a folder, or a name on the Hugging Face hub.

    Raises:
        ImportError: its package is missing; the message says how to get it.
        FileNotFoundError: the network is not here.
        ValueError: whisper without a network.
    """
    if recogniser == "pocketsphinx":
        hear, source = speech_recognition.open_pocketsphinx(), f"pocketsphinx {speech_recognition.version()}"
        return lambda samples: (hear(samples) or None, source)
    if model is None:
        raise ValueError("--transcribe whisper needs --whisper: a folder, or a name such as openai/whisper-base")
    from mer.features import pretrained

    pretrained.transcribe_whisper([], model, None, device)  # a network that is missing is told before any recording

    def whisper(samples: np.ndarray) -> tuple[str | None, str]:
        [text] = pretrained.transcribe_whisper([samples], model, None, device)
        return text or None, f"whisper {model}"

    return whisper
