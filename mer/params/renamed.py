"""Parameters of earlier versions: each is refused, and the message names the parameter that took its place."""

from typing import Any

RENAMED = {
    "features.acoustic": "features.audio",
    "features.linguistic": "features.text",
    "features.visual": "features.video",
    "features.transcripts": "transcripts",
    "systems.*.modalities": "systems.*.inputs",
    "data.most_lost": "data.max_lost",
}
"""The dotted path of a former parameter and the path of the one that replaces it; `*` stands for any name."""


def move(tree: dict[str, Any]) -> list[str]:
    """Move parameters of earlier versions to their new places, so that their values are checked, too.

    Args:
        tree: the parameters as they were read; changed in place. A value under the new name is kept.

    Returns:
        A sentence for each of them.

    >>> tree = {"features": {"acoustic": {"n_mfcc": 13}}, "systems": {"a": {"modalities": ["audio"]}}}
    >>> move(tree)
    ['features.acoustic: is called `features.audio` now', 'systems.a.modalities: is called `systems.a.inputs` now']
    >>> tree
    {'features': {'audio': {'n_mfcc': 13}}, 'systems': {'a': {'inputs': ['audio']}}}
    """
    problems = []
    for old, new in RENAMED.items():
        for name in _names(tree, old):
            source, target = old.replace("*", name).split("."), new.replace("*", name).split(".")
            value = _parent(tree, source).pop(source[-1])
            parent = _parent(tree, target, create=True)
            if parent is not None:
                parent.setdefault(target[-1], value)
            problems.append(f"{'.'.join(source)}: is called `{'.'.join(target)}` now")
    return problems


def _names(tree: dict[str, Any], path: str) -> list[str]:
    """Names in place of `*` for which the tree has the parameter; [""] for a path without `*` that is there."""
    section = tree.get(path.partition(".")[0])
    names = list(section) if "*" in path and isinstance(section, dict) else [""]
    parents = [(name, _parent(tree, path.replace("*", str(name)).split("."))) for name in names]
    return [str(name) for name, parent in parents if parent is not None and path.rpartition(".")[2] in parent]


def _parent(tree: dict[str, Any], path: list[str], create: bool = False) -> dict[str, Any] | None:
    """The mapping that holds the last part of a path; None if there is none."""
    for part in path[:-1]:
        child = tree.setdefault(part, {}) if create else tree.get(part)
        if not isinstance(child, dict):
            return None
        tree = child
    return tree
