"""A notebook that runs once per value: where the values come from, and what each run of it sees.

`fan_out={"seed": "evaluation.seeds"}` names a list of the parameters (or the keys of a mapping), or a
JSON list that an earlier step wrote into the run folder. A run for one value sees the list narrowed to
that value, so another value in the list changes nothing for it.
"""

import re
from pathlib import Path

from mer import files

Value = str | int | float
FIT = re.compile(r"[A-Za-z0-9._+-]{1,60}")
"""a value becomes a part of file names"""


class NoValues(ValueError):
    """A fan-out has nothing to run for, or something that cannot name a file."""


def in_folder(source: str) -> bool:
    """Whether the values are a file of the run folder.

    >>> in_folder("data/corpora.json"), in_folder("evaluation.seeds")
    (True, False)
    """
    return source.endswith(".json")


def values(source: str, params: dict, folder: Path) -> list[Value]:
    """Return the values that `source` names.

    Args:
        params: the parameters in plain JSON types.
        folder: the run folder.

    Raises:
        NoValues: it names no list, an empty one, or values that are no short words or numbers.

    >>> values("evaluation.seeds", {"evaluation": {"seeds": [3, 4]}}, Path())
    [3, 4]
    """
    found = _read(folder / source) if in_folder(source) else _look_up(source, params)
    found = list(found) if isinstance(found, list | tuple | dict) else None
    if not found:
        raise NoValues(f"{source} is no list or mapping, or an empty one")
    for value in found:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not FIT.fullmatch(str(value)):
            raise NoValues(f"{source}: {value!r} cannot name a file; use letters, digits and . _ + -")
    if len({str(value) for value in found}) < len(found):
        raise NoValues(f"{source} names a value twice")
    return found


def narrowed(params: dict, source: str, value: Value) -> dict:
    """Return the parameters with the list or mapping at `source` cut down to `value`.

    What `source` does not reach stays as it is.

    >>> narrowed({"a": {"seeds": [1, 2], "b": 3}}, "a.seeds", 2)
    {'a': {'seeds': [2], 'b': 3}}
    """
    head, _, rest = source.partition(".")
    if in_folder(source) or head not in params:
        return params
    inner = params[head]
    if rest:
        return params | {head: narrowed(inner, rest, value) if isinstance(inner, dict) else inner}
    if isinstance(inner, dict):
        return params | {head: {key: item for key, item in inner.items() if key == value}}
    return params | {head: [item for item in inner if item == value]}


def filled(name: str, item: dict[str, Value]) -> str:
    """Return a declared name with the values of an item in place of `{key}`.

    >>> filled("checkpoints/{seed}", {"seed": 3})
    'checkpoints/3'
    """
    for key, value in item.items():
        name = name.replace("{" + key + "}", str(value))
    return name


def _look_up(source: str, params: dict) -> object:
    found: object = params
    for name in source.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _read(path: Path) -> object:
    try:
        return files.read_json(path)
    except OSError as error:
        raise NoValues(f"{files.to_root(path)} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise NoValues(str(error)) from error
