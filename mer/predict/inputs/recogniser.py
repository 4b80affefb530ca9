"""Speech recognition for recordings without text, if it is requested."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
        transcribe: a function from recordings, float32 of shape (n,) at 16 kHz each, to their transcripts.
        source: the name of the recogniser.
        note: a sentence that holds for all of its transcripts; empty if there is none.
    """

    transcribe: Callable[[Sequence[np.ndarray]], list[Transcript]]
    source: str
    note: str = ""


def open_recogniser(name: str, model: str | None, device: str, jobs: int = 1) -> Recogniser:
    """Return a recogniser: `pocketsphinx` (American English), or `whisper` with a network.

    Args:
        name: `pocketsphinx` or `whisper`.
        model: the network of whisper: a folder, or a name on the Hugging Face hub.
        device: the device of the network: cpu, cuda or mps.
        jobs: the number of threads of pocketsphinx.

    Raises:
        ImportError: a package is not installed; the message says how to install it.
        FileNotFoundError: the network is not on this machine and cannot be downloaded.
        ValueError: whisper is requested without a network.
    """
    if name == "pocketsphinx":
        return _pocketsphinx(jobs)
    if model is None:
        raise ValueError("--transcribe whisper needs --whisper: a folder, or a name such as openai/whisper-base")
    from mer.features import pretrained

    pretrained.transcribe_whisper([], model, None, device)  # a missing network fails before any recording is read
    source = f"whisper {model}"
    note = "" if pretrained.whisper_languages(model) is None else ENGLISH_ONLY.format(source=source)
    return Recogniser(lambda recordings: pretrained.transcribe_whisper(recordings, model, None, device), source, note)


def _pocketsphinx(jobs: int) -> Recogniser:
    recognise, source = speech_recognition.open_pocketsphinx(), f"pocketsphinx {speech_recognition.version()}"

    def transcribe(recordings: Sequence[np.ndarray]) -> list[Transcript]:
        with ThreadPoolExecutor(max(1, jobs)) as pool:
            return [Transcript(text) for text in pool.map(recognise, recordings)]

    return Recogniser(transcribe, source, ENGLISH_ONLY.format(source=source))
