"""What is heard: extractors, and how a manifest's recordings get their vectors."""

from functools import partial

from mer.features.audio import encoder, functionals, mfcc, opensmile
from mer.features.audio.extract import extract
from mer.features.audio.recordings import Changed, decode, keys
from mer.features.extractor import Extractor, one_by_one, specification
from mer.media import recordings
from mer.params.schema import AudioFeatures, Data

EXTRACTORS = {
    "mfcc": Extractor(
        version=mfcc.VERSION,
        describe=lambda section: {"n_mfcc": section.n_mfcc, "width": 2 * section.n_mfcc},
        open=one_by_one(lambda section: partial(mfcc.mfcc_statistics, n_mfcc=section.n_mfcc)),
        scaling="each",
        learnt=False,
    ),
    "functionals": Extractor(
        version=functionals.VERSION,
        describe=lambda _: {"width": len(functionals.names())},
        open=one_by_one(lambda _: functionals.functionals),
        scaling="each",
        learnt=False,
    ),
    **{
        name: Extractor(
            version=opensmile.VERSION,
            describe=lambda section: {"width": opensmile.SETS[section.extractor].width},
            open=one_by_one(lambda section: partial(opensmile.functionals, name=section.extractor)),
            scaling="each",
            learnt=False,
        )
        for name in opensmile.SETS
    },
    "encoder": Extractor(
        version=encoder.VERSION, describe=encoder.describe, open=encoder.open_, scaling="each", learnt=True
    ),
}
"""samples, float32 of shape (n,) at 16 kHz, -> a vector"""

__all__ = ["EXTRACTORS", "Changed", "decode", "extract", "keys", "names", "spec"]


def spec(section: AudioFeatures, data: Data) -> dict:
    """Return everything that determines an acoustic vector besides the recording."""
    samples = recordings.spec(data.min_seconds, data.max_seconds)
    return specification(section.extractor, EXTRACTORS[section.extractor], section, **samples)


def names(section: AudioFeatures, width: int) -> list[str]:
    """Return what each dimension is; numbers where a network made it.

    >>> names(AudioFeatures(n_mfcc=2), 4)
    ['cepstrum 0 mean', 'cepstrum 1 mean', 'cepstrum 0 deviation', 'cepstrum 1 deviation']
    """
    if section.extractor == "mfcc":
        return [f"cepstrum {n} {what}" for what in ("mean", "deviation") for n in range(section.n_mfcc)]
    if section.extractor == "functionals":
        return functionals.names()
    return opensmile.names(section.extractor) if section.extractor in opensmile.SETS else [str(n) for n in range(width)]
