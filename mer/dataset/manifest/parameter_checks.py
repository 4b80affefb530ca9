"""Checks of parameters before a study runs: unknown corpora and labels, and missing folders."""

from collections.abc import Iterable
from pathlib import Path

from mer import files
from mer.corpora import CORPORA, Corpus, closest_id, selected
from mer.corpora.own import check
from mer.corpora.own import corpus as own
from mer.corpora.own.audio_folder import is_folder
from mer.corpora.synthetic import record
from mer.dataset.manifest import labels
from mer.params.ablations import study_of
from mer.params.data import OWN, Labels
from mer.params.messages import near
from mer.params.schema import Params, Synthetic


def problems(params: Params) -> list[str]:
    """Return the errors of a study's parameters, each with its dotted path; empty if there are none."""
    if messages := _impossible_names(params):
        return messages
    raw = files.from_root(params.data.raw)
    for name, options in params.corpora.items():
        if options.table is None and name not in CORPORA:
            messages.append(_unknown(f"corpora.{name}", name))
        elif options.table is not None and name in CORPORA:
            messages.append(f"corpora.{name}.table: {name} is the id of {CORPORA[name].title}; give yours another name")
        elif options.table is not None and not _exists(raw / options.table, options.table):
            messages.append(
                f"corpora.{name}.table: {files.to_root(raw / options.table)} does not exist (below data.raw)"
            )
        elif options.table is not None and (fault := check.table_fault(own.corpus(name, options), raw)):
            messages.append(f"corpora.{name}.table: {files.to_root(raw / options.table)}: {fault}")
    corpora = selected({name: o for name, o in params.corpora.items() if o.table is not None or name in CORPORA})
    messages += _labels(params, corpora)
    for name, row in params.ablations.rows.items():
        if row.labels:
            messages += [f"ablations.rows.{name}.{line}" for line in _labels(study_of(params, name), corpora)
                         if line not in messages]  # fmt: skip
    return messages + _raw_folder(params)


def _labels(params: Params, corpora: dict[str, Corpus]) -> list[str]:
    """Return the errors of label maps, of the policy and of its overrides."""
    messages = [message for corpus in corpora.values() for message in _emotion_names(params, corpus)]
    messages += _own_policy(params.labels, corpora)
    correct = not messages
    for name in dict.fromkeys([*corpora, *params.labels.overrides]):
        if name not in corpora and name not in CORPORA:
            messages.append(_unknown(f"labels.overrides.{name}", name))
        elif correct or name in params.labels.overrides:
            messages += _label_problems(params, corpora.get(name) or CORPORA[name])
    return messages


def _own_policy(section: Labels, corpora: dict[str, Corpus]) -> list[str]:
    """Return emotion names of an own policy that do not exist, and classes that no label can have."""
    if section.policy != OWN:
        return []
    known = {*labels.POLICIES["paper7"], *(name for corpus in corpora.values() for name in corpus.emotions.values())}
    entries = [*((f"labels.map.{name}", name) for name in section.map), *(("labels.drop", n) for n in section.drop)]
    messages = [f"{place}: there is no emotion {n!r}{_closest(n, known)}" for place, n in entries if n not in known]
    targets = {target for overrides in section.overrides.values() for target in overrides.values()}
    for name in section.classes:
        if name not in {*known, *section.map.values(), *targets}:
            hint = near(name, known) or " (name its labels in `map` or `overrides`)"
            messages.append(f"labels.classes: no label has the class {name!r}{hint}")
    return messages


def _impossible_names(params: Params) -> list[str]:
    """Return the folders whose names the system refuses, for example because they are too long."""
    messages = []
    for name in ("raw", "store"):
        try:
            files.from_root(getattr(params.data, name)).exists()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            messages.append(f"data.{name}: {getattr(params.data, name)!r} can be no folder ({reason})")
    return messages


def warnings(params: Params) -> list[str]:
    """Return sentences about labels in user-defined tables that are not known, whose rows would be lost."""
    raw, sentences = files.from_root(params.data.raw), []
    for name, options in params.corpora.items():
        if options.table is None or not _exists(raw / options.table, options.table):
            continue
        for label, (count, similar) in check.unknown_labels(own.corpus(name, options), raw).items():
            hint = f" (did you mean {similar}?)" if similar else ""
            sentences.append(f"corpora.{name}.labels: {count:,} rows have the label {label!r}, which is not known"
                             f"{hint}; add it, for example {label}: {near or 'other'}")  # fmt: skip
    return sentences


def _exists(path: Path, table: str) -> bool:
    """Whether the table of a user-defined corpus is there, a file or a folder of recordings."""
    return path.is_dir() if is_folder(table) else files.is_file(path)


def _emotion_names(params: Params, corpus: Corpus) -> list[str]:
    """Return emotion names in a study's label maps that the policy does not contain."""
    table = {*labels.POLICIES["paper7"], *labels.of_study(params.labels).rules}
    unknown = {native: corpus.emotions[native] for native in params.corpora[corpus.name].labels}
    return [
        f"corpora.{corpus.name}.labels.{native}: there is no emotion {name!r}{_closest(name, table)}"
        for native, name in unknown.items()
        if name not in table
    ]


def _closest(name: str, names: Iterable[str]) -> str:
    return near(name, names) or f" (known are {', '.join(sorted(names))})"


def _label_problems(params: Params, corpus: Corpus) -> list[str]:
    overrides = params.labels.overrides.get(corpus.name)
    try:
        labels.mapping(labels.of_study(params.labels), corpus.name, corpus.emotions, overrides)
    except labels.UnknownLabel as error:
        return [str(error)]
    return []


def _unknown(path: str, name: str) -> str:
    near = closest_id(name)
    hint = f"(did you mean {near!r}?)" if near else f"(known are {', '.join(sorted(CORPORA))})"
    return f"{path}: there is no such corpus {hint}"


def _raw_folder(params: Params) -> list[str]:
    raw = files.from_root(params.data.raw)
    if params.data.synthetic:
        return _synthetic(raw, params.data.synthetic)
    if raw.is_dir() and any(raw.iterdir()):
        return []
    state = "is not a folder" if raw.exists() and not raw.is_dir() else "is empty" if raw.exists() else "does not exist"
    return [
        f"data.raw: {files.to_root(raw)} {state}; put the corpora into it, one folder each (README, “Use your "
        "corpora”), name another folder with --set data.raw=…, or run the demo: python run_all.py"
    ]


def _synthetic(raw: Path, parameters: Synthetic) -> list[str]:
    try:
        problem = record.conflict(raw, parameters)
    except ValueError as error:
        problem = f"data.synthetic: {error}"
    return [problem] if problem else []
