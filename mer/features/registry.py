"""All extractors by modality, and what they say of themselves."""

from mer.features import audio, text, video
from mer.features.extractor import Extractor, Scaling

EXTRACTORS: dict[str, dict[str, Extractor]] = {
    "audio": audio.EXTRACTORS,
    "text": text.EXTRACTORS,
    "video": video.EXTRACTORS,
}


def scaling(modality: str, name: str) -> Scaling:
    """Return how the vectors of an extractor are scaled.

    Raises:
        ValueError: the modality has no such extractor.

    >>> scaling("text", "tfidf"), scaling("audio", "mfcc")
    ('idf', 'each')
    """
    known = EXTRACTORS.get(modality, {})
    if name not in known:
        raise ValueError(f"{modality}: there is no extractor {name!r} that says how its vectors are scaled; there are "
                         f"{', '.join(known) or 'none'}")  # fmt: skip
    return known[name].scaling


def handmade(modality: object, name: object) -> bool:
    """Return whether an extractor says that nothing in it was learnt; false where there is no such extractor.

    >>> handmade("audio", "mfcc"), handmade("audio", "encoder"), handmade("audio", "tfidf"), handmade("audio", "mine")
    (True, False, False, False)
    """
    known = EXTRACTORS.get(modality, {}) if isinstance(modality, str) else {}
    return isinstance(name, str) and name in known and not known[name].trained
