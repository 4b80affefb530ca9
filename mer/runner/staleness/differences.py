"""What a unit depended on then and depends on now, in words."""

import json
from collections.abc import Iterator

MOST = 60
"""characters of a value that are shown"""
ABSENT = object()
"""stands for a value that is not there, as None is a value"""
KNOWN = ("study", "item", "code", "parameters", "modules", "python", "versions", "installed", "inputs")


def changes(then: dict, now: dict) -> list[str]:
    """Return a line for everything that differs between two stamps' `parts`; none where nothing does.

    A part that is absent counts as an empty one.

    >>> changes({"parameters": {"training": {"epochs": 3}}}, {"parameters": {"training": {"epochs": 9}}})
    ['training.epochs is 9, was 3']
    """
    return [line for kind in (*KNOWN, *_others(then, now)) for line in _part(kind, then.get(kind), now.get(kind))]


def differing(then: object, now: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield (dotted path, value then, value now) of all that differs in nested mappings; `ABSENT` where it is not set.

    >>> list(differing({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}))
    [('a.c', 2, 3)]
    """
    old, new = ({} if value is ABSENT else value for value in (then, now))
    if not (isinstance(old, dict) and isinstance(new, dict) and (old or new)):
        if not same(then, now):
            yield path, then, now
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


def sentence(name: str, then: object, now: object) -> str:
    """Say what a value is and was; where both look the same, more exactly, or only that it changed.

    >>> sentence("data.raw", ABSENT, ["a", "b"]), sentence("seed", 3, "3")
    ('data.raw is [a, b], was not set', 'seed is "3", was 3')
    """
    for look in (shown, _exact):
        was, is_now = look(then), look(now)
        if was != is_now:
            return f"{name} is {is_now}, was {was}"
    return f"{name} changed"


def shown(value: object) -> str:
    """Return a value as it is shown in a line.

    >>> shown(ABSENT), shown(None), shown({"a": [1, "x"]}), shown("two\\nlines")
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
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"


def _others(then: dict, now: dict) -> list[str]:
    """What another version of the runner may add."""
    return sorted((then.keys() | now.keys()).difference(KNOWN), key=str)


def _part(kind: str, then: object, now: object) -> Iterator[str]:
    """The lines of one part; one that is not of the form it should have is only named."""
    form = {"study": str, "python": str, "code": list}.get(kind, dict)
    if kind not in KNOWN or not all(value is None or isinstance(value, form) for value in (then, now)):
        if not same(then, now):
            yield f"{kind} changed"
    elif form is str:
        names = {"study": "study is named", "python": "Python is"}
        if then != now:
            was, is_now = ("not known" if value is None else shown(value) for value in (then, now))
            yield f"{names[kind]} {is_now}, was {was}"
    elif kind == "code":
        yield from _code(then or [], now or [])
    elif kind == "modules":
        yield from _modules(then or {}, now or {})
    elif kind == "inputs":
        yield from _inputs(then or {}, now or {})
    else:
        of = "installed " if kind == "installed" else ""
        for name, old, new in differing(then or {}, now or {}):
            yield sentence(f"{of}{name}", old, new)


def _code(then: list, now: list) -> Iterator[str]:
    if len(then) != len(now):
        yield f"code has {len(now)} cells, was {len(then)}"
    elif changed := [str(at) for at, (a, b) in enumerate(zip(then, now, strict=True), 1) if not same(a, b)]:
        yield f"code cell{'s' if len(changed) > 1 else ''} {', '.join(changed)} changed"


def _modules(then: dict, now: dict) -> Iterator[str]:
    for name in sorted(then | now):
        if name not in then:
            yield f"{name} is new to this step"
        elif name not in now:
            yield f"{name} is no longer imported"
        elif not same(then[name], now[name]):
            yield f"{name} changed"


def _inputs(then: dict, now: dict) -> Iterator[str]:
    """The digest of an input that is not there is None."""
    for name in sorted(then | now):
        old, new = then.get(name), now.get(name)
        if name not in now:
            yield f"input {name} is no longer read"
        elif name in then and same(old, new):
            continue
        elif new is None:
            yield f"input {name} is not there"
        else:
            yield f"input {name} is new" if old is None else f"input {name} changed"
