"""What a unit depended on then and depends on now, in words."""

from collections.abc import Iterator

MOST = 60
"""characters of a value that are shown"""


def changes(then: dict, now: dict) -> list[str]:
    """Return a line for each part that differs between two stamps' `parts`; none where nothing does.

    >>> changes({"parameters": {"a": {"b": 1}}}, {"parameters": {"a": {"b": 2}}})
    ['a.b is 2, was 1']
    """
    return [
        *_value("the study is named", then.get("study"), now.get("study")),
        *_values(then.get("item"), now.get("item")),
        *_code(then.get("code") or [], now.get("code") or []),
        *_values(then.get("parameters"), now.get("parameters")),
        *_named(then.get("modules"), now.get("modules"), "{} changed", "{} is new to it", "{} is used no more"),
        *_value("Python is", then.get("python"), now.get("python")),
        *_values(then.get("versions"), now.get("versions")),
        *_named(
            then.get("inputs"), now.get("inputs"), "input {} changed", "input {} is new", "input {} is read no more"
        ),
    ]


def flat(value: object, name: str = "") -> dict[str, object]:
    """Return the leaves of nested mappings by their dotted names.

    >>> flat({"a": {"b": 1, "c": []}, "d": {}})
    {'a.b': 1, 'a.c': [], 'd': {}}
    """
    if not isinstance(value, dict) or not value:
        return {name: value}
    return {
        path: leaf
        for key, inner in value.items()
        for path, leaf in flat(inner, f"{name}.{key}" if name else str(key)).items()
    }


def shown(value: object) -> str:
    """Return a value as it is shown in a line."""
    text = str(value)
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"


def _value(name: str, then: object, now: object) -> Iterator[str]:
    if then != now:
        yield f"{name} {shown(now)}, was {shown(then)}"


def _values(then: object, now: object) -> Iterator[str]:
    absent = object()
    before, after = (flat(value) if isinstance(value, dict) and value else {} for value in (then, now))
    for name in sorted(before | after):
        old, new = before.get(name, absent), after.get(name, absent)
        if old is not absent and new is not absent and old == new:
            continue
        words = ["not set" if value is absent else shown(value) for value in (new, old)]
        yield f"{name} is {words[0]}, was {words[1]}"


def _code(then: list, now: list) -> Iterator[str]:
    if len(then) != len(now):
        yield f"code has {len(now)} cells, had {len(then)}"
    elif changed := [str(at) for at, (a, b) in enumerate(zip(then, now, strict=True), 1) if a != b]:
        yield f"code cell{'s' if len(changed) > 1 else ''} {', '.join(changed)} changed"


def _named(then: dict | None, now: dict | None, changed: str, new: str, gone: str) -> Iterator[str]:
    then, now = then or {}, now or {}
    for name in sorted(then | now):
        if name not in then or name not in now:
            yield (new if name in now else gone).format(name)
        elif now[name] is None and then[name] is not None:
            yield f"{name} is not there"
        elif then[name] != now[name]:
            yield changed.format(name)
