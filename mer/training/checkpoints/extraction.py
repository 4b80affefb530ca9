"""How a model's inputs are made, from what its folder says: the extractors, and whether they are still those."""

from collections.abc import Mapping
from pathlib import Path

from mer import files
from mer.features import Resources, registry
from mer.features import specs as specs_of
from mer.features.extractor import VectorFunction
from mer.params import schema
from mer.params.features import Input, read_inputs
from mer.training.checkpoints import card as cards
from mer.training.checkpoints.card import CheckpointError

OLDER_SECTIONS = {"audio": "acoustic", "text": "linguistic", "video": "visual"}
"""The sections with the parameters of extraction in cards of formats 2 and 3, by modality."""
VERSIONED_PACKAGES = ("opencv", "modality")
"""of a specification: versions of packages, which may move a number in its last digits and no more; and the modality,
which is no part of an address"""


def extraction_parameters(card: dict, networks: Mapping[str, str], place: Path) -> tuple[dict[str, Input], schema.Data]:
    """Return the parameters with which the inputs of a model were made.

    Args:
        card: what the model says of itself. An older one says less, and enough where no pretrained network takes part.
        networks: modality -> where its pretrained network lies on this machine, if elsewhere than in training.

    Raises:
        CheckpointError: it does not say how.
    """
    if not isinstance(card.get("features"), dict) or set(card["modalities"]) - set(card["features"]):
        raise CheckpointError(f"{files.to_root(place)}: model.json does not say what its features are")
    try:
        parameters, seconds = _stored(card, place)
        for name, model in networks.items():
            if name not in parameters:
                raise CheckpointError(f"--network {name}={model}: the model takes {', '.join(card['modalities'])}")
            network = "model" if cards.modality_of(card["features"], name) != "video" else "weights"
            parameters[name] = {**parameters[name], network: model}
        return read_inputs(parameters), schema.Data(**seconds)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"{files.to_root(place)}: model.json does not say how its inputs are made ({error})"
        ) from None


def _stored(card: dict, place: Path) -> tuple[dict[str, dict], dict]:
    """Input -> parameters of extraction, and the limits of clips; of older formats from their sections by modality."""
    if card.get("inputs") is not None and card.get("data") is not None:
        return {name: card["inputs"][name] for name in card["modalities"]}, card["data"]
    old = card.get("inputs")
    if old is None:
        specs = card["features"]
        return {name: _reconstructed(name, spec, place) for name, spec in specs.items()}, _seconds(specs)
    return {name: old[OLDER_SECTIONS[name]] for name in card["modalities"]}, old["data"]


def open_extractors(
    card: dict, section: dict[str, Input], data: schema.Data, resources: Resources, place: Path
) -> dict[str, VectorFunction]:
    """Return modality -> its extractor.

    Raises:
        CheckpointError: an extractor gives other values than those that the model was trained on.
        ImportError, FileNotFoundError: a package or a network is missing; the message says how to get it.
    """
    specs(card, section, data, place)
    return {name: registry.of_input(section[name]).open(section[name], resources) for name in card["modalities"]}


def specs(card: dict, section: dict[str, Input], data: schema.Data, place: Path) -> dict[str, dict]:
    """Return modality -> the specification of its vectors here.

    Raises:
        CheckpointError: an extractor gives other values than those that the model was trained on.
        ImportError, FileNotFoundError: a package or a network is missing; the message says how to get it.
    """
    current = specs_of({name: section[name] for name in card["modalities"]}, data)
    for name, spec in current.items():
        _check_unchanged(name, card["features"][name], spec, place)
    return current


def _check_unchanged(modality: str, then: dict, now: dict, place: Path) -> None:
    names = [name for name in {**then, **now} if name not in VERSIONED_PACKAGES]
    if other := [name for name in names if files.digest(then.get(name)) != files.digest(now.get(name))]:
        name = other[0]
        raise CheckpointError(
            f"{files.to_root(place)}: {modality} was extracted with {name} = {then.get(name)!r} when it was trained, "
            f"and is with {now.get(name)!r} here: take the version, or the network, that it was trained with"
        )


def _reconstructed(modality: str, spec: dict, place: Path) -> dict:
    """The parameters behind a specification, where they can be told from it."""
    if spec["extractor"] == "encoder" or modality == "video":
        raise CheckpointError(
            f"{files.to_root(place)}: an older model that does not say how its {modality} is extracted: train it again"
        )
    if modality == "text":
        marked = {"speakers": "roles"} if spec.get("marked") else {}
        return {"extractor": spec["extractor"], "dimensions": spec["width"], **marked}
    return {"extractor": spec["extractor"]} | ({"n_mfcc": spec["n_mfcc"]} if "n_mfcc" in spec else {})


def _seconds(specs: dict[str, dict]) -> dict:
    return {k: specs["audio"][k] for k in ("min_seconds", "max_seconds")} if "audio" in specs else {}
