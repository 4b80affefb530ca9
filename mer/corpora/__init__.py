"""The corpora this project reads, found here by id: a module each, or a row each where file names follow a pattern."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mer.corpora.corpus import SYNTHETIC, Corpus, Problem, Utterance
from mer.corpora.own import corpus as own
from mer.corpora.parsers import (
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


def of_study(params) -> dict[str, Corpus]:
    """Return the corpora of a study by the names under which they are read; those of a synthetic study are called that.

    Args:
        params: with the sections `corpora` and `data`.
    """
    known = chosen(params.corpora)
    return made_up(known) if params.data.synthetic else known


def made_up(known: Mapping[str, Corpus]) -> dict[str, Corpus]:
    """Return corpora of made-up voices in the layouts of real ones: they cite nobody and are no relatives of those.

    >>> [(name, corpus.family) for name, corpus in made_up(chosen(["meld"])).items()]
    [('meld (synthetic)', 'friends (synthetic)')]
    """
    return {
        f"{name}{SYNTHETIC}": replace(
            corpus, name=f"{name}{SYNTHETIC}", family=f"{corpus.family}{SYNTHETIC}", title=f"{name}{SYNTHETIC}",
            licence="MIT, as this repository", citation="none: the voices are made up", expected={}, speakers=None,
        )
        for name, corpus in known.items()
    }  # fmt: skip


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
    meld = {name for name in known if name.removesuffix(SYNTHETIC) == "meld"}
    return {name: "TestB" if name in meld else "TestA" for name, corpus in known.items()
            if name in meld or corpus.elicitation == "acted"}  # fmt: skip


__all__ = ["CORPORA", "SYNTHETIC", "Corpus", "Problem", "Utterance", "chosen", "clusters", "made_up", "of_study",
           "test_sets"]  # fmt: skip
