"""The descriptions of corpora by id. A parser is imported when it is used (`mer.corpora.parsers`)."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from mer.corpora.catalogue import CORPORA
from mer.corpora.corpus import SYNTHETIC, Corpus, Problem, Utterance, plain
from mer.corpora.own import corpus as own
from mer.params.schema import Corpus as CorpusParameters


def selected(names: Mapping[str, CorpusParameters] | Iterable[str]) -> dict[str, Corpus]:
    """Return the corpora of a study by id: those of the catalogue, and those that the study declares as tables.

    Args:
        names: the section `corpora` of the parameters, or ids only.

    >>> [corpus.title for corpus in selected(["emodb", "meld"]).values()]
    ['EMO-DB, Berlin Database of Emotional Speech', 'MELD, Multimodal EmotionLines Dataset']
    """
    parameters = names if isinstance(names, Mapping) else dict.fromkeys(names)
    return {
        name: own.corpus(name, declared) if declared is not None and declared.table else CORPORA[name]
        for name, declared in parameters.items()
    }


def closest_id(name: str, ids: Iterable[str] = CORPORA) -> str | None:
    """Return the id that is meant by another spelling of it, by the name of a corpus's folder, or by a similar word.

    Args:
        name: no id.
        ids: the ids to choose from.

    >>> [closest_id(name) for name in ("cremadh", "CREMA-D", "EmoV-DB", "IEMOCAP_full_release", "polish")]
    ['cremad', 'cremad', 'emovdb', 'iemocap', None]
    """
    spellings = {plain(folder): one for one in ids if one in CORPORA for folder in CORPORA[one].folders}
    spellings |= {plain(one): one for one in ids}
    if plain(name) in spellings:
        return spellings[plain(name)]
    near = difflib.get_close_matches(plain(name), spellings, n=1)
    return spellings[near[0]] if near else None


def of_study(params) -> dict[str, Corpus]:
    """Return the corpora of a study by id. The ids of a synthetic study end in `SYNTHETIC`.

    Args:
        params: parameters with the sections `corpora` and `data`.
    """
    corpora = selected(params.corpora)
    return as_synthetic(corpora) if params.data.synthetic else corpora


def as_synthetic(corpora: Mapping[str, Corpus]) -> dict[str, Corpus]:
    """Return synthetic corpora in the layouts of real ones. They have their own families and no citation.

    >>> [(name, corpus.family) for name, corpus in as_synthetic(selected(["meld"])).items()]
    [('meld (synthetic)', 'friends (synthetic)')]
    """
    return {
        f"{name}{SYNTHETIC}": replace(
            corpus, name=f"{name}{SYNTHETIC}", family=f"{corpus.family}{SYNTHETIC}", title=f"{name}{SYNTHETIC}",
            licence="MIT, as this repository", citation="none: the voices are synthetic", expected_counts={},
            speakers=None,
        )
        for name, corpus in corpora.items()
    }  # fmt: skip


def clusters(corpora: Mapping[str, Corpus]) -> dict[str, str | tuple[str, ...]]:
    """Return, per corpus, the manifest column over which its intervals are computed, or two columns.

    >>> clusters(selected(["emodb", "meld"]))
    {'emodb': 'speaker_id', 'meld': ('speaker_id', 'dialogue_id')}
    """
    return {name: corpus.cluster for name, corpus in corpora.items()}


def test_sets(corpora: Mapping[str, Corpus]) -> dict[str, str]:
    """Return the test set of each corpus: `TestA` for acted corpora, `TestB` for MELD's test part, none for others.

    >>> test_sets(selected(["emodb", "meld", "mosei"]))
    {'emodb': 'TestA', 'meld': 'TestB'}
    """
    meld = {name for name in corpora if name.removesuffix(SYNTHETIC) == "meld"}
    return {name: "TestB" if name in meld else "TestA" for name, corpus in corpora.items()
            if name in meld or corpus.elicitation == "acted"}  # fmt: skip


__all__ = ["CORPORA", "SYNTHETIC", "Corpus", "Problem", "Utterance", "as_synthetic", "closest_id", "clusters",
           "of_study", "selected", "test_sets"]  # fmt: skip
