"""Read YAML and JSON that anyone may have written: within limits of size and depth, and with one type of error."""

import json
import math
from typing import Any

MAX_DEPTH = 64
"""The number of mappings and lists that may be nested."""
MAX_VALUES = 200_000
"""The number of values in a YAML file, counting those that an alias repeats each time."""


class Malformed(ValueError):
    """A text that is not what it should be, or is beyond the limits."""


def load_yaml(text: str, loader: type | None = None) -> Any:
    """Return the content of a YAML file.

    Args:
        text: the content of the file.
        loader: a safe loader of PyYAML; None for `yaml.SafeLoader`.

    Raises:
        Malformed: the text is no YAML, is nested too deeply, or repeats too much by aliases.

    >>> load_yaml("a: [1, &x 2, *x]")
    {'a': [1, 2, 2]}
    """
    import yaml

    try:
        _check_size(text)
        return yaml.load(text, loader or yaml.SafeLoader)  # noqa: S506 - the loader is safe
    except Malformed:
        raise
    except yaml.YAMLError as error:
        raise Malformed(" ".join(str(error).split())) from None
    # for values such as the date 2024-13-45 or an integer of 5,000 digits PyYAML raises Python's own errors
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Malformed(f"it has a value that cannot be read ({error})") from None


def load_json(text: str) -> Any:
    """Return the content of a JSON file.

    Raises:
        Malformed: the text is no JSON, is nested too deeply, or has a number that is not finite or has too many digits.

    >>> load_json('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise Malformed(f"more than {MAX_DEPTH} lists and objects are nested") from None
    except ValueError as error:
        raise Malformed(str(error)) from None
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _values(outer)]
    if level:
        raise Malformed(f"more than {MAX_DEPTH} lists and objects are nested")
    return value


def _check_size(text: str) -> None:
    """Count the values of a YAML file by its events, which needs neither recursion nor much memory.

    Raises:
        Malformed: there are too many, or they are nested too deeply.
    """
    import yaml

    sizes: dict[str, int] = {}  # anchor -> values
    opened: list[tuple[str | None, int]] = []
    values = 0
    for event in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, values))
            if len(opened) > MAX_DEPTH:
                raise Malformed(
                    f"line {event.start_mark.line + 1}: more than {MAX_DEPTH} lists and mappings are nested"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            values += 1
            sizes[anchor] = values - before
        elif isinstance(event, yaml.ScalarEvent):
            values += 1
            sizes[event.anchor] = 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise Malformed(f"line {event.start_mark.line + 1}: *{event.anchor} is not defined before it is used")
            values += sizes[event.anchor]
        if values > MAX_VALUES:
            raise Malformed(
                f"line {event.start_mark.line + 1}: more than {MAX_VALUES:,} values, with what aliases repeat"
            )


def _values(outer: dict | list) -> list:
    return list(outer.values()) if isinstance(outer, dict) else outer


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no number")
    return value
