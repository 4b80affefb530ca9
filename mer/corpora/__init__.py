"""The corpora this project reads, found here by id: a module each, or a row each where file names follow a pattern."""

from collections.abc import Iterable, Mapping

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
    own,
    ravdess,
    ravdess_song,
    savee,
    tess,
)
from mer.corpora.base import Corpus, Problem, Utterance
from mer.params.schema import Corpus as Options

_MODULES = (
    afew, cremad, emodb, emorynlp, emovdb, esd, esd_mandarin, iemocap, mead, meld, mosei, ravdess, ravdess_song, savee,
    tess,
)  # fmt: skip
_ALL = (*(module.CORPUS for module in _MODULES), *open_listed.CORPORA, *open_named.CORPORA)

CORPORA: dict[str, Corpus] = {corpus.name: corpus for corpus in sorted(_ALL, key=lambda corpus: corpus.name)}
"""Every corpus by id, in alphabetical order."""


def chosen(listed: Mapping[str, Options] | Iterable[str]) -> dict[str, Corpus]:
    """Return the corpora of a study by id: those that MER knows, and those that it declares as tables.

    Args:
        listed: the section `corpora` of the parameters; or names only.

    >>> [corpus.title for corpus in chosen(["emodb", "meld"]).values()]
    ['EMO-DB, Berlin Database of Emotional Speech', 'MELD, Multimodal EmotionLines Dataset']
    """
    options = listed if isinstance(listed, Mapping) else dict.fromkeys(listed)
    return {
        name: own.corpus(name, given) if given is not None and given.table else CORPORA[name]
        for name, given in options.items()
    }


def clusters(known: Mapping[str, Corpus]) -> dict[str, str | tuple[str, ...]]:
    """Return corpus -> the manifest column over which its intervals are computed, or the two of them.

    >>> clusters(chosen(["emodb", "meld"]))
    {'emodb': 'speaker_id', 'meld': ('speaker_id', 'dialogue_id')}
    """
    return {name: corpus.cluster for name, corpus in known.items()}


def test_sets(known: Mapping[str, Corpus]) -> dict[str, str]:
    """Return corpus -> `TestA` where its test speakers are those of an acted corpus, `TestB` for MELD's test part.

    >>> test_sets(chosen(["emodb", "meld", "mosei"]))
    {'emodb': 'TestA', 'meld': 'TestB'}
    """
    return {name: "TestB" if name == "meld" else "TestA" for name, corpus in known.items()
            if name == "meld" or corpus.elicitation == "acted"}  # fmt: skip


__all__ = ["CORPORA", "Corpus", "Problem", "Utterance", "chosen", "clusters", "test_sets"]
