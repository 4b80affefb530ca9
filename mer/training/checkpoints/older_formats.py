"""Checkpoints of earlier formats: names of fields and tensors that have changed since.

Digests are computed over a card as it was written. So a card is checked first and renamed afterwards.

Format 2 has no digests of the training data, and only the card's own digest detects edits. Formats 2 and 3 name inputs
by modality and have no fields `system` and `data`. Up to format 4, fields and tensors have other names. Format 5 adds
ensembles and the parameter `context` of encoders.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

OLDER_FORMATS = (2, 3, 4)
"""The numbers of the older formats that are read."""
FIELDS = {"modalities": "inputs", "inputs": "extraction", "usual": "value_ranges", "seen": "training_rows",
          "remembers": "exposure"}  # fmt: skip
"""Field of a card up to format 4 -> its present name."""
PARTS = {"value_ranges": {"outside": "outside_share"}, "exposure": {"people": "speakers", "lines": "sentences"}}
"""Field -> names within it up to format 4 -> their present names."""
SECTIONS = {"audio": "acoustic", "text": "linguistic", "video": "visual"}
"""Modality -> the section of its parameters of extraction in formats 2 and 3."""
OLDER_PREFIX = "memory."
"""The names of tensors with digests of the training data began with this up to format 4."""
EXPOSURE_KINDS = {"people": "speakers", "people_anywhere": "speakers_any_split", "lines": "sentences"}
"""Kind of digest of the training data in tensors up to format 4 -> its present name."""


def upgraded(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card in the present names of fields. Parts of the wrong type are left for validation to refuse.

    Raises:
        ValueError: names a field that its format does not have.
    """
    if written["format"] not in OLDER_FORMATS:
        return dict(written)
    for name in (set(FIELDS.values()) - set(FIELDS)) | {"members"}:
        if name in written:
            raise ValueError(f"{name}: format {written['format']} has no such field")
    card = {FIELDS.get(name, name): _renamed_parts(FIELDS.get(name, name), value) for name, value in written.items()}
    if isinstance(written.get("ancestors"), list):
        card["ancestors"] = [_renamed_ancestor(one) for one in written["ancestors"]]
    if written["format"] < 4 and isinstance(written.get("inputs"), dict):
        card |= _sections(written["inputs"], written.get("modalities"))
    return card


def written_name(field: str, number: object) -> str:
    """Return the name that a field has in cards of a format.

    >>> written_name("inputs", 4), written_name("inputs", 5)
    ('modalities', 'inputs')
    """
    former = {new: old for old, new in FIELDS.items()}
    return former.get(field, field) if number in OLDER_FORMATS else field


def upgraded_tensors(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a model's tensors under their present names."""
    return {_tensor_name(name): value for name, value in tensors.items()}


def _tensor_name(name: str) -> str:
    if name == "seen":  # of networks up to format 3
        return "trained_classes"
    rest = name.removeprefix(OLDER_PREFIX).split(".")
    if not name.startswith(OLDER_PREFIX) or len(rest) != 2:
        return name
    return f"exposure.{rest[0]}.{EXPOSURE_KINDS.get(rest[1], rest[1])}"


def _renamed_parts(field: str, value: object) -> object:
    names = PARTS.get(field)
    if names is None or not isinstance(value, dict):
        return value
    if field == "value_ranges":
        return {name: _renamed(one, names) for name, one in value.items()}
    return _renamed(value, names)


def _renamed(value: object, names: Mapping[str, str]) -> object:
    if not isinstance(value, dict) or set(value) & set(names.values()):
        return value
    return {names.get(name, name): part for name, part in value.items()}


def _renamed_ancestor(value: object) -> object:
    return _renamed(value, {"seen": "training_rows"})


def _sections(sections: Mapping[str, Any], modalities: object) -> dict[str, Any]:
    """`extraction` and `data` from the sections by modality of formats 2 and 3, as far as they are there."""
    if not isinstance(modalities, list) or not all(isinstance(name, str) for name in modalities):
        return {}
    names = {name: SECTIONS.get(name, name) for name in modalities}
    extraction = {name: sections[section] for name, section in names.items() if section in sections}
    return {"extraction": extraction, "data": sections.get("data")}
