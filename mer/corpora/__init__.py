"""The corpora this project reads: one module each, found here by id."""

from collections.abc import Iterable

from mer.corpora import cremad, emodb, emospeechin, esd, meld, nemo, ravdess, turevdb
from mer.corpora.base import Corpus, Problem, Utterance

CORPORA: dict[str, Corpus] = {
    module.CORPUS.name: module.CORPUS for module in (cremad, emodb, emospeechin, esd, meld, nemo, ravdess, turevdb)
}
"""Every corpus by id, in alphabetical order."""


def clusters(names: Iterable[str]) -> dict[str, str]:
    """Return corpus -> the manifest column over which its intervals are computed.

    >>> clusters(["emodb", "meld"])
    {'emodb': 'speaker_id', 'meld': 'dialogue_id'}
    """
    return {name: CORPORA[name].cluster for name in names}


__all__ = ["CORPORA", "Corpus", "Problem", "Utterance", "clusters"]
