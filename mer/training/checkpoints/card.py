"""A model's card, `model.json`: its schema."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mer.params import messages
from mer.params.augmentation import Augmentation
from mer.params.section import InputName, Modality
from mer.params.systems import Classical, Network, System, Training
from mer.training.checkpoints.older_formats import written_name

FORMAT = 5
"""The number of the format that is written. `older_formats.py` says how earlier ones differ."""
PREDICTION_FIELDS = ("format", "temperature", "model", "inputs", "widths", "layers", "classes", "training", "features",
                     "extraction", "data", "value_ranges", "members", "members_per")  # fmt: skip
"""The fields on which predictions depend. The others describe the origin of the model."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**53)]
Size = Annotated[int, Field(ge=1, le=2**31)]
FolderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]


class CheckpointError(ValueError):
    """A folder that holds no checkpoint, or a damaged, edited or incompatible one."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ValueRange(_Part):
    """The value ranges of an input in the training rows (mer/training/checkpoints/inputs/input_statistics.py).

    Attributes:
        low, high: bounds of each feature, float32 of shape (width,) as base64.
        outside_share: the share of features outside of the bounds that 5 % of the training rows exceed.
    """

    low: str
    high: str
    outside_share: float = Field(ge=0, le=1)


class RowsDigest(_Part):
    """The number and the digest of a model's rows of one corpus."""

    rows: Count
    sha256: Digest


class ExposureCounts(_Part):
    """The numbers of digests that are stored beside the weights (mer/training/checkpoints/training_data.py)."""

    version: Count
    recordings: Count
    speakers: Count
    sentences: Count


class Provenance(_Part):
    """What a card says about the origin of a model. It is kept of every initial checkpoint, too."""

    name: Annotated[str, Field(min_length=1, max_length=300)] = "model"
    tensors_sha256: Digest = ""
    corpora: list[str] = []
    families: list[str] = []
    training_rows: dict[Literal["train", "validation"], dict[str, RowsDigest]] | None = None
    features: dict[InputName, dict[str, Any]] = {}
    """The specification of each input's vectors, with its modality."""
    encoders: list[dict[str, Any]] | None = None
    """The networks behind the features; None if nobody has listed them."""
    card_sha256: Digest | None = None


class Ancestor(Provenance):
    """An initial checkpoint, or the initial checkpoint of one; `lineage` is its status when the training began."""

    features: dict[InputName, dict[str, Any]] | None = None
    lineage: str


class Member(_Part):
    """A member of an ensemble: its folder below `members/`, its weight and the digest of its card."""

    folder: FolderName
    weight: float = Field(ge=0, le=1)
    card_sha256: Digest


class Card(Provenance):
    """What `model.json` says about a model. If fields about its origin are missing, the origin is unknown."""

    format: Literal[2, 3, 4, 5] = FORMAT
    temperature: float = Field(1.0, gt=0)
    model: Literal[(*get_args(Network), *get_args(Classical), "ensemble")]
    inputs: list[InputName] = Field(min_length=1)
    """Names of the inputs, in the order in which the model reads them."""
    widths: dict[InputName, Size]
    layers: dict[InputName, Size]
    frames: dict[InputName, Size] = {}
    classes: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(min_length=1)
    training: Training | None = None
    """Training parameters; None for an ensemble."""
    augmentation: Augmentation | None = None
    """The alterations of the copies that a model with `training.augmented` was also trained on."""
    choice: dict[str, Any] | None = None
    """How the setting was chosen on folds (`Choice.summary`); None if validation rows chose it."""
    members: list[Member] = []
    members_per: Literal["system", "family"] = "system"
    """As in the section `systems`. Members of one family each say nothing about classes that they do not know."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    system: Annotated[str, Field(max_length=300)] = ""
    extraction: dict[InputName, dict[str, Any]] | None = None
    """The parameters of each input's extractor."""
    data: dict[str, float | None] | None = None
    """The durations of the shortest and the longest utterance, in seconds."""
    value_ranges: dict[InputName, ValueRange] = {}
    rows_sha256: Digest | None = None
    exposure: ExposureCounts | None = None
    ancestors: list[Ancestor] = []
    git: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _fields_agree(self) -> "Card":
        for name in ("inputs", "classes", "corpora", "families"):
            listed = getattr(self, name)
            if len(set(listed)) < len(listed):
                raise ValueError(f"{name}: something is named twice")
        if set(self.widths) != set(self.inputs):
            raise ValueError(f"widths: of {_joined(self.widths)}, and inputs are {_joined(self.inputs)}")
        for name in ("layers", "frames", "value_ranges", "features"):
            if further := set(getattr(self, name)) - set(self.inputs):
                raise ValueError(f"{name}: {min(further)} is none of the inputs, {_joined(self.inputs)}")
        if self.features and set(self.features) != set(self.inputs):
            raise ValueError(f"features: of {_joined(self.features)}, and inputs are {_joined(self.inputs)}")
        if any(not isinstance(spec.get("extractor"), str) for spec in self.features.values()):
            raise ValueError("features: one does not say its extractor")
        if unknown := [name for name, of in self.modalities.items() if of not in get_args(Modality)]:
            raise ValueError(f"features: the modality of the input {unknown[0]} is missing or unknown")
        self._check_members()
        return self

    def _check_members(self) -> None:
        if not self.is_ensemble:
            if self.training is None or self.members or self.members_per != "system":
                raise ValueError("training: a model that is no ensemble has training parameters and no members")
            return
        fewest = 2 if self.members_per == "system" else 1  # a study may have one family
        if self.training is not None or len({m.folder for m in self.members}) < max(fewest, len(self.members)):
            raise ValueError("members: an ensemble has at least two, of different names, and no training parameters")
        if abs(sum(member.weight for member in self.members) - 1) > 1e-9:
            raise ValueError("members: their weights do not sum to 1")

    @property
    def modalities(self) -> dict[str, str]:
        """Input -> its modality, in the model's order; an input without a specification is named after it."""
        return {name: str(self.features.get(name, {}).get("modality", name)) for name in self.inputs}

    @property
    def training_corpora(self) -> list[str]:
        """The corpora that the model and its initial checkpoints were trained on; empty if none is known."""
        return list(dict.fromkeys(name for one in (self, *self.ancestors) for name in one.corpora))

    @property
    def is_ensemble(self) -> bool:
        """Whether the model combines the predictions of its members."""
        return self.model == "ensemble"

    @property
    def needs_all_inputs(self) -> bool:
        """Whether a model that is no ensemble predicts only rows in which no input is missing."""
        return self.model in get_args(Network) and self.training.missing == "none"

    @property
    def spec(self) -> System:
        """The system of the model, as in the section `systems` of a study."""
        return System.model_construct(model=self.model, inputs=tuple(self.inputs))

    def written(self) -> dict:
        """Return the card as JSON holds it: fields that were given, with all of their parts."""
        whole = self.model_dump(mode="json")
        return {name: whole[name] for name in type(self).model_fields if name in self.model_fields_set | {"format"}}


def validate(fields: Mapping[str, Any], place: str) -> Card:
    """Return the card of some JSON in the present names of fields.

    Raises:
        CheckpointError: it does not fit the schema; names the file and the first field, as the file has it.
    """
    try:
        card = Card.model_validate(dict(fields))
    except ValidationError as error:
        path, message = messages.explain(error, Card)[0]
        message = message.replace("no such parameter", "no such field")
        top, *rest = path.split(".")
        location = ".".join(plain(part) for part in (written_name(top, fields.get("format")), *rest) if part)
        text = ": ".join(filter(None, ("model.json", location, plain(message))))
        if message == messages.MISSING:
            text = f"model.json has no field {location}"
        raise CheckpointError(f"{place}: {text}") from None
    if not card.tensors_sha256:
        raise CheckpointError(f"{place}: model.json has no field tensors_sha256")
    return card


def plain(value: object) -> str:
    """Return foreign text on one line; what is not printable is escaped."""
    text = str(value)
    return text if text.isprintable() else ascii(text)[1:-1]


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
