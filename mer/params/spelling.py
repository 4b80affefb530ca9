"""Spellings that YAML or users change without meaning anything else: the case of corpus names, numbers as labels."""

from typing import Any

_OF_TRAINING = ("training.corpus_weights", "training.encoders.stop_on")
_SYSTEMS = ("systems.*.", "ablations.rows.*.")
_PLACES_OF_TRAINING = ("", *_SYSTEMS, *(f"{system}candidates.*." for system in _SYSTEMS))
CORPUS_PARAMETERS = ("evaluation.accept_duplicates", "labels.overrides", "ablations.rows.*.labels.overrides",
                     "ablations.rows.*.without", "features.*.trained_on", "transcripts.trained_on",
                     *(place + name for place in _PLACES_OF_TRAINING for name in _OF_TRAINING))  # fmt: skip
"""The parameters that list corpora or whose keys are corpora; `*` stands for any name or entry of a list."""


def normalise(tree: dict[str, Any]) -> list[str]:
    """Write the names of MER's corpora in lower case, which all of their ids are.

    Names of user-defined corpora, which have a table, are left as they are.

    Args:
        tree: the parameters as they were read; changed in place.

    Returns:
        A sentence for each corpus that is named twice.

    >>> tree = {"corpora": {"EmoDB": None, "Mine": {"table": "a.csv"}}, "labels": {"overrides": {"EMODB": {}}}}
    >>> normalise(tree), tree
    ([], {'corpora': {'emodb': None, 'Mine': {'table': 'a.csv'}}, 'labels': {'overrides': {'emodb': {}}}})
    """
    declared = tree.get("corpora")
    if isinstance(declared, list):
        names = [str(name) if isinstance(name, int | float) else name for name in declared]
        tree["corpora"] = [name.lower() if isinstance(name, str) else name for name in names]
        own, written = set(), [name for name in names if isinstance(name, str)]
    elif isinstance(declared, dict):
        own = {name for name, options in declared.items() if isinstance(options, dict) and options.get("table")}
        written = [name for name in declared if isinstance(name, str)]
        tree["corpora"] = {_lower(name, own): options for name, options in declared.items()}
    else:
        return []
    for path in CORPUS_PARAMETERS:
        _rewrite(tree, path.split("."), own)
    twice = [name for number, name in enumerate(written) if name not in written[:number] and _lower(name, own) in
             {_lower(other, own) for other in written[:number]}]  # fmt: skip
    return [f"corpora.{name}: is named twice, in another spelling; keep one of the entries" for name in twice]


def _rewrite(section: Any, path: list[str], own: set[str]) -> None:
    """Rewrite the parameter at a path, whose names may be keys of their own or joined by dots."""
    if path[0] == "*":
        parts = section.values() if isinstance(section, dict) else section if isinstance(section, list) else ()
        for part in parts:
            _rewrite(part, path[1:], own)
    elif isinstance(section, dict):
        for length in range(1, len(path) + 1):
            name, below = ".".join(path[:length]), path[length:]
            if name in section and below:
                _rewrite(section[name], below, own)
            elif name in section:
                section[name] = _lowered(section[name], own)


def _lowered(value: Any, own: set[str]) -> Any:
    if isinstance(value, dict):
        return {_lower(corpus, own): entry for corpus, entry in value.items()}
    return [_lower(corpus, own) for corpus in value] if isinstance(value, list) else value


def _lower(name: Any, own: set[str]) -> Any:
    return name.lower() if isinstance(name, str) and name not in own else name


def with_text_keys(value: Any) -> Any:
    """Return a mapping whose numbers are texts, as labels and speakers are: `1: neutral` means `"1": neutral`.

    >>> with_text_keys({1: "neutral", 2.5: 3, "a": True})
    {'1': 'neutral', '2.5': '3', 'a': True}
    """
    return {_text(key): _text(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
