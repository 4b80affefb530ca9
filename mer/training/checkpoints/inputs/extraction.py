"""The extractors of a model's inputs, from the model's card, and whether they are unchanged."""

from collections.abc import Mapping, Sequence

from mer import files
from mer.features import Resources, registry
from mer.features import specs as specs_of
from mer.features.extractor import VectorFunction
from mer.params import schema
from mer.params.features import Input, read_inputs
from mer.preflight import networks
from mer.training.checkpoints import encoder_folders
from mer.training.checkpoints.card import Card, CheckpointError
from mer.training.checkpoints.folder import Checkpoint

IGNORED_FIELDS = ("opencv", "modality")
"""Fields of a specification that are not compared: the version of a package, which may change the last digits of a
vector, and the modality, which is no part of an address."""


def extraction_parameters(checkpoint: Checkpoint, folders: Mapping[str, str]) -> tuple[dict[str, Input], schema.Data]:
    """Return the parameters of extraction of a model's inputs, and the limits of utterances.

    Args:
        folders: input -> the folder or file of its pretrained network on this machine, if it differs from training.

    Raises:
        CheckpointError: the card does not give them. Cards of early formats suffice without pretrained networks.
    """
    card, place = checkpoint.card, files.to_root(checkpoint.folder)
    if set(card.inputs) - set(card.features):
        raise CheckpointError(f"{place}: model.json does not say what its features are")
    try:
        parameters, durations = _stored(card, place)
        for name, model in folders.items():
            if name not in parameters:
                raise CheckpointError(f"--network {name}={model}: the model takes {', '.join(card.inputs)}")
            network = "model" if card.modalities[name] != "video" else "weights"
            parameters[name] = {**parameters[name], network: model}
        return _with_trained_encoders(checkpoint, read_inputs(parameters)), schema.Data(**durations)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{place}: model.json does not say how its inputs are made ({error})") from None


def _with_trained_encoders(checkpoint: Checkpoint, inputs: dict[str, Input]) -> dict[str, Input]:
    """Parameters of extraction, those of trained encoders with their folders beside the card."""
    places = encoder_folders.places(checkpoint)
    return {name: encoder_folders.section(places[name], one.named(name)) if name in places else one
            for name, one in inputs.items()}  # fmt: skip


def _stored(card: Card, place: str) -> tuple[dict[str, dict], dict]:
    """Input -> parameters of extraction, and the limits of utterances."""
    if card.extraction is None:
        parameters = {name: _reconstructed(name, spec, place) for name, spec in card.features.items()}
        return parameters, _durations(card.features)
    return {name: card.extraction[name] for name in card.inputs}, card.data


def open_extractors(
    checkpoint: Checkpoint, names: Sequence[str], inputs: dict[str, Input], data: schema.Data, resources: Resources
) -> dict[str, VectorFunction]:
    """Return input -> its extractor.

    Args:
        names: the inputs that are extracted.
        inputs, data: as from `extraction_parameters`.

    Raises:
        CheckpointError: an extractor gives other values than those that the model was trained on.
        ImportError, FileNotFoundError: a package or a network is missing; the message says how to get it.
    """
    specs(checkpoint, {name: inputs[name] for name in names}, data)
    return {name: registry.of_input(inputs[name]).open(inputs[name], resources) for name in names}


def specs(checkpoint: Checkpoint, inputs: dict[str, Input], data: schema.Data) -> dict[str, dict]:
    """Return input -> the specification of its vectors here.

    Raises:
        CheckpointError: an extractor gives other values than those that the model was trained on.
        ImportError, FileNotFoundError: a package or a network is missing; the message says how to get it.
    """
    place = files.to_root(checkpoint.folder)
    for name, section in inputs.items():
        _refuse_download(name, getattr(section, "model", None), getattr(section, "revision", None), place)
    current = specs_of(inputs, data)
    for name, spec in current.items():
        _check_unchanged(name, checkpoint.card.features[name], spec, place)
    return current


def _refuse_download(input_name: str, model: str | None, revision: str | None, place: str) -> None:
    """Refuse a network that would be downloaded because the card, which anyone may have written, names it."""
    if model is not None and networks.is_downloaded_later(model, revision):
        raise CheckpointError(
            f"{place}: its card takes {input_name} from the network {model!r} on the Hugging Face hub, which is not on "
            f"this machine and is not downloaded without being asked for. If you trust it: "
            f"{networks.command(model, revision)}; or name a folder with --network {input_name}=FOLDER"
        )


def _check_unchanged(input_name: str, then: dict, now: dict, place: str) -> None:
    fields = [field for field in {**then, **now} if field not in IGNORED_FIELDS]
    if different := [field for field in fields if files.digest(then.get(field)) != files.digest(now.get(field))]:
        field = different[0]
        raise CheckpointError(
            f"{place}: {input_name} was extracted with {field} = {then.get(field)!r} when it was trained, "
            f"and is with {now.get(field)!r} here: take the version, or the network, that it was trained with"
        )


def _reconstructed(modality: str, spec: dict, place: str) -> dict:
    """The parameters behind a specification of an early format, in which inputs are named by modality."""
    if spec["extractor"] == "encoder" or modality == "video":
        raise CheckpointError(
            f"{place}: an older model that does not say how its {modality} is extracted: train it again"
        )
    if modality == "text":
        marked = {"speakers": "roles"} if spec.get("marked") else {}
        return {"extractor": spec["extractor"], "dimensions": spec["width"], **marked}
    return {"extractor": spec["extractor"]} | ({"n_mfcc": spec["n_mfcc"]} if "n_mfcc" in spec else {})


def _durations(specs: dict[str, dict]) -> dict:
    return {k: specs["audio"][k] for k in ("min_seconds", "max_seconds")} if "audio" in specs else {}
