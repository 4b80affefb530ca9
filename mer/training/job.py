"""A job, which is a training as data, and its result."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from mer.params.schema import System, Training

if TYPE_CHECKING:
    from mer.training.choosing.choice import Choice


@dataclass(frozen=True)
class Fold:
    """Rows of the training corpora between which settings are compared.

    Attributes:
        name: the training family that is left out, or `validation` for validation speakers.
        train: row numbers of the task that train the compared models, ascending; int64 of shape (n,).
        test: row numbers that these models predict, ascending; int64 of shape (m,).
    """

    name: str
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Job:
    """One training and the rows that are then predicted.

    Attributes:
        system: name of the system, one row of the results.
        cell: cell of the plan that the rows belong to; None outside a plan.
        spec: section `systems.<system>` of the parameters: model and inputs.
        training: training parameters of this system.
        seed: fixes all random numbers of the training.
        train, validation, test: row numbers of the task, int64 of shape (n,) each.
        member_of, family: of a member of an ensemble over families, the system that it is, and the one training family;
            empty for other jobs.
        folds: the folds on which the setting is chosen; empty if the validation rows of the training itself choose
            regularisation and epoch.
        choose_by: what the folds leave out.
        choice_seed: the seed of the trainings on folds, so that all seeds of a system share a choice; None for `seed`.
        compares: the job is one fold of another job: all settings are trained, and the validation rows compare them.
        setting: the one setting that is trained: `inverse_regularisation`, `gamma`, or `epochs` (the number of epochs
            after which training stops); None if it is not chosen yet.
        temperature: the temperature of the predictions; None if the validation rows fit it.
    """

    system: str
    cell: Hashable
    spec: System
    training: Training
    seed: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    member_of: str = ""
    family: str = ""
    folds: tuple[Fold, ...] = ()
    choose_by: Literal["corpora", "speakers"] = "speakers"
    choice_seed: int | None = None
    compares: bool = False
    setting: Mapping[str, float] | None = None
    temperature: float | None = None

    @property
    def is_multi_label(self) -> bool:
        """Whether classes occur together. Classical models are trained on one class per utterance anyway."""
        return self.spec.is_network and self.training.targets == "multi_label"

    @property
    def stop_after(self) -> int | None:
        """The number of epochs after which training stops; None if the validation rows decide."""
        return None if self.setting is None else self.setting.get("epochs")


@dataclass(frozen=True)
class Comparison:
    """What a job that compares settings leads to.

    Attributes:
        settings: one dict per setting of a classical model, or per epoch of a network.
        logits: of the validation rows, float64 of shape (settings, rows, classes); of a network at its best epoch,
            (1, rows, classes).
    """

    job: Job
    settings: list[dict]
    logits: np.ndarray

    def logits_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the logits of some of the validation rows, shape (settings, len(rows), classes)."""
        return self.logits[:, np.searchsorted(self.job.validation, rows)]


@dataclass(frozen=True)
class JobResult:
    """What a job leads to. Probabilities are calibrated.

    Attributes:
        probabilities: of the test rows, float64 of shape (len(job.test), classes).
        validation_probabilities: of `validated_rows`, float64 of shape (n, classes).
        history: one dict per epoch of a network, or per setting of a classical model.
        validation_uar: corpus -> UAR on `validated_rows`.
        members: of an ensemble, the results that it combines.
        label_sets: of a network that is trained on several classes at once, the classes that each test row has, and
            those whose predicted probability is at least 1/2; bool of shape (2, len(job.test), classes).
        restricted_probabilities: of the test rows among the classes of each row's corpus, where adaptation depends on
            them (`training.adaptation`); None if they are those of `probabilities`. The same shape.
        choice: how the setting was chosen on folds; None without folds.
    """

    job: Job
    probabilities: np.ndarray
    validation_probabilities: np.ndarray
    history: list[dict] = field(default_factory=list)
    validation_uar: dict[str, float] = field(default_factory=dict)
    members: tuple["JobResult", ...] = ()
    label_sets: np.ndarray | None = None
    restricted_probabilities: np.ndarray | None = None

    @property
    def among_test_classes(self) -> np.ndarray:
        """Probabilities of which restricted predictions are the most probable class among those of the corpus."""
        return self.probabilities if self.restricted_probabilities is None else self.restricted_probabilities

    choice: "Choice | None" = None

    @property
    def depends_on_seed(self) -> bool:
        """Whether another seed would give another result: classical models have one solution."""
        return self.job.spec.is_network or any(member.depends_on_seed for member in self.members)

    @property
    def leaves_families_out(self) -> bool:
        """Whether each validated row is predicted by a model that was not trained on its family."""
        if self.members:
            return all(member.leaves_families_out for member in self.members)
        if self.job.member_of:  # of one family, calibrated on the others
            return self.job.choose_by == "corpora"
        return self.choice is not None and self.choice.by == "corpora"

    @property
    def validated_rows(self) -> np.ndarray:
        """The rows that `validation_probabilities` predicts: the validation rows, or those that the folds leave out."""
        return self.job.validation if self.choice is None or len(self.job.validation) else self.choice.rows
