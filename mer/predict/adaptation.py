"""Which recordings scale the features of a model that was trained with `normalisation` by corpus or speaker.

Such a model needs statistics of the corpus or of the speaker that it predicts. With `adapt` all recordings that are
predicted together are that corpus. No class is used, but a prediction then depends on the other recordings. Without
`adapt`, and for inputs that fewer than `MIN_ROWS` segments have, the statistics of the training rows take their place.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mer import files
from mer.features import Features
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
"""The note of predictions with `adapt`."""
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
    """

    features: tuple[Features, ...]
    scaled_by: list[str]
    warnings: list[str]


def check(stored: Checkpoint, adapt: str | None) -> None:
    """Refuse `adapt` of a model that has nothing to adapt.

    Raises:
        CheckpointError: the model was not trained with such a normalisation.
    """
    groups, place = stored.normalisation_groups, files.to_root(stored.folder)
    if adapt is None or adapt in groups or (adapt == "corpus" and groups):
        return
    if groups:
        raise CheckpointError(f"--adapt {adapt}: {place} was trained with normalisation: {kinds(stored)}, which reads "
                              "no speakers; use --adapt corpus")  # fmt: skip
    raise CheckpointError(f"--adapt {adapt}: {place} was trained with normalisation: {kinds(stored)}, which reads "
                          "training rows only; there is nothing to adapt")  # fmt: skip


def kinds(stored: Checkpoint) -> str:
    """Return the kinds of `training.normalisation` of a model or of an ensemble's members, for people."""
    values = (model.card.training.normalisation for model in stored.models)
    return ", ".join(dict.fromkeys(value if isinstance(value, str) else " then ".join(value) for value in values))


def note(stored: Checkpoint, adapt: str | None) -> str:
    """Return a sentence about the scale of all predictions; empty if it is that of training by design."""
    if not (groups := stored.normalisation_groups):
        return ""
    if adapt is not None:
        return ADAPTED.format(adapt=adapt)
    best = "speaker" if "speaker" in groups else "corpus"
    return NOT_ADAPTED.format(kinds=kinds(stored), groups=" and ".join(sorted(groups)), best=best)


def scale(
    model: TrainedModel, stored: Checkpoint, features: Features, speakers: Sequence[str], adapt: str | None
) -> ScaledSegments:
    """Return the features of segments that are predicted together, as the model reads them.

    Args:
        features: of all of the segments.
        speakers: of each segment; empty text if the speaker is unknown.
    """
    by_training = checkpoint.normalised(model, stored, features, None)
    enough = {name for name, rows in features.present.items() if rows.sum() >= MIN_ROWS}
    if adapt is None or not enough:
        few = f"too few to adapt to: {len(speakers)} segment(s), at least {MIN_ROWS} are needed" if adapt else ""
        return ScaledSegments(by_training, ["training"] * len(speakers), [few] * len(speakers))
    known = np.array(speakers if adapt == "speaker" else [""] * len(speakers), str)
    groups = {"corpus": np.full(len(speakers), "corpus"), "speaker": known}
    adapted = tuple(
        replace(own, arrays={name: (own if name in enough else other).arrays[name] for name in own.arrays})
        for own, other in zip(checkpoint.normalised(model, stored, features, groups), by_training, strict=True)
    )
    return ScaledSegments(adapted, *_provenance(stored, known.tolist()))


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
