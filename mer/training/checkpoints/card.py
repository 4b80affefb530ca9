"""A model's card, `model.json`: what it must say, and whether it is the one that was written with the tensors.

The file of tensors carries a digest of every field of the card, and the card the digest of that file. A card that was
edited, or that lies beside the tensors of another model, is noticed by whoever loads it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mer import files
from mer.params.section import InputName, Modality
from mer.params.systems import Classical, Network, Training

FORMAT, OLDER_FORMATS = 4, (2, 3)
"""The format that is written, and the older formats that are read. In format 2 only the card's own digest detects
edits. Formats 2 and 3 name inputs by modality, and have no fields `system` and `data`."""
SELF = "card_sha256"
"""a card's digest of all that it says besides"""
OUTSIDE = ("tensors_sha256", SELF)
"""fields that the tensors cannot know, as they follow from them"""
ANSWERS = ("format", "temperature", "model", "modalities", "widths", "layers", "classes", "training", "features",
           "inputs", "data", "usual")  # fmt: skip
"""The fields on which predictions depend. The others describe the origin of the model."""
MEMORY = "memory."
"""how the names of tensors begin that are no weights (mer/training/checkpoints/training_data.py)"""
LONGEST = 64 * 2**20
"""bytes of a card; a longer file is something else"""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**53)]
Size = Annotated[int, Field(ge=1, le=2**31)]


class CheckpointError(ValueError):
    """A folder that holds no model of ours, a damaged one, or one of another shape."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Usual(_Part):
    """Where a modality's numbers usually lie (mer/training/checkpoints/input_statistics.py)."""

    low: str
    high: str
    outside: float = Field(ge=0, le=1)


class Rows(_Part):
    """Rows of one corpus that a model has seen."""

    rows: Count
    sha256: Digest


class Remembered(_Part):
    """How many digests of what it has seen a model keeps (mer/training/checkpoints/training_data.py)."""

    version: Count
    recordings: Count
    people: Count
    lines: Count


class Card(_Part):
    """What `model.json` says. What tells of the past may be missing, and the past is then unknown."""

    format: Literal[2, 3, 4]
    tensors_sha256: Digest
    temperature: float = Field(gt=0)
    model: Literal[(*get_args(Network), *get_args(Classical))]
    modalities: list[InputName] = Field(min_length=1)
    """Names of the inputs, in the order in which the model takes them. The specification has the modality."""
    widths: dict[InputName, Size]
    layers: dict[InputName, Size]
    classes: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(min_length=1)
    training: Training
    name: Annotated[str, Field(min_length=1, max_length=300)] = "model"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    system: Annotated[str, Field(max_length=300)] = ""
    features: dict[InputName, dict[str, Any]] = {}
    inputs: dict[str, dict[str, Any]] | None = None
    data: dict[str, float | None] | None = None
    usual: dict[InputName, Usual] = {}
    corpora: list[str] = []
    families: list[str] = []
    rows_sha256: Digest | None = None
    seen: dict[Literal["train", "validation"], dict[str, Rows]] = {}
    remembers: Remembered | None = None
    encoders: list[dict[str, Any]] | None = None
    ancestors: list[dict[str, Any]] = []
    git: dict[str, Any] | None = None
    card_sha256: Digest | None = None

    @model_validator(mode="after")
    def _belong_together(self) -> "Card":
        for name in ("modalities", "classes", "corpora", "families"):
            listed = getattr(self, name)
            if len(set(listed)) < len(listed):
                raise ValueError(f"{name}: something is named twice")
        if set(self.widths) != set(self.modalities):
            raise ValueError(f"widths: of {_joined(self.widths)}, and modalities are {_joined(self.modalities)}")
        for name in ("layers", "usual", "features"):
            if further := set(getattr(self, name)) - set(self.modalities):
                raise ValueError(f"{name}: {min(further)} is none of the modalities, {_joined(self.modalities)}")
        if self.features and set(self.features) != set(self.modalities):
            raise ValueError(f"features: of {_joined(self.features)}, and modalities are {_joined(self.modalities)}")
        if any(not isinstance(spec.get("extractor"), str) for spec in self.features.values()):
            raise ValueError("features: one does not say its extractor")
        if unknown := [name for name in self.modalities if modality_of(self.features, name) not in get_args(Modality)]:
            raise ValueError(f"features: the modality of the input {unknown[0]} is missing or unknown")
        return self


def modality_of(specs: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """Return the modality of an input from the specifications of features; one without is named after it."""
    return str(specs.get(name, {}).get("modality", name))


def read(folder: Path) -> dict:
    """Return what a checkpoint says of itself, as it stands in the file.

    Raises:
        CheckpointError: the folder holds no model of this format, or its card does not fit the schema; names file and
            field.
    """
    place = files.to_root(folder)
    path = folder / "model.json"
    for wanted in (path, folder / "model.safetensors"):
        if not wanted.is_file():
            raise CheckpointError(
                f"{place}: there is no {wanted.name}; a checkpoint is a folder with model.json and its tensors"
            )
    told = _parsed(path)
    number = told.get("format") if isinstance(told, dict) else None
    if type(number) is not int or number not in (*OLDER_FORMATS, FORMAT):
        raise CheckpointError(
            f"{place}: model.json: format {_short(number)}, this version reads "
            f"{', '.join(map(str, OLDER_FORMATS))} and {FORMAT}: train the model again"
        )
    check(told, place)
    return told


def check(told: dict, place: str) -> None:
    """Refuse a card that does not fit the schema.

    Raises:
        CheckpointError: names the file and the first field.
    """
    try:
        Card.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(_plain(part) for part in first["loc"])
        said = f"model.json does not say its {where}" if first["type"] == "missing" else _plain(first["msg"])
        said = said.removeprefix("Value error, ")
        where = f"model.json: {where}: " if where and first["type"] != "missing" else "model.json: "
        raise CheckpointError(f"{place}: {where if first['type'] != 'missing' else ''}{said}") from None


def sealed(card: dict) -> dict:
    """Return a card with its own digest, by which edits are noticed.

    A digest is no signature: who wants to deceive can compute another. It keeps a lineage from being lost by hand.
    """
    return {**card, SELF: _digest({k: v for k, v in card.items() if k != SELF})}


def seal_holds(card: dict) -> bool:
    """Whether a card's own digest is that of what it says."""
    told = _digest({k: v for k, v in card.items() if k != SELF})
    return told is not None and card.get(SELF) == told


def bond(card: dict) -> dict[str, str]:
    """Return what the tensors keep of their card: metadata of safetensors, a digest for every field."""
    return {"card": json.dumps({name: _digest(value) for name, value in card.items() if name not in OUTSIDE})}


def altered(card: dict, metadata: dict[str, str] | None, fields: Iterable[str] | None = None) -> str:
    """Return the first field of a card that is not as it was written; empty where all are.

    Args:
        metadata: of the file of tensors.
        fields: those that matter; None for all, the card's own digest among them.
    """
    if card["format"] == 2 and "card" not in (metadata or {}):  # tensors of that format know no card
        return "" if seal_holds(card) else SELF
    try:
        kept = json.loads((metadata or {})["card"])
        kept = kept if isinstance(kept, dict) else {}
    except (KeyError, ValueError, RecursionError):
        kept = {}
    names = list(fields) if fields is not None else sorted({*kept, *card} - set(OUTSIDE))
    for name in names:
        if (name in card) != (name in kept) or (name in card and kept[name] != _digest(card[name])):
            return name
    return "" if fields is not None or seal_holds(card) else SELF


def _parsed(path: Path) -> object:
    """JSON that may be anything. NaN, which JSON does not know, is refused."""
    place = files.to_root(path)
    try:
        if path.stat().st_size > LONGEST:
            raise CheckpointError(f"{place}: longer than any model's card")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{place}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{place}: not readable as JSON ({_plain(str(error))[:200]})") from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _digest(value: object) -> str | None:
    """The digest of a part of a card; none where JSON has no word for something in it."""
    try:
        return files.digest(value)
    except (ValueError, TypeError, RecursionError):
        return None


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _plain(value: object) -> str:
    """Foreign text on one line, what is not printable escaped."""
    text = str(value)
    return text if text.isprintable() else ascii(text)[1:-1]


def _short(value: object) -> str:
    return _plain(repr(value) if not isinstance(value, dict | list) else type(value).__name__)[:40]
