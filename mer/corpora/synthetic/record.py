"""The record of a raw folder of synthetic corpora, `truth.json`: how they were made, and every file of them."""

from dataclasses import dataclass
from pathlib import Path

from mer.files import read_json, to_root
from mer.params.data import Synthetic

FORMAT = 2
"""The version of the files. It is raised when the same spec gives other files."""


@dataclass(frozen=True)
class GroundTruth:
    """The known effects, and every file that was written."""

    spec: dict[str, float]
    """Seed, speakers, clips, shift and the version of the format; video if there are videos."""
    shortcut: dict[str, object]
    """Corpus, feature, and the value of the feature in seconds for each native label."""
    uninformative: dict[str, str]
    """Corpus and the modality that does not depend on the emotion."""
    informative: dict[str, str]
    """The same corpus and the modality that depends on the emotion."""
    parallel: list[str]
    """The corpora in which every emotion has the same sentences."""
    acted_emotions: dict[str, str]
    """Maps the path of each MELD recording to the emotion that the voice acts, whatever the label."""
    rates: dict[str, int]
    """The sampling rate of each corpus, in Hz."""
    clips: dict[str, int]
    """The number of recordings of each corpus."""
    files: dict[str, str]
    """Maps the path of every file below the raw folder to the CRC-32 of its bytes."""


def spec_of(parameters: Synthetic) -> dict[str, float]:
    """Return what determines the files of synthetic corpora."""
    spec = {"format": FORMAT, **parameters.model_dump(exclude={"video"})}
    return spec | ({"video": True} if parameters.video else {})


def read(raw: Path) -> GroundTruth | None:
    """Return the record of a raw folder; None if it has none.

    Raises:
        ValueError: `truth.json` is no such record.
    """
    if not (raw / "truth.json").is_file():
        return None
    try:
        stored = read_json(raw / "truth.json")
        if "acted" in stored:  # the name of this field before version 1.0
            stored["acted_emotions"] = stored.pop("acted")
        return GroundTruth(**stored)
    except TypeError as error:
        raise ValueError(
            f"{to_root(raw / 'truth.json')}: not a record of synthetic corpora ({error}); "
            "name another raw folder, or delete this one"
        ) from error


def conflict(raw: Path, parameters: Synthetic) -> str | None:
    """Return why synthetic corpora cannot be written to a folder that has others of other parameters, or None.

    Another study may read those. An earlier format of the same parameters is replaced.
    """
    existing = read(raw)
    if existing is None or not isinstance(existing.spec, dict):
        return None
    wanted, present = (
        {**spec_of(Synthetic()), "video": False, **spec} for spec in (spec_of(parameters), existing.spec)
    )
    names = [name for name in wanted if name != "format" and wanted[name] != present.get(name)]
    if not names:
        return None
    differences = ", ".join(f"{name} {present.get(name)} and not {wanted[name]}" for name in names)
    return (
        f"data.synthetic: {to_root(raw)} holds synthetic corpora with {differences}, which another study may read; "
        f"name another folder with --set data.raw=…, or delete {to_root(raw)}"
    )
