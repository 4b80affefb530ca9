"""The pretrained networks that a study's vectors were computed with: names, digests and declared training data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from mer import files
from mer.features.registry import handmade
from mer.params.features import Input, Transcripts

STORED_NAMES = {"location": "place", "name_hint": "hint"}
"""The fields that have another name in cards, with that name."""


@dataclass(frozen=True)
class NetworkOrigin:
    """A network that vectors depend on.

    Attributes:
        modality: of the vectors.
        parameter: the parameter that names it, such as `features.audio.model`.
        name: the parameter's value: a name on the hub, a folder or a file.
        location: `hub` or `package` if the name identifies the network, `folder` or `file` if it does not.
        sha256: the digest of its content; None if the store's specification has none.
        name_hint: the name in a folder's configuration, or a file's name. It proves nothing: anyone can edit it.
        revision: the commit or tag on the hub.
        trained_on: the corpora that the user declares as its training data; None if the user declares nothing.
        input: the name of the input whose vectors depend on it.
    """

    modality: str
    parameter: str
    name: str
    location: Literal["hub", "folder", "file", "package"]
    sha256: str | None = None
    name_hint: str = ""
    revision: str | None = None
    trained_on: tuple[str, ...] | None = None
    input: str = ""


def origins(inputs: Mapping[str, Input], transcripts: Transcripts, specs: Mapping[str, dict]) -> list[NetworkOrigin]:
    """Return the networks behind a study's vectors.

    Args:
        inputs: the section `features`.
        specs: input -> specification of its store.
    """
    networks = []
    for name, one in inputs.items():
        spec = specs.get(name, {})
        own = _of_video(name, one, spec) if one.modality == "video" else _of_encoder(name, one, spec)
        networks += [replace(origin, input=name) for origin in own]
        if one.modality == "text":
            networks += [replace(origin, input=name) for origin in _of_transcripts(transcripts)]
    return networks


def _of_encoder(name: str, one: Input, spec: dict) -> list[NetworkOrigin]:
    if one.extractor != "encoder":
        return []
    networks = [_network(one.modality, f"features.{name}.model", one, spec.get("model"))]
    if one.weights is not None:
        networks.append(_file(one.modality, f"features.{name}.weights", one.weights, spec.get("model"), one.trained_on))
    return networks


def _of_transcripts(transcripts: Transcripts) -> list[NetworkOrigin]:
    if transcripts.recogniser == "whisper":
        return [_network("text", "transcripts.model", transcripts, None)]
    if transcripts.recogniser == "none":
        return []
    return [NetworkOrigin("text", "transcripts.recogniser", transcripts.recogniser, "package", None, "", None,
                   transcripts.trained_on)]  # fmt: skip


def to_json(networks: list[NetworkOrigin]) -> list[dict]:
    """Return origins as a checkpoint's card stores them."""
    return [_to_json(origin) for origin in networks]


def _to_json(origin: NetworkOrigin) -> dict:
    fields = {STORED_NAMES.get(name, name): value for name, value in asdict(origin).items()}
    return fields | {"trained_on": origin.trained_on and list(origin.trained_on)}


def from_json(entry: object) -> NetworkOrigin | None:
    """Return an origin as a card stores it; None for anything else, because cards may be foreign.

    >>> networks = [NetworkOrigin("text", "features.text.model", "roberta-base", "hub")]
    >>> [from_json(entry) for entry in to_json(networks)] == networks
    True
    >>> from_json({"modality": "text"})
    """
    if not isinstance(entry, dict) or set(entry) & set(STORED_NAMES):
        return None
    fields = {stored: name for name, stored in STORED_NAMES.items()}
    try:
        origin = NetworkOrigin(**{fields.get(name, name): value for name, value in entry.items()})
    except TypeError:
        return None
    texts = {name: value for name, value in vars(origin).items() if name != "trained_on"}
    if not all(isinstance(v, str) or (v is None and name in ("sha256", "revision")) for name, v in texts.items()):
        return None
    return replace(origin, trained_on=None if origin.trained_on is None else _texts(origin.trained_on))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list | tuple | dict) else ()


def _network(modality: str, parameter: str, part, digest: str | None) -> NetworkOrigin:
    folder = files.from_root(part.model)
    location = "folder" if folder.is_dir() else "hub"  # in the order of mer.features.pretrained.locations
    hint = _configured_name(folder) if location == "folder" else ""
    return NetworkOrigin(modality, parameter, part.model, location, digest, hint, part.revision, part.trained_on)


def _file(
    modality: str, parameter: str, path: str, digest: str | None, trained_on: tuple[str, ...] | None
) -> NetworkOrigin:
    return NetworkOrigin(modality, parameter, path, "file", digest, Path(path).stem, None, trained_on)


def _of_video(name: str, one: Input, spec: dict) -> list[NetworkOrigin]:
    networks, digest = [], spec.get("detector_sha256")
    if one.weights is not None and not handmade("video", one.extractor):
        parameter = f"features.{name}.weights"
        networks.append(_file("video", parameter, one.weights, spec.get("weights_sha256"), one.trained_on))
    if one.detector == "haar":
        cascade = "opencv/haarcascade_frontalface_alt2"
        networks.append(NetworkOrigin("video", f"features.{name}.detector", cascade, "package", digest))
    else:
        parameter = f"features.{name}.detector_weights"
        networks.append(_file("video", parameter, one.detector_weights, digest, one.trained_on))
    return networks


def _configured_name(folder: Path) -> str:
    """Return the name in a network's configuration; empty if it is no printable text of at most 200 characters."""
    try:
        content = files.read_json(folder / "config.json")
    except (OSError, ValueError):
        return ""
    name = content.get("_name_or_path") if isinstance(content, dict) else None
    return name if isinstance(name, str) and len(name) <= 200 and name.isprintable() else ""
