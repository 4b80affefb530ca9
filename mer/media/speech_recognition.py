"""Speech recognition without a download: PocketSphinx, American English.

Its word error rate is high, above all in emotional speech and for single words
(`tests/features/text/test_transcripts.py` measures it on RAVDESS).
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue

import numpy as np

from mer.files import MissingPackage

LANGUAGE = "en"
"""The language that is recognised, as in ISO 639-1."""
RATE_HZ = 16_000
"""The sampling rate of the audio, in Hz."""


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


def word_errors(reference: str, recognised: str) -> int:
    """Return the number of inserted, deleted and replaced words between two texts (the edit distance).

    Divided by the number of words of the reference, it is the word error rate.

    >>> word_errors("kids are talking by the door", "kids talking by the big door")
    2
    """
    expected, transcribed = reference.split(), recognised.split()
    row = list(range(len(transcribed) + 1))
    for i, word in enumerate(expected, start=1):
        above, row = row, [i]
        for j, other in enumerate(transcribed, start=1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (word != other)))
    return row[-1]


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
