"""Lossy codecs: a recording is encoded with few bits and decoded again, by FFmpeg's libraries (PyAV)."""

import io
from dataclasses import dataclass

import numpy as np
import soxr

from mer.files import MissingPackage
from mer.media.audio import RATE_HZ


@dataclass(frozen=True)
class Encoding:
    """One of FFmpeg's encoders.

    Attributes:
        encoder: its name.
        container: the name of the format that holds its packets.
        rate_hz: sampling rate, in Hz.
        sample_format: FFmpeg's name of the type of samples that it takes.
        kilobits: bits per second that it is given, in thousands; 0 if it has one rate only.
    """

    encoder: str
    container: str
    rate_hz: int
    sample_format: str
    kilobits: tuple[float, ...]


ENCODINGS = {
    "opus": Encoding("libopus", "ogg", 16_000, "s16", (6, 8, 12, 16, 24)),
    "mp3": Encoding("libmp3lame", "mp3", 16_000, "s16p", (8, 16, 24, 32)),
    "amr": Encoding("libopencore_amrnb", "amr", 8_000, "s16", (4.75, 5.9, 7.95, 12.2)),
    "mulaw": Encoding("pcm_mulaw", "wav", 8_000, "s16", (0,)),
}
"""Codec -> how it is encoded, with the bit rates among which `augmentation` draws."""


def coded(samples: np.ndarray, codec: str, kilobits: float) -> np.ndarray:
    """Return a recording after lossy coding, with as many samples as before.

    What exceeds full scale is scaled down before and up again afterwards.

    Args:
        samples: shape (n,), at 16 kHz.
        codec: a key of `ENCODINGS`.
        kilobits: bits per second, in thousands; it is ignored by codecs with one rate.

    Raises:
        MissingPackage: PyAV was built without this encoder.
    """
    encoding, loudest = ENCODINGS[codec], max(1.0, float(np.abs(samples).max(initial=0)))
    narrow = soxr.resample(samples / loudest, RATE_HZ, encoding.rate_hz)
    decoded = _decoded(_encoded(narrow, encoding, kilobits))
    wide = soxr.resample(decoded[0], decoded[1], RATE_HZ) * loudest
    return np.pad(wide[: len(samples)], (0, max(0, len(samples) - len(wide))))


def _encoded(samples: np.ndarray, encoding: Encoding, kilobits: float) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=encoding.container) as container:
        try:
            stream = container.add_stream(encoding.encoder, rate=encoding.rate_hz, layout="mono")
        except av.codec.codec.UnknownCodecError:
            raise MissingPackage(f"augmentation.codec: this version of PyAV has no encoder {encoding.encoder}; install "
                                 "that of constraints.txt, or leave the codec out of `kinds`") from None  # fmt: skip
        if any(encoding.kilobits):
            stream.bit_rate = round(1000 * kilobits)
        steps = np.rint(np.clip(samples, -1, 1) * (2**15 - 1)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(steps[None], format=encoding.sample_format, layout="mono")
        frame.rate = encoding.rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _decoded(content: bytes) -> tuple[np.ndarray, int]:
    """Return float64 samples of shape (n,), and their sampling rate in Hz."""
    import av

    with av.open(io.BytesIO(content)) as container:
        track = container.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=track.rate)
        frames = [*container.decode(track), None]
        parts = [part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)]
        return np.concatenate([*parts, np.zeros(0)]), track.rate
