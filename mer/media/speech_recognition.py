"""Speech recognition that needs no download: PocketSphinx, American English.

It is rough: of the two sentences of RAVDESS it gets half of the words wrong (word error rate
.49 over 60 clips), more in anger and fear than in calm, and it hears few single words.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue

import numpy as np

from mer.files import MissingPackage

LANGUAGE = "en"
RATE_HZ = 16_000


def version() -> str:
    """Return the release, which also fixes the acoustic and the language model inside it.

    Raises:
        MissingPackage: the package pocketsphinx is missing.
    """
    from importlib.metadata import version

    _decoder()
    return version("pocketsphinx")


def open_pocketsphinx() -> Callable[[np.ndarray], str]:
    """Return a function from samples, float32 of shape (n,) at 16 kHz, to lower-case words joined by spaces.

    It may be called from several threads: each call takes a decoder of its own, and decoding lets others run. An
    utterance is decoded as a whole, its cepstral mean taken from itself, so a result does not depend on earlier ones.
    Nothing recognised is an empty string.

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
            return _words(decoder, samples)
        finally:
            free.put(decoder)

    return recognise


def word_errors(reference: str, recognised: str) -> int:
    """Return how many words must be put in, left out or replaced to come from one text to the other.

    Divided by the words of the reference it is the word error rate.

    >>> word_errors("kids are talking by the door", "kids talking by the big door")
    2
    """
    said, heard = reference.split(), recognised.split()
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, start=1):
        above, row = row, [i]
        for j, other in enumerate(heard, start=1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (word != other)))
    return row[-1]


def _words(decoder, samples: np.ndarray) -> str:
    pcm = (np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()
    if not _spoken(pcm):  # a decoder must answer something, and hears "dog" in zeros
        return ""
    decoder.start_utt()
    try:
        decoder.process_raw(pcm, full_utt=True)
    finally:
        decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""


def _spoken(pcm: bytes) -> bool:
    """Whether the package's voice activity detector, at its most lenient, finds a frame of 30 ms of speech."""
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
