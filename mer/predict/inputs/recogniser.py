"""Speech recognition for recordings without text, if it is requested."""

from collections.abc import Callable

import numpy as np

from mer.media import speech_recognition

Recogniser = Callable[[np.ndarray], tuple[str | None, str]]
"""A function from samples, float32 of shape (n,) at 16 kHz, to the text (None if there is none) and the recogniser."""


def open_recogniser(name: str, model: str | None, device: str) -> Recogniser:
    """Return a recogniser: `pocketsphinx` (American English), or `whisper` with a network.

    Args:
        name: `pocketsphinx` or `whisper`.
        model: the network of whisper: a folder, or a name on the Hugging Face hub.
        device: the device of the network: cpu, cuda or mps.

    Raises:
        ImportError: a package is not installed; the message says how to install it.
        FileNotFoundError: the network is not on this machine and cannot be downloaded.
        ValueError: whisper is requested without a network.
    """
    if name == "pocketsphinx":
        transcribe, source = speech_recognition.open_pocketsphinx(), f"pocketsphinx {speech_recognition.version()}"
        return lambda samples: (transcribe(samples) or None, source)
    if model is None:
        raise ValueError("--transcribe whisper needs --whisper: a folder, or a name such as openai/whisper-base")
    from mer.features import pretrained

    pretrained.transcribe_whisper([], model, None, device)  # a missing network fails before any recording is read

    def whisper(samples: np.ndarray) -> tuple[str | None, str]:
        [text] = pretrained.transcribe_whisper([samples], model, None, device)
        return text or None, f"whisper {model}"

    return whisper
