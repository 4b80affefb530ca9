"""The corpora this project reads: one module each, found here by id."""

from collections.abc import Iterable

from mer.corpora import (
    afew,
    cremad,
    emodb,
    emorynlp,
    emospeechin,
    emovdb,
    esd,
    esd_mandarin,
    iemocap,
    mead,
    meld,
    mosei,
    nemo,
    ravdess,
    ravdess_song,
    savee,
    tess,
    turevdb,
)
from mer.corpora.base import Corpus, Problem, Utterance

CORPORA: dict[str, Corpus] = {
    module.CORPUS.name: module.CORPUS
    for module in (
        afew, cremad, emodb, emorynlp, emospeechin, emovdb, esd, esd_mandarin, iemocap, mead, meld, mosei, nemo,
        ravdess, ravdess_song, savee, tess, turevdb,
    )
}  # fmt: skip
"""Every corpus by id, in alphabetical order."""


def clusters(names: Iterable[str]) -> dict[str, str]:
    """Return corpus -> the manifest column over which its intervals are computed.

    >>> clusters(["emodb", "meld"])
    {'emodb': 'speaker_id', 'meld': 'dialogue_id'}
    """
    return {name: CORPORA[name].cluster for name in names}


__all__ = ["CORPORA", "Corpus", "Problem", "Utterance", "clusters"]
