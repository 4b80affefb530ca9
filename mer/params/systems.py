"""What is trained, and how: the sections `systems` and `training`."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from mer.params.section import Fraction, InputName, Name, Section

Network = Literal["gated", "flexible_at", "robust_at", "attention", "concat"]
Classical = Literal["logistic", "ridge", "svm_linear", "svm_rbf"]


class System(Section):
    """One row of the results: a model, its inputs, and the training parameters that differ from those of the study."""

    model: Network | Classical | Literal["ensemble"]
    """`ensemble` is the weighted mean of the log-probabilities of other systems."""
    inputs: tuple[InputName, ...] = ()
    """Names of inputs (section `features`); left out, all inputs of the study. They are kept by modality: audio,
    video, text."""
    training: dict[str, Any] = Field({})
    """Parameters of `training` that are others for this system, such as `{gate: softmax}`."""
    members: tuple[Name, ...] = ()
    """Of an `ensemble`: the names of at least two other systems."""
    weights: Literal["equal", "validation"] = "equal"
    """Of an `ensemble`: equal for all members, or fitted to the validation rows."""

    @model_validator(mode="after")
    def _belong_together(self) -> "System":
        for field in ("inputs", "members"):
            if twice := [name for name in getattr(self, field) if getattr(self, field).count(name) > 1]:
                raise ValueError(f"{field}: {twice[0]!r} is named twice")
        if not self.is_ensemble and (self.members or self.weights != "equal"):
            raise ValueError(f"`members` and `weights` are for `model: ensemble`, not for `{self.model}`")
        if self.is_ensemble and len(self.members) < 2:
            raise ValueError("an ensemble needs at least two `members`: names of other systems")
        if self.is_ensemble and (self.inputs or self.training):
            raise ValueError("an ensemble has no `inputs` and no `training`: those of its members count")
        return self

    @property
    def is_network(self) -> bool:
        """Whether it is a network, whose result depends on the seed: linear models have one solution."""
        return self.model in get_args(Network)

    @property
    def is_ensemble(self) -> bool:
        """Whether it combines the predictions of other systems."""
        return self.model == "ensemble"

    def training_parameters(self, training: "Training") -> "Training":
        """Return the parameters of this system's training: the study's, replaced by its own where it has some."""
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
    balance: Literal["class_weights", "unsampled_class_weights", "logit_adjustment", "none"] = "class_weights"
    """How rare classes are weighed: by their shares after sampling, or (`unsampled_class_weights`) by their shares in
    the training rows whatever the sampling, which with a `class_exponent` below 1 corrects twice."""
    corpus_exponent: float = Field(1.0, ge=0, le=1)
    """Corpora are drawn in proportion to their number of utterances to this power: 1 as they are, 0 all alike."""
    corpus_weights: dict[Name, Annotated[float, Field(gt=0)]] = Field({})
    """Corpus -> the factor of its share, 1 if it is not named. With `corpus_exponent: 0` and two further corpora,
    `{meld: 4}` makes MELD four sixths of the rows that are drawn."""
    class_exponent: float = Field(1.0, ge=0, le=1)
    """Classes are drawn in proportion to their number of utterances to this power, over all corpora: 1 as they are, 0
    all alike, if every corpus has the same classes. The formula: mer/training/networks/sampling.py."""
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
    """The probability that a modality is hidden in a training step, if the utterance has another one."""
    modality_dropout_level: Literal["modality", "input"] = "modality"
    """Whether all inputs of a modality are hidden together, or each input by itself."""
    equal_inputs: bool = False
    """Whether linear models and kernel machines divide each scaled input by the square root of its width, so that a
    wide input weighs no more than a narrow one."""
    inverse_regularisation: tuple[Annotated[float, Field(gt=0)], ...] = Field((1e-3, 1e-2, 1e-1), min_length=1)
    """`C` of the linear models and the kernel machine (of ridge, a penalty of 1/2C); the validation speakers choose"""

    def __hash__(self) -> int:
        """A mapping has no hash of its own."""
        return hash(self.model_dump_json())

    @property
    def weighs_classes(self) -> bool:
        """Whether the loss weighs rare classes."""
        return self.balance in ("class_weights", "unsampled_class_weights")
