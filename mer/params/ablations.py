"""The section `ablations`: variants of a system, each of which differs from the study in a few parameters.

A row stands for a whole study: the parameters of this one with the row's changes. They are checked as those of any
study, so a row can change whatever a study can say about a system, its training, its inputs and its labels.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, model_validator

from mer.params.messages import Faults, explain, near
from mer.params.section import InputName, Name, Section
from mer.params.systems import Candidate

if TYPE_CHECKING:
    from mer.params.run import DeclaredParams
    from mer.params.schema import Params

SECTIONS = ("data", "corpora", "labels", "splits", "features", "augmentation", "transcripts", "systems", "training",
            "evaluation", "compute")  # fmt: skip
"""The sections of the study that a row stands for."""
OF_SYSTEMS = ("model", "inputs", "training", "candidates", "members", "members_per", "weights")
"""The parameters of a row that replace those of the system."""


class Ablation(Section):
    """One row: what differs from the reference. Dots shorten a path: `training.gate: softmax`."""

    reference: Name | None = None
    """The system that is varied and compared with; by default that of the section."""
    model: str | None = None
    """Another model, with the same inputs and training parameters."""
    inputs: tuple[InputName, ...] = ()
    """Other inputs. The paper's second set-up leaves an input out here, so that the system is trained without it."""
    training: dict[str, Any] = Field({})
    """Parameters of `training` that differ."""
    candidates: tuple[Candidate, ...] | None = None
    """Other candidates of the system; `[]` for none."""
    members: tuple[Name, ...] = ()
    """Other members of an ensemble."""
    members_per: str | None = None
    """Another kind of members of an ensemble."""
    weights: str | None = None
    """Other weights of an ensemble."""
    features: dict[InputName, dict[str, Any]] = Field({})
    """Input -> parameters of its extraction that differ; the vectors are extracted by step 05. An input with a
    `modality` may be new."""
    labels: dict[str, Any] = Field({})
    """Parameters of `labels` that differ. All systems of the study are trained with these labels, and ranked."""
    without: tuple[Name, ...] = ()
    """Corpora that are left out of training and test."""
    zero: tuple[InputName, ...] = ()
    """Inputs whose scaled vectors are 0 in the test rows, as in the paper's first set-up. The models are those of the
    reference. 0 is the mean of the training rows."""
    shuffle: tuple[InputName, ...] = ()
    """Inputs whose vectors are exchanged among the test rows of a corpus. The models are those of the reference."""

    @model_validator(mode="before")
    @classmethod
    def _without_dots(cls, value: object) -> object:
        return _nested(value) if isinstance(value, dict) else value

    @property
    def alters_tests(self) -> bool:
        """Whether the reference's models are tested on other vectors."""
        return bool(self.zero or self.shuffle)

    @property
    def changes(self) -> dict[str, Any]:
        """The parameters that the row sets, without its reference."""
        return self.model_dump(exclude_defaults=True, exclude={"reference"})


class Ablations(Section):
    """Step 05: how much a system owes to its parts."""

    reference: Name | None = None
    """The system that rows vary and are compared with; by default the first one."""
    protocols: tuple[Literal["loco", "in_corpus"], ...] = Field(("loco", "in_corpus"), min_length=1)
    """The protocols in which rows are trained and compared."""
    rows: dict[Name, Ablation] = Field({})
    """Name of the row -> what it changes. A new row trains nothing but itself."""

    def reference_of(self, name: str, systems: Iterable[str]) -> str:
        """Return the reference of a row.

        Args:
            name: name of the row.
            systems: the systems of the study, in order.
        """
        return self.rows[name].reference or self.reference or next(iter(systems))


def study_of(p: "Params | DeclaredParams", name: str) -> "Params":
    """Return the study that a row stands for. Its first system has the name of the row.

    The members of an ensemble follow, and all systems of the study if the row changes the labels.

    Args:
        p: `SECTIONS` and the section `ablations` of the study.
        name: name of the row.

    Raises:
        Faults: the changes do not fit the study; each with its place.
    """
    from mer.params.schema import Params

    place = f"ablations.rows.{name}"
    tree = _changed(p, name, place)
    try:
        study = Params.model_validate(tree)
    except ValidationError as error:
        system = re.compile(rf"systems\.{re.escape(name)}(\.|$)")
        faults = [
            (".".join(filter(None, (place, system.sub("", path)))), text) for path, text in explain(error, Params)
        ]
        raise Faults(faults) from None
    if faults := list(_faults(p, study, name)):
        raise Faults((f"{place}.{below}" if below else place, text) for below, text in faults)
    return study


def _changed(p: "Params | DeclaredParams", name: str, place: str) -> dict[str, Any]:
    """The parameters of the row's study as a tree."""
    row, tree = p.ablations.rows[name], {section: _dump(getattr(p, section)) for section in SECTIONS}
    reference = p.ablations.reference_of(name, p.systems)
    if reference not in p.systems:
        parameter = f"{place}.reference" if row.reference else "ablations.reference"
        raise Faults([(parameter, f"{reference!r} is no system of this study{near(reference, p.systems)}")])
    if name in p.systems:
        raise Faults([(place, f"{name!r} is the name of a system; take another")])
    system = _merged(tree["systems"][reference], {key: row.changes[key] for key in OF_SYSTEMS if key in row.changes})
    others = p.systems if row.labels else system["members"]
    tree["systems"] = {name: system, **{other: tree["systems"][other] for other in others if other in p.systems}}
    kept = (
        {"overrides"} if {"policy", "classes"} & set(row.labels) else set(tree["labels"])
    )  # another policy has its own
    tree["labels"] = {**{key: value for key, value in tree["labels"].items() if key in kept}, **row.labels}
    for key, parameters in row.features.items():
        if key not in tree["features"] and "modality" not in parameters:
            raise Faults([(f"{place}.features.{key}", f"is no input of this study{near(key, tree['features'])}; a new "
                           "input needs a `modality`")])  # fmt: skip
        tree["features"][key] = {**tree["features"].get(key, {}), **parameters}
    return {"name": name, **tree}


def _faults(p: "Params | DeclaredParams", study: "Params", name: str) -> Iterator[tuple[str, str]]:
    """Yield what a row names and the study does not have, and why the row is no other study."""
    row, inputs = p.ablations.rows[name], study.inputs_of(name)
    of_system = f"is no input of the row's system, which reads {', '.join(inputs)}"
    yield from ((f"features.{key}", f"{of_system}{near(key, inputs)}") for key in row.features if key not in inputs)
    for key in ("zero", "shuffle"):
        unread = [one for one in getattr(row, key) if one not in inputs]
        yield from ((key, f"{one!r} {of_system}{near(one, inputs)}") for one in unread)
    if trained := [one for one in inputs if study.features[one].is_trained]:
        yield "", f"{trained[0]!r} trains its encoder, which step 06 does; step 05 reads stored vectors"
    if (row.features or row.labels) and any(
        one.training_parameters(study.training).augmented for one in study.systems.values() if not one.is_ensemble
    ):
        yield "", ("other features and labels have no augmented recordings; set `training.augmented: false` in the "
                   "row, or name a reference without them")  # fmt: skip
    frames = [one for one in row.zero if getattr(study.features.get(one), "keep", "vector") == "frames"]
    yield from (("zero", f"{one!r} keeps frames; only vectors can be 0") for one in frames)
    if both := sorted(set(row.zero) & set(row.shuffle)):
        yield "", f"{both[0]!r} is in `zero` and in `shuffle`; keep one of them"
    for corpus in (corpus for corpus in row.without if corpus not in p.corpora):
        names = ", ".join(p.corpora)
        yield "without", f"{corpus!r} is none of the study's corpora ({names}){near(corpus, p.corpora)}"
    reference = p.ablations.reference_of(name, p.systems)
    is_same = _same(p, study, reference, name)
    if is_same and not (row.without or row.alters_tests or row.labels):
        yield "", f"changes nothing of {reference!r}"
    if row.alters_tests and (row.without or row.labels or not is_same):
        yield "", ("`zero` and `shuffle` test the models of the reference, so the row can change nothing else; name a "
                   "system with the other changes as its `reference`")  # fmt: skip


def _same(p: "Params | DeclaredParams", study: "Params", reference: str, name: str) -> bool:
    """Whether the row's system and its inputs are those of the reference."""
    first, second = p.systems[reference], study.systems[name]
    trained = [one.training_parameters(p.training) for one in (first, second)]
    alike = trained[0] == trained[1] and first.model_copy(update={"training": second.training}) == second
    return alike and all(study.features[one] == p.features[one] for one in study.inputs_of(name))


def _merged(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A system with changes; the training parameters are merged, all others replaced."""
    training = {**tree["training"], **changes.get("training", {})}
    return {**tree, **changes, "training": training}


def _dump(section: Any) -> Any:
    if isinstance(section, Mapping):
        return {name: _dump(inner) for name, inner in section.items()}
    return section.model_dump() if isinstance(section, Section) else section


def _nested(tree: Mapping[Any, Any]) -> dict[str, Any]:
    """A mapping in which `a.b: c` is `a: {b: c}`.

    >>> _nested({"features.audio.pooling": "mean", "training": {"gate": "softmax"}})
    {'features': {'audio': {'pooling': 'mean'}}, 'training': {'gate': 'softmax'}}
    """
    result: dict[str, Any] = {}
    for path, value in tree.items():
        *parents, leaf = str(path).split(".")
        inner = result
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{path}: {parent} has a value of its own, too; keep one of them")
        if isinstance(value, Mapping) and isinstance(inner.get(leaf), dict):
            inner[leaf].update(value)
        else:
            inner[leaf] = dict(value) if isinstance(value, Mapping) else value
    return result
