"""Speech recognition without a download: PocketSphinx, American English.

Its word error rate is high, above all in emotional speech and for single words (`benchmarks/words.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import numpy as np

from mer.files import MissingPackage

LANGUAGE = "en"
"""The language that is recognised, as in ISO 639-1."""
RATE_HZ = 16_000
"""The sampling rate of the audio, in Hz."""


@dataclass(frozen=True)
class Transcript:
    """What a recogniser transcribed.

    Attributes:
        text: the words; empty if there are none.
        language: the ISO 639-1 code of the language that the recogniser detected; None if it detects none.
        language_probability: the probability of this language among those that the recogniser knows; None without.
    """

    text: str
    language: str | None = None
    language_probability: float | None = None


def version() -> str:
    """Return the version of the package, which includes its acoustic model and its language model.

    Raises:
        MissingPackage: the package pocketsphinx is missing.
    """
    from importlib.metadata import version

    _decoder()
    return version("pocketsphinx")


def open_pocketsphinx() -> Callable[[np.ndarray], str]:
    """Return a function from samples, float32 of shape (n,) at 16 kHz, to lower-case words joined by spaces.

    The function may be called from several threads, because each call uses its own decoder and decoding releases the
    interpreter lock. An utterance is decoded as a whole, with its own cepstral mean, so a transcript does not depend on
    earlier utterances. The transcript is empty if nothing is recognised.

    Raises:
        MissingPackage: the package pocketsphinx is missing.
    """
    free: SimpleQueue = SimpleQueue()
    free.put(_decoder()(samprate=RATE_HZ, loglevel="FATAL"))

    def recognise(samples: np.ndarray) -> str:
        try:
            decoder = free.get_nowait()
        except Empty:
            decoder = _decoder()(samprate=RATE_HZ, loglevel="FATAL")
        try:
            return _transcribe(decoder, samples)
        finally:
            free.put(decoder)

    return recognise


def _transcribe(decoder, samples: np.ndarray) -> str:
    pcm = (np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()
    if not _has_speech(pcm):  # a decoder always returns words, and transcribes silence as "dog"
        return ""
    decoder.start_utt()
    try:
        decoder.process_raw(pcm, full_utt=True)
    finally:
        decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else ""


def _has_speech(pcm: bytes) -> bool:
    """Return whether the voice activity detector, in its most sensitive mode, finds a frame of 30 ms with speech."""
    from pocketsphinx import Vad

    detector = Vad(mode=Vad.LOOSE, sample_rate=RATE_HZ, frame_length=0.03)
    size = detector.frame_bytes
    return any(detector.is_speech(pcm[first : first + size]) for first in range(0, len(pcm) - size + 1, size))


def _decoder():
    try:
        from pocketsphinx import Decoder
    except ImportError:
        raise MissingPackage(
            "transcripts.recogniser is pocketsphinx, which needs the package of that name: "
            'pip install -c constraints.txt -e ".[asr]", or choose none'
        ) from None
    return Decoder
