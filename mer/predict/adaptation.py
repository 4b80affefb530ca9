"""What a model learns from the recordings that are predicted together, without their classes (`adapt`).

A model that was trained with `normalisation` by corpus or speaker needs statistics of the corpus or of the speaker that
it predicts. With `adapt` all recordings that are predicted together are that corpus. Without `adapt`, and for inputs
that fewer than `MIN_ROWS` segments have, the statistics of the training rows take their place. With `adapt` the
predictions are also adapted as in the training (`training.adaptation`), except those of a speaker who is not known. A
prediction then depends on the other recordings.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mer import files
from mer.features import Features
from mer.params.adaptation import BY_SPEAKER
from mer.training.adaptation.adaptation import MIN_ROWS as ADAPTED_ROWS
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import CheckpointError
from mer.training.checkpoints.folder import Checkpoint
from mer.training.model import TrainedModel
from mer.training.scaling.by_group import MIN_ROWS

FEW_SEGMENTS = {"corpus": 20, "speaker": 5}
"""The number of segments of a corpus or speaker below which every prediction warns that its scale is uncertain
(benchmarks/speaker_statistics.py)."""
ADAPTED = (
    "features are scaled by the recordings that are predicted together (--adapt {adapt}), without labels: a prediction "
    "depends on the others, and if they hold one or two emotions only, their scale removes the emotion"
)
"""The note of predictions with `adapt` of a model with such a normalisation."""
ADAPTED_PREDICTIONS = (
    "probabilities are adapted ({methods}) to the recordings that are predicted together (--adapt {adapt}), without "
    "labels, where there are at least {least} segments; a prediction depends on the others"
)
"""The note of predictions with `adapt` of a model with `training.adaptation`."""
NOT_ADAPTED_PREDICTIONS = "the model's adaptation of probabilities ({methods}) is used with --adapt {best} only"
"""The note of predictions of such a model without `adapt`."""
NOT_ADAPTED = (
    "the model was trained with normalisation: {kinds}, by statistics of each {groups}; here those of its training "
    "rows take their place, which is less accurate. With several recordings use --adapt {best}"
)
"""The note of predictions of such a model without `adapt`."""


@dataclass(frozen=True)
class ScaledSegments:
    """Features of segments as each of the checkpoint's models reads them.

    Attributes:
        features: of each of `checkpoint.models`.
        scaled_by: `training`, `corpus` or `speaker` of each segment, as in `Prediction`.
        warnings: of each segment, empty if there is none.
        targets: the corpus and the speaker of each segment whose predictions are adapted together; None to adapt none.
    """

    features: tuple[Features, ...]
    scaled_by: list[str]
    warnings: list[str]
    targets: dict[str, np.ndarray] | None


def check(stored: Checkpoint, adapt: str | None) -> None:
    """Refuse `adapt` of a model that has nothing to adapt.

    Raises:
        CheckpointError: the model was trained without a normalisation or an adaptation that could use it.
    """
    groups, place = adaptable_groups(stored), files.to_root(stored.folder)
    if adapt is None or adapt in groups or (adapt == "corpus" and groups):
        return
    if groups:
        raise CheckpointError(f"--adapt {adapt}: {place} was trained with normalisation: {kinds(stored)}, which reads "
                              "no speakers; use --adapt corpus")  # fmt: skip
    raise CheckpointError(f"--adapt {adapt}: {place} was trained with normalisation: {kinds(stored)}, which reads "
                          "training rows only, and without adaptation; there is nothing to adapt")  # fmt: skip


def adaptable_groups(stored: Checkpoint) -> frozenset[str]:
    """Return the groups, `corpus` or `speaker`, whose recordings the model can use."""
    used = {"speaker" if method in BY_SPEAKER else "corpus" for method in methods(stored)}
    return stored.normalisation_groups | used


def methods(stored: Checkpoint) -> list[str]:
    """Return the values of `training.adaptation` of a model or of an ensemble's members, without `none`."""
    values = dict.fromkeys(model.card.training.adaptation for model in stored.models)
    return [value for value in values if value != "none"]


def kinds(stored: Checkpoint) -> str:
    """Return the kinds of `training.normalisation` of a model or of an ensemble's members, for people."""
    values = (model.card.training.normalisation for model in stored.models)
    return ", ".join(dict.fromkeys(value if isinstance(value, str) else " then ".join(value) for value in values))


def notes(stored: Checkpoint, adapt: str | None) -> list[str]:
    """Return sentences about what all predictions learn from one another; none for a model that cannot."""
    best, found = "speaker" if "speaker" in adaptable_groups(stored) else "corpus", []
    if groups := stored.normalisation_groups:
        missing = NOT_ADAPTED.format(kinds=kinds(stored), groups=" and ".join(sorted(groups)), best=best)
        found.append(missing if adapt is None else ADAPTED.format(adapt=adapt))
    if names := ", ".join(methods(stored)):
        missing = NOT_ADAPTED_PREDICTIONS.format(methods=names, best=best)
        found.append(missing if adapt is None
                     else ADAPTED_PREDICTIONS.format(methods=names, adapt=adapt, least=ADAPTED_ROWS))  # fmt: skip
    return found


def targets(speakers: Sequence[str], adapt: str | None) -> dict[str, np.ndarray] | None:
    """Return the corpus and the speaker of segments whose predictions are adapted; None without `adapt`.

    A segment whose speaker is unknown is a speaker of its own, to whom nothing is adapted.

    >>> targets(["anna", "", "anna", ""], "speaker")["speaker"].tolist()
    ['anna', '\\x001', 'anna', '\\x003']
    """
    if adapt is None:
        return None
    known = [name if adapt == "speaker" else "" for name in speakers]
    own = np.array([name or f"\0{number}" for number, name in enumerate(known)], str)
    return {"corpus": np.full(len(own), "corpus"), "speaker": own}


def scale(
    model: TrainedModel, stored: Checkpoint, features: Features, speakers: Sequence[str], adapt: str | None
) -> ScaledSegments:
    """Return the features of segments that are predicted together, as the model reads them.

    Args:
        features: of all of the segments.
        speakers: of each segment; empty text if the speaker is unknown.
    """
    by_training, own = checkpoint.normalised(model, stored, features, None), targets(speakers, adapt)
    enough = {name for name, rows in features.present.items() if rows.sum() >= MIN_ROWS}
    if adapt is None or not enough or not stored.normalisation_groups:
        few = f"too few to adapt to: {len(speakers)} segment(s), at least {MIN_ROWS} are needed"
        few = few if adapt and not enough else ""
        return ScaledSegments(by_training, ["training"] * len(speakers), [few] * len(speakers), own)
    known = np.array(speakers if adapt == "speaker" else [""] * len(speakers), str)
    groups = {"corpus": np.full(len(speakers), "corpus"), "speaker": known}
    adapted = tuple(
        replace(one, arrays={name: (one if name in enough else other).arrays[name] for name in one.arrays})
        for one, other in zip(checkpoint.normalised(model, stored, features, groups), by_training, strict=True)
    )
    return ScaledSegments(adapted, *_provenance(stored, known.tolist()), own)


def _provenance(stored: Checkpoint, speakers: list[str]) -> tuple[list[str], list[str]]:
    """`scaled_by` and the warning of each segment."""
    counts, n_segments = Counter(speakers), len(speakers)
    shrunk = any("speaker_shrunk" in model.card.training.stages for model in stored.models)
    least = 1 if shrunk else MIN_ROWS
    scaled_by = ["speaker" if name and counts[name] >= least else "corpus" for name in speakers]
    sizes = [counts[name] if by == "speaker" else n_segments for name, by in zip(speakers, scaled_by, strict=True)]
    return scaled_by, [
        f"its features are scaled by {size} segments of this {by} only" if size < FEW_SEGMENTS[by] else ""
        for size, by in zip(sizes, scaled_by, strict=True)
    ]
