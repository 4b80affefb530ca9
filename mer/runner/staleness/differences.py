"""Sentences about what a step depended on when it last ran and depends on now."""

import json
from collections.abc import Iterator

MAX_VALUE_CHARS = 60
"""The number of characters of a value that a line shows."""
ABSENT = object()
"""Stands for a value that is not set, because None is a value."""
PARTS = ("study", "code", "parameters", "modules", "python", "versions", "installed", "inputs")
"""The parts of a stamp's digest that have sentences of their own, in the order of the lines."""


def difference_lines(stored: dict, current: dict) -> list[str]:
    """Return a line for everything that differs between the `parts` of two stamps; none if nothing does.

    A part that is absent counts as an empty one.

    >>> difference_lines({"parameters": {"training": {"epochs": 3}}}, {"parameters": {"training": {"epochs": 9}}})
    ['training.epochs is 9, was 3']
    """
    kinds = (*PARTS, *_other_parts(stored, current))
    return [line for kind in kinds for line in _part_lines(kind, stored.get(kind), current.get(kind))]


def differing(stored: object, current: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield (dotted path, stored value, current value) of all that differs in nested mappings; `ABSENT` if not set.

    >>> list(differing({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}))
    [('a.c', 2, 3)]
    """
    old, new = ({} if value is ABSENT else value for value in (stored, current))
    if not (isinstance(old, dict) and isinstance(new, dict) and (old or new)):
        if not same(stored, current):
            yield path, stored, current
        return
    for key in sorted(old | new, key=str):
        inner = f"{path}.{key}" if path else str(key)
        yield from differing(old.get(key, ABSENT), new.get(key, ABSENT), inner)


def same(a: object, b: object) -> bool:
    """Return whether two JSON values are the same. NaN is the same as NaN, 1 as 1.0, but true is not the same as 1.

    >>> same([1, float("nan")], [1.0, float("nan")]), same(True, 1)
    (True, False)
    """
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return isinstance(a, bool) == isinstance(b, bool) and (a == b or (a != a and b != b))


def sentence(name: str, stored: object, current: object) -> str:
    """Say what a value is and was; if both look the same in short, exactly, or only that it changed.

    >>> sentence("data.raw", ABSENT, ["a", "b"]), sentence("seed", 3, "3")
    ('data.raw is [a, b], was not set', 'seed is "3", was 3')
    """
    for text in (format_value, _exact):
        was, is_now = text(stored), text(current)
        if was != is_now:
            return f"{name} is {is_now}, was {was}"
    return f"{name} changed"


def format_value(value: object) -> str:
    """Return a value as it is shown in a line.

    >>> format_value(ABSENT), format_value(None), format_value({"a": [1, "x"]}), format_value("two\\nlines")
    ('not set', 'null', '{a: [1, x]}', '"two\\\\nlines"')
    """
    return _short(_bare(value))


def _bare(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_bare, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_bare(inner)}' for key, inner in value.items())}}}"
    if value is ABSENT:
        return "not set"
    return value if isinstance(value, str) and value.isprintable() and value else _json(value)


def _exact(value: object) -> str:
    return "not set" if value is ABSENT else _short(_json(value))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _short(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"


def _other_parts(stored: dict, current: dict) -> list[str]:
    """Return the parts that another version of the runner has added."""
    return sorted((stored.keys() | current.keys()).difference(PARTS), key=str)


def _part_lines(kind: str, stored: object, current: object) -> Iterator[str]:
    """Yield the lines of one part; of a part that has not the expected form, only that it changed."""
    form = {"study": str, "python": str, "code": list}.get(kind, dict)
    if kind not in PARTS or not all(value is None or isinstance(value, form) for value in (stored, current)):
        if not same(stored, current):
            yield f"{kind} changed"
    elif form is str:
        names = {"study": "study is named", "python": "Python is"}
        if stored != current:
            was, is_now = ("unknown" if value is None else format_value(value) for value in (stored, current))
            yield f"{names[kind]} {is_now}, was {was}"
    elif kind == "code":
        yield from _code_lines(stored or [], current or [])
    elif kind == "modules":
        yield from _module_lines(stored or {}, current or {})
    elif kind == "inputs":
        yield from _input_lines(stored or {}, current or {})
    else:
        prefix = "installed " if kind == "installed" else ""
        for name, old, new in differing(stored or {}, current or {}):
            yield sentence(f"{prefix}{name}", old, new)


def _code_lines(stored: list, current: list) -> Iterator[str]:
    if len(stored) != len(current):
        yield f"code has {len(current)} cells, was {len(stored)}"
        return
    pairs = enumerate(zip(stored, current, strict=True), 1)
    if numbers := [str(number) for number, (old, new) in pairs if not same(old, new)]:
        yield f"code cell{'s' if len(numbers) > 1 else ''} {', '.join(numbers)} changed"


def _module_lines(stored: dict, current: dict) -> Iterator[str]:
    for name in sorted(stored | current):
        if name not in stored:
            yield f"{name} is new to this step"
        elif name not in current:
            yield f"{name} is no longer imported"
        elif not same(stored[name], current[name]):
            yield f"{name} changed"


def _input_lines(stored: dict, current: dict) -> Iterator[str]:
    """Yield the lines of inputs; the digest of an input that does not exist is None."""
    for name in sorted(stored | current):
        old, new = stored.get(name), current.get(name)
        if name not in current:
            yield f"input {name} is no longer read"
        elif name in stored and same(old, new):
            continue
        elif new is None:
            yield f"input {name} is missing"
        else:
            yield f"input {name} is new" if old is None else f"input {name} changed"
