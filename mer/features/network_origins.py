"""Which networks of others a study's vectors were computed with: names, digests, and what the user says of them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from mer import files
from mer.features.registry import handmade
from mer.params.schema import Features


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
    """

    modality: str
    parameter: str
    name: str
    place: Literal["hub", "folder", "file", "package"]
    sha256: str | None = None
    hint: str = ""
    revision: str | None = None
    trained_on: tuple[str, ...] | None = None


def origins(section: Features, specs: dict[str, dict]) -> list[Origin]:
    """Return the networks behind a study's vectors.

    Args:
        specs: modality -> specification of its store.
    """
    found = []
    for modality, name in (("audio", "acoustic"), ("text", "linguistic")):
        part, digest = getattr(section, name), specs.get(modality, {}).get("model")
        if part.extractor == "encoder":
            found.append(_network(modality, f"features.{name}.model", part, digest))
            if part.weights is not None:
                found.append(_file(modality, f"features.{name}.weights", part.weights, digest, part.trained_on))
    heard = section.transcripts
    if heard.recogniser == "whisper":
        found.append(_network("text", "features.transcripts.model", heard, None))
    elif heard.recogniser != "none":
        found.append(Origin("text", "features.transcripts.recogniser", heard.recogniser, "package", None, "", None,
                            heard.trained_on))  # fmt: skip
    return found + (_seen(section, specs.get("video", {})) if section.visual else [])


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


def _seen(section: Features, spec: dict) -> list[Origin]:
    part, found = section.visual, []
    if part.weights is not None and not handmade("video", part.extractor):
        found.append(
            _file("video", "features.visual.weights", part.weights, spec.get("weights_sha256"), part.trained_on)
        )
    if part.detector == "haar":
        found.append(Origin("video", "features.visual.detector", "opencv/haarcascade_frontalface_alt2", "package",
                            spec.get("detector_sha256")))  # fmt: skip
    else:
        digest = spec.get("detector_sha256")
        found.append(_file("video", "features.visual.detector_weights", part.detector_weights, digest, part.trained_on))
    return found


def _called(folder: Path) -> str:
    """The name in a network's configuration, which is another's file: text of a sensible length, or none."""
    try:
        told = files.read_json(folder / "config.json")
    except (OSError, ValueError):
        return ""
    name = told.get("_name_or_path") if isinstance(told, dict) else None
    return name if isinstance(name, str) and len(name) <= 200 and name.isprintable() else ""
