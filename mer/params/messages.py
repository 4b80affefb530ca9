"""Faults of parameters as sentences: the place, the rule, the value and the nearest right name.

pydantic's own messages are about Python. Here each of its errors becomes one sentence about the YAML file.
"""

import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

OTHER_WORDS = {"replace_with_silence": "silence", "reduceonplateau": "plateau", "balanced": "class_weights",
               "robust": "robust_at", "flexible": "flexible_at"}  # fmt: skip
"""Words of the paper's and the fork's configurations, and the value that has their meaning here."""
MODALITIES = ("audio", "text", "video")
ENTRIES = "`name: value` entries"
EXPECTED = {int: "an integer", float: "a number", bool: "true or false", str: "text", tuple: "a list", list: "a list",
            dict: ENTRIES}  # fmt: skip
"""What a parameter of a type is called."""
LIMITS = {"greater_than": ("above", "gt"), "greater_than_equal": ("at least", "ge"), "less_than": ("below", "lt"),
          "less_than_equal": ("at most", "le")}  # fmt: skip
"""Type of an error about a limit -> its words, and the key of the limit."""
MISSING = "is required and missing"
NAME_RULE = "letters, digits, `.`, `_` and `-`, with a letter or digit first"
INPUT_RULE = "lower-case letters, digits and _, a letter first"
MAX_VALUE_CHARS = 60
"""The largest number of characters of a value that a message shows."""


class Faults(ValueError):
    """Several faults of one section, each with its place below the section and a sentence."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{place}: {text}" if place else text for place, text in self.faults))


def explain(error: ValidationError, root: Any) -> list[tuple[str, str]]:
    """Return the faults of a section: each with its dotted place below the section, and a sentence.

    Args:
        error: an error of the validation of a section.
        root: the type of the section.

    >>> from mer.params.systems import Training
    >>> try:
    ...     Training(epochs="many", balance="classweights", epoch=3)
    ... except ValidationError as error:
    ...     for fault in explain(error, Training):
    ...         print(*fault, sep=": ")
    epochs: expected an integer, not 'many'
    balance: 'classweights' is not one of class_weights, unsampled_class_weights, logit_adjustment, none \
(did you mean 'class_weights'?)
    epoch: there is no such parameter (did you mean 'epochs'?)
    """
    groups: dict[tuple, list[tuple[dict, Any]]] = {}
    for item in error.errors():
        place, kind = _resolve(item["loc"], root)
        groups.setdefault(place, []).append((item, kind))
    # A list whose only entry is wrong is also too short.
    short = [place for place, items in groups.items() if items[0][0]["type"] == "too_short"]
    consequences = {one for one in short for place in groups if len(place) > len(one) and place[: len(one)] == one}
    return [fault for place, items in groups.items() if place not in consequences
            for fault in _faults(place, items, root)]  # fmt: skip


def near(name: object, names: Iterable[str]) -> str:
    """Return a hint that names the most similar of some names; empty if none is similar.

    >>> near("audo", ["audio", "text"]), near("x", ["audio"])
    (" (did you mean 'audio'?)", '')
    """
    by_spelling = {one.casefold(): one for one in names}
    match = difflib.get_close_matches(str(name).casefold(), by_spelling, n=1)
    return f" (did you mean {by_spelling[match[0]]!r}?)" if match else ""


def shown(value: object) -> str:
    """Return a value as a message shows it: as in YAML, and not too long.

    >>> shown(None), shown(True), shown("a"), shown([1, 2])
    ('an empty value', 'true', "'a'", '[1, 2]')
    """
    if value is None:
        return "an empty value"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"


def _faults(place: tuple, items: list[tuple[dict, Any]], root: Any) -> list[tuple[str, str]]:
    """Return the faults of one place; several errors of a place are those of the alternatives of its type."""
    item, kind = items[0]
    path = ".".join(map(str, place))
    if isinstance(faults := (item.get("ctx") or {}).get("error"), Faults):
        return [(".".join(filter(None, (path, below))), text) for below, text in faults.faults]
    if place and place[-1] == "[key]":
        return [_key_fault(place[:-1], item)]
    if item["type"] == "union_tag_invalid":
        return [(f"{path}.modality", _choice_fault(item["ctx"]["tag"], MODALITIES))]
    return [(path, _sentence(item, kind, place, root))]


def _sentence(item: dict, kind: Any, place: tuple, root: Any) -> str:
    error, value = item["type"], item["input"]
    if error == "missing":
        return MISSING
    if error == "extra_forbidden":
        return f"there is no such parameter{near(place[-1], _fields(_resolve(item['loc'][:-1], root)[1]))}"
    if error == "union_tag_not_found":
        return _modality_fault(item, place)
    if error in LIMITS:
        word, key = LIMITS[error]
        return f"must be {word} {item['ctx'][key]:g}, not {shown(value)}"
    if error in ("too_short", "string_too_short"):
        count = item["ctx"]["min_length"]
        return f"needs at least {count} {'entry' if count == 1 else 'entries'}" if error == "too_short" else \
            "must not be empty"  # fmt: skip
    if error == "string_pattern_mismatch":
        rule = "two digits, such as 04" if r"\d\d" in item["ctx"]["pattern"] else _rule_of(item)
        return f"must be {rule}, not {shown(value)}"
    if error == "value_error" or error == "assertion_error":
        text = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return text if isinstance(value, dict | BaseModel) else f"{text}, not {shown(value)}"
    if (choices := _choices(kind)) and not isinstance(value, list | dict):
        return _choice_fault(value, choices)
    of_input = any(map(_is_input, _members(kind)))
    expected = "the parameters of an input, such as {modality: audio}" if of_input else _expected(kind, value)
    return f"expected {expected}, not {shown(value)}{_boolean_hint(value)}"


def _boolean_hint(value: object) -> str:
    """What to do about a word that YAML has read as true or false."""
    is_read = isinstance(value, bool)
    return "; YAML reads yes, no, on and off as true or false: put the word in quotes" if is_read else ""


def _key_fault(place: tuple, item: dict) -> tuple[str, str]:
    """Return the place of a name that cannot be one, and a sentence."""
    section, name = ".".join(map(str, place[:-1])), place[-1]
    if item["type"] == "literal_error":
        words = item["ctx"]["expected"].replace(" or ", ", ").split(", ")
        return section, _choice_fault(name, [word.strip("'") for word in words])
    if _rule_of(item) == INPUT_RULE:
        return f"{section}.{name}", f"{name!r} cannot be the name of an input: use {INPUT_RULE}"
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in str(name)).strip("._-")
    hint = f", for example {plain!r}" if plain and plain != str(name) else ""
    return section, f"{name!r} cannot be a name: use {NAME_RULE}{hint}"


def _rule_of(item: dict) -> str:
    return INPUT_RULE if "[a-z][" in str((item.get("ctx") or {}).get("pattern")) else NAME_RULE


def _modality_fault(item: dict, place: tuple) -> str:
    if not isinstance(item["input"], Mapping):
        return f"expected the parameters of an input, such as {{modality: audio}}, not {shown(item['input'])}"
    return f"say its `modality`: audio, text or video{near(place[-1], MODALITIES)}"


def _choice_fault(value: object, choices: Sequence[str]) -> str:
    other = OTHER_WORDS.get(str(value))
    hint = f" (did you mean {other!r}?)" if other in choices else near(value, choices)
    hint += _boolean_hint(value)
    return f"{value!r} is not one of {', '.join(choices)}{hint}" if value is not None else \
        f"expected one of {', '.join(choices)}, not {shown(value)}"  # fmt: skip


def _expected(kind: Any, value: object) -> str:
    names = list(dict.fromkeys(_called(member) for member in _members(kind)))
    text = " or ".join(names)
    return f"{text}, such as [{value}]" if names == ["a list"] and isinstance(value, int | float | str) else text


def _called(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return ENTRIES
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    return EXPECTED.get(get_origin(kind) or kind, "another value")


def _resolve(location: Sequence, root: Any) -> tuple[tuple, Any]:
    """Return a place without the names that pydantic gives to alternatives of a type, and the type of the place."""
    kind, place = root, []
    for part in location:
        members = _members(kind)
        if part == "[key]":
            return (*place, part), kind
        if len(members) > 1 and not any(_is_container(member, part) for member in members):
            kind = next((m for m in members if _is_input(m) and m.model_fields["modality"].default == part), kind)
            continue
        place.append(part)
        kind = next((_below(member, part) for member in members), None)
    return tuple(place), kind


def _members(kind: Any) -> list[Any]:
    """Return the alternatives of a type, without None."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [inner for member in get_args(kind) if member is not type(None) for inner in _members(member)]
    return [kind]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_input(kind: Any) -> bool:
    return _is_model(kind) and "modality" in kind.model_fields


def _is_container(kind: Any, part: object) -> bool:
    return get_origin(kind) is dict or (get_origin(kind) in (tuple, list) and isinstance(part, int))


def _below(kind: Any, part: object) -> Any:
    """Return the type of an entry of a section, mapping or list; None if there is no such entry."""
    if _is_model(kind):
        field = kind.model_fields.get(str(part))
        return field.annotation if field else None
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    return arguments[0] if get_origin(kind) in (tuple, list) else None


def _fields(kind: Any) -> list[str]:
    return [name for member in _members(kind) if _is_model(member) for name in member.model_fields]


def _choices(kind: Any) -> list[str]:
    """Return the values of a type that consists of words; empty for another type."""
    members = _members(kind)
    if not all(get_origin(member) is Literal for member in members):
        return []
    return [str(value) for member in members for value in get_args(member)]
