"""Checks of parameters before a study runs: unknown corpora and labels, and missing folders."""

import difflib
from collections.abc import Iterable

from mer import files
from mer.corpora import CORPORA, Corpus, closest_id, selected
from mer.corpora.own import check
from mer.corpora.own import corpus as own
from mer.dataset.manifest import labels
from mer.params.schema import Params


def problems(params: Params) -> list[str]:
    """Return the errors of a study's parameters, each with its dotted path; empty if there are none."""
    raw = files.from_root(params.data.raw)
    messages = []
    for name, options in params.corpora.items():
        if options.table is None and name not in CORPORA:
            messages.append(_unknown(f"corpora.{name}", name))
        elif options.table is not None and name in CORPORA:
            messages.append(f"corpora.{name}.table: {name} is the id of {CORPORA[name].title}; give yours another name")
        elif options.table is not None and not (raw / options.table).is_file():
            messages.append(
                f"corpora.{name}.table: {files.to_root(raw / options.table)} does not exist (below data.raw)"
            )
        elif options.table is not None and (fault := check.table_fault(own.corpus(name, options), raw)):
            messages.append(f"corpora.{name}.table: {files.to_root(raw / options.table)}: {fault}")
    corpora = selected({name: o for name, o in params.corpora.items() if o.table is not None or name in CORPORA})
    for corpus in corpora.values():
        messages += _emotion_names(params, corpus)
    for name, overrides in params.labels.overrides.items():
        if name in corpora or name in CORPORA:
            messages += _label_problems(params, corpora.get(name) or CORPORA[name], overrides)
        else:
            messages.append(_unknown(f"labels.overrides.{name}", name))
    return messages + _raw_folder(params)


def warnings(params: Params) -> list[str]:
    """Return sentences about labels in user-defined tables that are not known, whose rows would be lost."""
    raw, sentences = files.from_root(params.data.raw), []
    for name, options in params.corpora.items():
        if options.table is None or not (raw / options.table).is_file():
            continue
        for label, (count, near) in check.unknown_labels(own.corpus(name, options), raw).items():
            hint = f" (did you mean {near}?)" if near else ""
            sentences.append(f"corpora.{name}.labels: {count:,} rows have the label {label!r}, which is not known"
                             f"{hint}; add it, for example {label}: {near or 'other'}")  # fmt: skip
    return sentences


def _emotion_names(params: Params, corpus: Corpus) -> list[str]:
    """Return emotion names in a study's label maps that the policy does not contain."""
    table = labels.POLICIES[params.labels.policy]
    unknown = {native: corpus.emotions[native] for native in params.corpora[corpus.name].labels}
    return [
        f"corpora.{corpus.name}.labels.{native}: there is no emotion {name!r} {_closest(name, table)}"
        for native, name in unknown.items()
        if name not in table
    ]


def _closest(name: str, names: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name, names, n=1)
    return f"(did you mean {matches[0]!r}?)" if matches else f"(known are {', '.join(sorted(names))})"


def _label_problems(params: Params, corpus: Corpus, overrides: dict[str, str]) -> list[str]:
    try:
        labels.mapping(params.labels.policy, corpus.name, corpus.emotions, overrides)
    except labels.UnknownLabel as error:
        return [str(error)]
    return []


def _unknown(path: str, name: str) -> str:
    near = closest_id(name)
    hint = f"(did you mean {near!r}?)" if near else f"(known are {', '.join(sorted(CORPORA))})"
    return f"{path}: there is no such corpus {hint}"


def _raw_folder(params: Params) -> list[str]:
    raw = files.from_root(params.data.raw)
    if params.data.synthetic or (raw.is_dir() and any(raw.iterdir())):
        return []
    state = "is not a folder" if raw.exists() and not raw.is_dir() else "is empty" if raw.exists() else "does not exist"
    return [
        f"data.raw: {files.to_root(raw)} {state}; put the corpora into it, one folder each (README, “Use your "
        "corpora”), name another folder with --set data.raw=…, or run the demo: python run_all.py"
    ]
