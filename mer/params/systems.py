"""What is trained, and how: the sections `systems` and `training`."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator

from mer.params.section import Fraction, Modality, Section

Network = Literal["gated", "flexible_at", "robust_at", "attention", "concat"]
Linear = Literal["logistic", "ridge", "svm_linear", "svm_rbf"]


class System(Section):
    """One row of the results: a model, what it may see, and how it is trained where that differs from the rest."""

    model: Network | Linear
    modalities: tuple[Modality, ...] = Field(("audio", "text"), min_length=1)
    training: dict[str, Any] = Field({})
    """parameters of `training` that are others for this system, such as `{gate: softmax}`"""

    @field_validator("modalities")
    @classmethod
    def _in_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a modality is named twice")
        return tuple(m for m in ("audio", "video", "text") if m in value)

    @property
    def is_network(self) -> bool:
        """Whether a seed changes it: the others have one solution."""
        return self.model in get_args(Network)

    def trained(self, training: "Training") -> "Training":
        """Return how this system is trained: the study's way, with its own differences."""
        return Training.model_validate({**training.model_dump(), **self.training})


class Training(Section):
    """How models are trained. Linear ones take `balance` (as class weights), `normalisation` and their own strengths
    only."""

    epochs: int = Field(40, ge=1)
    patience: int = Field(8, ge=1)
    """epochs without a better validation UAR (mean over corpora) before stopping"""
    batch_size: int = Field(128, ge=1)
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    """`adam` adds the decay to the gradient, `adamw` does not; `sgd` has Nesterov's momentum of 0.9"""
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    """`cosine` falls to 0 over all epochs; `plateau` halves after 2 epochs without a better validation UAR"""
    warmup: Fraction = 0.0
    """share of all steps in which the rate rises from 0"""
    weight_decay: float = Field(1e-2, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    targets: Literal["hard", "soft", "multi_label"] = "hard"
    """one class; the shares of the raters' votes, where a corpus has them; or every class that is there"""
    label_smoothing: Fraction = 0.1
    normalisation: Literal["training", "speaker", "corpus"] = "training"
    """features are scaled by what is trained on; `speaker` and `corpus` scale every speaker or corpus by itself before,
    which looks at the unlabelled recordings of the target too, so that every table marks it as transductive"""
    balance: Literal["class_weights", "logit_adjustment", "none"] = "class_weights"
    """against rare classes, by their shares after sampling: one way or the other, never both"""
    corpus_exponent: float = Field(1.0, ge=0, le=1)
    """corpora are drawn in proportion to their number of clips to this power: 1 as they are, 0 all alike"""
    averaging: Literal["none", "ema", "epochs"] = "none"
    """of weights: exponential over steps, or the mean over epochs; what is averaged is validated and kept"""
    ema_decay: Fraction = 0.999
    start_from: str | None = None
    """a checkpoint of the same network whose weights training begins with; what it has seen counts as seen"""
    gate: Literal["sigmoid", "softmax"] = "sigmoid"
    hidden: int = Field(64, ge=1)
    dropout: Fraction = 0.2
    missing: Literal["none", "zeros", "learned"] = "learned"
    modality_dropout: Fraction = 0.1
    """how often a modality is hidden during training, where another is there"""
    inverse_regularisation: tuple[Annotated[float, Field(gt=0)], ...] = Field((1e-3, 1e-2, 1e-1), min_length=1)
    """`C` of the linear models and the kernel machine (of ridge, a penalty of 1/2C); the validation speakers choose"""
