"""The stages of `training.normalisation`, as a model fits and applies them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mer.features import Features
from mer.params.normalisation import GROUPS
from mer.training.scaling import by_group, coral, ranks, shrinkage
from mer.training.scaling.by_group import RowGroups
from mer.training.scaling.standardise import require_finite

SCALED_MODALITIES = ("audio", "video")
"""The modalities that are normalised. Text is not: its words do not depend on the voice or the face of a speaker."""
PREFIX = "normalisation."
"""The names of tensors that hold what a stage has fitted begin with this."""

Groups = Mapping[str, np.ndarray]
"""`corpus` and `speaker` -> the group of each row, str of shape (rows,), as `Task.groups`."""
Fitted = dict[str, dict[str, np.ndarray]]
"""Input -> name -> array: what one stage has fitted on the training rows."""


@dataclass(frozen=True)
class Normaliser:
    """The stages of a model, and what they have fitted.

    Attributes:
        stages: kinds of `training.normalisation`, in order.
        inputs: the inputs that they change.
        fitted: of each stage. `mean` and `deviation`, or `quantiles`, of the training rows: they scale rows that have
            no group. `ratios` of `speaker_shrunk`, `root` of `coral`.
    """

    stages: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    fitted: tuple[Fitted, ...] = ()

    def apply(self, features: Features, groups: Groups | None) -> Features:
        """Return normalised features.

        Args:
            groups: the groups of the rows; None scales every row by the statistics of the training rows.

        Raises:
            ValueError: the model has not stored the statistics that this needs, because an earlier version wrote it.
        """
        arrays, fitted = dict(features.arrays), self.fitted or ({},) * len(self.stages)
        for name in self.inputs:
            for stage, of_stage in zip(self.stages, fitted, strict=True):
                arrays[name] = _applied(stage, arrays[name], features.present[name], groups, of_stage.get(name, {}))
        return replace(features, arrays=arrays)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint stores."""
        return {
            f"{PREFIX}{number}.{kind}.{name}": values
            for number, of_stage in enumerate(self.fitted)
            for name, arrays in of_stage.items()
            for kind, values in arrays.items()
        }

    @classmethod
    def from_tensors(cls, stages: tuple[str, ...], inputs: tuple[str, ...],
                     tensors: Mapping[str, np.ndarray]) -> "Normaliser":  # fmt: skip
        """Return the normaliser with these `tensors`; others are ignored."""
        fitted: tuple[Fitted, ...] = tuple({} for _ in stages)
        for number, of_stage in enumerate(fitted):
            own = f"{PREFIX}{number}."
            for key in (key for key in tensors if key.startswith(own)):
                kind, _, name = key.removeprefix(own).partition(".")
                of_stage.setdefault(name, {})[kind] = tensors[key]
        return cls(stages, inputs, fitted)


NO_STAGES = Normaliser()
"""The normaliser of a model whose features are scaled by its standardiser alone."""


def fit(
    features: Features, groups: Groups, rows: np.ndarray, inputs: tuple[str, ...], stages: tuple[str, ...]
) -> tuple[Normaliser, Features]:
    """Fit the stages on training rows, without their classes; return them and the normalised features.

    Args:
        groups: the groups of all rows; each group scales itself, whether or not it is trained on.
        rows: numbers of the training rows.
        inputs: the inputs of the model.
        stages: kinds of `training.normalisation`.

    Raises:
        ValueError: a training row holds NaN or infinity; names the input.
    """
    require_finite(features, rows, inputs if stages else ())
    scaled, arrays = scaled_inputs(features, inputs), dict(features.arrays)
    fitted: tuple[Fitted, ...] = tuple({} for _ in stages)
    for name in scaled:
        present = features.present[name]
        for stage, of_stage in zip(stages, fitted, strict=True):
            of_stage[name] = _fitted(stage, arrays[name], groups, rows[present[rows]])
            arrays[name] = _applied(stage, arrays[name], present, groups, of_stage[name])
    return Normaliser(stages, scaled if stages else (), fitted), replace(features, arrays=arrays)


def scaled_inputs(features: Features, inputs: Iterable[str]) -> tuple[str, ...]:
    """Return the inputs of `SCALED_MODALITIES` among some."""
    return tuple(name for name in inputs if features.modalities[name] in SCALED_MODALITIES)


def _fitted(stage: str, values: np.ndarray, groups: Groups, rows: np.ndarray) -> dict[str, np.ndarray]:
    if stage.endswith("ranks"):
        return {"quantiles": ranks.fit_table(values[rows])}
    mean, deviation = by_group.moments(values[rows]) if len(rows) else np.zeros((2, values.shape[1]))
    fitted = {"mean": mean, "deviation": deviation}
    if stage == "speaker_shrunk":
        fitted["ratios"] = shrinkage.fit(values, RowGroups(rows, groups["speaker"], groups["corpus"]))
    if stage == "coral":
        fitted["root"] = coral.fit(values, RowGroups(rows, groups["corpus"], groups["corpus"]))
    return fitted


def _applied(
    stage: str, values: np.ndarray, present: np.ndarray, groups: Groups | None, fitted: dict[str, np.ndarray]
) -> np.ndarray:
    """Values after a stage, float32 of shape (rows, width); rows that lack the input are zeros."""
    rows = np.flatnonzero(present)
    if groups is None or stage == "ranks":
        scaled = np.zeros(values.shape, np.float32)
        scaled[rows] = _by_training_rows(values[rows], fitted)
        return scaled
    own = RowGroups(rows, groups[GROUPS[stage]], groups["corpus"])
    if stage == "speaker_shrunk":
        return shrinkage.apply(values, own, fitted["ratios"])
    if stage == "coral":
        return coral.apply(values, own, fitted["root"])
    return by_group.scale_groups(values, own, ranks.normal_ranks if stage.endswith("ranks") else by_group.standardised)


def _by_training_rows(values: np.ndarray, fitted: dict[str, np.ndarray]) -> np.ndarray:
    if "quantiles" in fitted:
        return ranks.apply_table(values, fitted["quantiles"])
    if "mean" not in fitted:
        raise ValueError("an earlier version wrote the model, without the mean of its training rows: train it again")
    return by_group.apply_moments(values, fitted["mean"], fitted["deviation"])
