"""The digests that bind a card and its tensors to each other.

The file of tensors carries a digest of every field of the card, and the card the digest of that file and its own
digest. Whoever loads a checkpoint notices an edited card, and a card beside the tensors of another model. A digest is
no signature: anyone can compute another one. It keeps a lineage from being lost by accident.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mer import files

SELF = "card_sha256"
"""The field with a card's digest of its other fields."""
DEPENDENT_FIELDS = ("tensors_sha256", SELF)
"""The fields that the tensors cannot carry a digest of, because they follow from the tensors."""


def sealed(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card with its own digest."""
    return {**written, SELF: _digest({name: value for name, value in written.items() if name != SELF})}


def seal_holds(written: Mapping[str, Any]) -> bool:
    """Return whether a card's own digest is that of its other fields."""
    digest = _digest({name: value for name, value in written.items() if name != SELF})
    return digest is not None and written.get(SELF) == digest


def field_digests(written: Mapping[str, Any]) -> dict[str, str]:
    """Return the metadata that the file of tensors carries: a digest of each field of the card."""
    digests = {name: _digest(value) for name, value in written.items() if name not in DEPENDENT_FIELDS}
    return {"card": json.dumps(digests)}


def edited_field(
    written: Mapping[str, Any], metadata: Mapping[str, str] | None, fields: Iterable[str] | None = None
) -> str:
    """Return the first field of a card that differs from what was written with the tensors; empty if none does.

    Args:
        written: the card as it stands in the file.
        metadata: of the file of tensors.
        fields: the fields that are compared; None for all, the card's own digest among them.
    """
    if written["format"] == 2 and "card" not in (metadata or {}):  # tensors of that format carry no digests
        return "" if seal_holds(written) else SELF
    try:
        stored = json.loads((metadata or {})["card"])
        stored = stored if isinstance(stored, dict) else {}
    except (KeyError, ValueError, RecursionError):
        stored = {}
    names = list(fields) if fields is not None else sorted({*stored, *written} - set(DEPENDENT_FIELDS))
    for name in names:
        if (name in written) != (name in stored) or (name in written and stored[name] != _digest(written[name])):
            return name
    return "" if fields is not None or seal_holds(written) else SELF


def _digest(value: object) -> str | None:
    """The digest of a part of a card; None if JSON cannot express something in it."""
    try:
        return files.digest(value)
    except (ValueError, TypeError, RecursionError):
        return None
