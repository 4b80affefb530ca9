"""Speech recognition for recordings without text, if it is requested."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mer.media import speech_recognition
from mer.media.speech_recognition import Transcript

ENGLISH_ONLY = (
    "{source} recognises English only and writes English words whatever language is spoken: transcripts, and "
    "predictions that use them, are valid only if English was spoken"
)
"""The note of a recogniser that cannot detect the language."""


@dataclass(frozen=True)
class Recogniser:
    """A recogniser that is ready.

    Attributes:
        transcribe: a function from samples, float32 of shape (n,) at 16 kHz, to the transcript.
        source: the name of the recogniser.
        note: a sentence that holds for all of its transcripts; empty if there is none.
    """

    transcribe: Callable[[np.ndarray], Transcript]
    source: str
    note: str = ""


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
        recognise, source = speech_recognition.open_pocketsphinx(), f"pocketsphinx {speech_recognition.version()}"
        return Recogniser(lambda samples: Transcript(recognise(samples)), source, ENGLISH_ONLY.format(source=source))
    if model is None:
        raise ValueError("--transcribe whisper needs --whisper: a folder, or a name such as openai/whisper-base")
    from mer.features import pretrained

    pretrained.transcribe_whisper([], model, None, device)  # a missing network fails before any recording is read
    source = f"whisper {model}"
    note = "" if pretrained.whisper_languages(model) is None else ENGLISH_ONLY.format(source=source)
    return Recogniser(lambda samples: pretrained.transcribe_whisper([samples], model, None, device)[0], source, note)
