"""The corpora this project reads, found here by id: a module each, or a row each where file names follow a pattern."""

from collections.abc import Iterable

from mer.corpora import (
    afew,
    cremad,
    emodb,
    emorynlp,
    emovdb,
    esd,
    esd_mandarin,
    iemocap,
    mead,
    meld,
    mosei,
    open_listed,
    open_named,
    ravdess,
    ravdess_song,
    savee,
    tess,
)
from mer.corpora.base import Corpus, Problem, Utterance

_MODULES = (
    afew, cremad, emodb, emorynlp, emovdb, esd, esd_mandarin, iemocap, mead, meld, mosei, ravdess, ravdess_song, savee,
    tess,
)  # fmt: skip
_ALL = (*(module.CORPUS for module in _MODULES), *open_listed.CORPORA, *open_named.CORPORA)

CORPORA: dict[str, Corpus] = {corpus.name: corpus for corpus in sorted(_ALL, key=lambda corpus: corpus.name)}
"""Every corpus by id, in alphabetical order."""


def clusters(names: Iterable[str]) -> dict[str, str]:
    """Return corpus -> the manifest column over which its intervals are computed.

    >>> clusters(["emodb", "meld"])
    {'emodb': 'speaker_id', 'meld': 'dialogue_id'}
    """
    return {name: CORPORA[name].cluster for name in names}


__all__ = ["CORPORA", "Corpus", "Problem", "Utterance", "clusters"]
