"""What can be refused before anything runs: corpora, labels and folders that a study names and that are not there."""

import difflib
from collections.abc import Iterable

from mer import files
from mer.corpora import CORPORA, Corpus, selected
from mer.dataset.manifest import labels
from mer.params.schema import Params


def problems(params: Params) -> list[str]:
    """Return everything that is wrong with a study, each by its dotted path; cheap, and empty where all is well."""
    raw = files.from_root(params.data.raw)
    found = []
    for name, options in params.corpora.items():
        if options.table is None and name not in CORPORA:
            found.append(_unknown(f"corpora.{name}", name))
        elif options.table is not None and name in CORPORA:
            found.append(f"corpora.{name}.table: {name} is the id of {CORPORA[name].title}; give yours another name")
        elif options.table is not None and not (raw / options.table).is_file():
            found.append(f"corpora.{name}.table: {files.to_root(raw / options.table)} is not there (below data.raw)")
    known = selected({name: o for name, o in params.corpora.items() if o.table is not None or name in CORPORA})
    for corpus in known.values():
        found += _nouns(params, corpus)
    for name, overrides in params.labels.overrides.items():
        if name in known or name in CORPORA:
            found += _label_problems(params, known.get(name) or CORPORA[name], overrides)
        else:
            found.append(_unknown(f"labels.overrides.{name}", name))
    return found + _raw_folder(params)


def _nouns(params: Params, corpus: Corpus) -> list[str]:
    """What a study's own label maps make of a label and no policy knows."""
    table = labels.POLICIES[params.labels.policy]
    unknown = {native: corpus.emotions[native] for native in params.corpora[corpus.name].labels}
    return [
        f"corpora.{corpus.name}.labels.{native}: there is no emotion {noun!r} {_near(noun, table)}"
        for native, noun in unknown.items()
        if noun not in table
    ]


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"(did you mean {near[0]!r}?)" if near else f"(known are {', '.join(sorted(known))})"


def _label_problems(params: Params, corpus: Corpus, overrides: dict[str, str]) -> list[str]:
    try:
        labels.mapping(params.labels.policy, corpus.name, corpus.emotions, overrides)
    except labels.UnknownLabel as error:
        return [str(error)]
    return []


def _unknown(path: str, name: str) -> str:
    return f"{path}: there is no such corpus {_near(name, CORPORA)}"


def _raw_folder(params: Params) -> list[str]:
    raw = files.from_root(params.data.raw)
    if params.data.synthetic or (raw.is_dir() and any(raw.iterdir())):
        return []
    state = "is not a folder" if raw.exists() and not raw.is_dir() else "is empty" if raw.exists() else "is not there"
    return [
        f"data.raw: {files.to_root(raw)} {state}; put the corpora into it, one folder each (README, “Your corpora”), "
        "name another folder with --set data.raw=…, or run the demo: python run_all.py"
    ]
