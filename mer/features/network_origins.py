"""Which networks of others a study's vectors were computed with: names, digests, and what the user says of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from mer import files
from mer.features.registry import handmade
from mer.params.features import Input, Transcripts


@dataclass(frozen=True)
class Origin:
    """A network that vectors depend on.

    Attributes:
        modality: of the vectors.
        parameter: that names it, such as `features.audio.model`.
        name: what the parameter says: a name on the hub, a folder or a file.
        place: whether the name alone says which network it is (`hub`, `package`) or not (`folder`, `file`).
        sha256: of its content; None where the store's specification does not tell.
        hint: what a folder's configuration or a file's name says it is: a hint, as anybody may write it.
        revision: on the hub.
        trained_on: corpora that it has seen according to the user; None where the user does not say.
        input: the name of the input whose vectors depend on it.
    """

    modality: str
    parameter: str
    name: str
    place: Literal["hub", "folder", "file", "package"]
    sha256: str | None = None
    hint: str = ""
    revision: str | None = None
    trained_on: tuple[str, ...] | None = None
    input: str = ""


def origins(inputs: Mapping[str, Input], transcripts: Transcripts, specs: Mapping[str, dict]) -> list[Origin]:
    """Return the networks behind a study's vectors.

    Args:
        inputs: the section `features`.
        specs: input -> specification of its store.
    """
    found = []
    for name, one in inputs.items():
        spec = specs.get(name, {})
        behind = _of_video(name, one, spec) if one.modality == "video" else _of_encoder(name, one, spec)
        found += [replace(origin, input=name) for origin in behind]
        if one.modality == "text":
            found += [replace(origin, input=name) for origin in _of_transcripts(transcripts)]
    return found


def _of_encoder(name: str, one: Input, spec: dict) -> list[Origin]:
    if one.extractor != "encoder":
        return []
    found = [_network(one.modality, f"features.{name}.model", one, spec.get("model"))]
    if one.weights is not None:
        found.append(_file(one.modality, f"features.{name}.weights", one.weights, spec.get("model"), one.trained_on))
    return found


def _of_transcripts(transcripts: Transcripts) -> list[Origin]:
    if transcripts.recogniser == "whisper":
        return [_network("text", "transcripts.model", transcripts, None)]
    if transcripts.recogniser == "none":
        return []
    return [Origin("text", "transcripts.recogniser", transcripts.recogniser, "package", None, "", None,
                   transcripts.trained_on)]  # fmt: skip


def plain(found: list[Origin]) -> list[dict]:
    """Return origins as a checkpoint's card keeps them."""
    return [asdict(origin) | {"trained_on": origin.trained_on and list(origin.trained_on)} for origin in found]


def _network(modality: str, parameter: str, part, digest: str | None) -> Origin:
    folder = files.from_root(part.model)
    place = "folder" if folder.is_dir() else "hub"  # as mer.features.pretrained.locations looks for it
    hint = _called(folder) if place == "folder" else ""
    return Origin(modality, parameter, part.model, place, digest, hint, part.revision, part.trained_on)


def _file(modality: str, parameter: str, path: str, digest: str | None, told: tuple[str, ...] | None) -> Origin:
    return Origin(modality, parameter, path, "file", digest, Path(path).stem, None, told)


def _of_video(name: str, one: Input, spec: dict) -> list[Origin]:
    found, digest = [], spec.get("detector_sha256")
    if one.weights is not None and not handmade("video", one.extractor):
        place = f"features.{name}.weights"
        found.append(_file("video", place, one.weights, spec.get("weights_sha256"), one.trained_on))
    if one.detector == "haar":
        found.append(Origin("video", f"features.{name}.detector", "opencv/haarcascade_frontalface_alt2", "package",
                            digest))  # fmt: skip
    else:
        place = f"features.{name}.detector_weights"
        found.append(_file("video", place, one.detector_weights, digest, one.trained_on))
    return found


def _called(folder: Path) -> str:
    """The name in a network's configuration, which is another's file: text of a sensible length, or none."""
    try:
        told = files.read_json(folder / "config.json")
    except (OSError, ValueError):
        return ""
    name = told.get("_name_or_path") if isinstance(told, dict) else None
    return name if isinstance(name, str) and len(name) <= 200 and name.isprintable() else ""
