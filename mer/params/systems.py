"""What is trained, and how: the sections `systems` and `training`."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from mer.params import normalisation as kinds
from mer.params.adaptation import Adaptation
from mer.params.messages import Faults, explain
from mer.params.normalisation import Normalisation
from mer.params.section import Fraction, InputName, Name, Section

Network = Literal["gated", "flexible_at", "robust_at", "attention", "concat"]
Classical = Literal["logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf"]

STRENGTHS = {"speakers": (1e-3, 1e-2, 1e-1), "corpora": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1)}
"""What chooses -> the values of C among which it chooses by default. Corpora choose smaller values than speakers."""


def checked_training(value: dict[str, Any]) -> dict[str, Any]:
    """Return some parameters of `training`, if they are valid.

    Raises:
        Faults: all that is wrong with them.
    """
    try:
        Training.model_validate(value)
    except ValidationError as error:
        raise Faults(explain(error, Training)) from None
    return value


class Candidate(Section):
    """A variant of a system among which a training chooses."""

    inputs: tuple[InputName, ...] = ()
    """The names of the variant's inputs; by default those of the system."""
    training: dict[str, Any] = Field({})
    """The parameters of `training` in which the variant differs from the system, such as `{normalisation: corpus}`."""

    _checked_training = field_validator("training")(lambda value: checked_training(value))


class System(Section):
    """One row of the results: a model, its inputs, and the training parameters that differ from those of the study."""

    model: Network | Classical | Literal["ensemble"]
    """`ensemble` is the weighted mean of the log-probabilities of other systems."""
    inputs: tuple[InputName, ...] = ()
    """The names of inputs (section `features`); by default all inputs of the study. Their order is that of the
    modalities: audio, video, text."""
    training: dict[str, Any] = Field({})
    """The parameters of `training` in which this system differs from the study, such as `{gate: softmax}`."""
    candidates: tuple[Candidate, ...] = ()
    """Variants of this system. Each training chooses between the system as it stands and these by `choose_by`, inside
    its training corpora: layers, sets of inputs, normalisations, any parameter of `training`."""
    members: tuple[Name, ...] = ()
    """The members of an `ensemble`: the names of at least two other systems, or of one with `members_per: family`."""
    members_per: Literal["system", "family"] = "system"
    """Whether an `ensemble` has one member per named system, or trains each of these systems on every training family
    alone, and has one member per system and family. A class that a family does not have is neither predicted nor
    excluded by its member."""
    weights: Literal["equal", "validation", "corpora"] = "equal"
    """The weights of an `ensemble`: equal for all members, or fitted to the validation rows (log loss). With
    `members_per: family`, `corpora` fits the weight of each member to the validation rows of the other families."""

    _checked_training = field_validator("training")(lambda value: checked_training(value))

    @model_validator(mode="after")
    def _belong_together(self) -> "System":
        if faults := list(self._faults()):
            raise Faults(faults)
        return self

    def _faults(self) -> Iterator[tuple[str, str]]:
        for field in ("inputs", "members"):
            if twice := [name for name in getattr(self, field) if getattr(self, field).count(name) > 1]:
                yield field, f"{twice[0]!r} is named twice"
        if not self.is_ensemble and (self.members or self.weights != "equal"):
            yield "", f"`members` and `weights` are for `model: ensemble`, not for `{self.model}`"
        if not self.is_ensemble and self.members_per != "system":
            yield "members_per", f"this is for `model: ensemble`, not for `{self.model}`"
        if self.is_ensemble and self.members_per == "system" and len(self.members) < 2:
            yield "", "an ensemble needs at least two `members`: names of other systems"
        if self.is_ensemble and self.members_per == "family" and not self.members:
            yield "", "an ensemble of families needs `members`: the name of at least one other system"
        if self.weights == "corpora" and self.members_per != "family":
            yield "weights", "`corpora` needs `members_per: family`: other members are trained on all families"
        if self.is_ensemble and (self.inputs or self.training):
            yield "", "an ensemble has no `inputs` and no `training`: those of its members count"
        if self.is_ensemble and self.candidates:
            yield "candidates", "an ensemble has none: those of its members count"
        for parameter in ("choose_by", "start_from"):
            if any(parameter in one.training for one in self.candidates):
                yield "candidates", f"{parameter} is the same for all candidates; set it for the system"

    @property
    def is_network(self) -> bool:
        """Whether it is a network, whose result depends on the seed. Classical models have one solution."""
        return self.model in get_args(Network)

    @property
    def is_ensemble(self) -> bool:
        """Whether it combines the predictions of other systems."""
        return self.model == "ensemble"

    def variants(self) -> "tuple[System, ...]":
        """Return the systems without candidates among which a training chooses: this one first.

        >>> whisper = System(model="ridge", inputs=("l1",), candidates=({"inputs": ("l2",)},))
        >>> [one.inputs for one in whisper.variants()]
        [('l1',), ('l2',)]
        """
        own = self.model_copy(update={"candidates": ()})
        others = [
            own.model_copy(update={"inputs": one.inputs or self.inputs, "training": {**self.training, **one.training}})
            for one in self.candidates
        ]
        return own, *others

    @property
    def all_inputs(self) -> tuple[str, ...]:
        """The names of the inputs of all variants."""
        return tuple(dict.fromkeys(name for one in self.variants() for name in one.inputs))

    def training_parameters(self, training: "Training") -> "Training":
        """Return the training parameters of the study, replaced by those that this system sets."""
        own = dict(self.training)
        if isinstance(own.get("encoders"), dict):
            own["encoders"] = {**training.encoders.model_dump(), **own["encoders"]}
        return Training.model_validate({**training.model_dump(), **own})


class EncoderTraining(Section):
    """How the encoders of inputs with `train` are trained; all other parameters of `training` count for them, too. A
    training step has `training.batch_size` utterances, drawn as for any network."""

    learning_rate: float = Field(2e-5, gt=0)
    """The learning rate of an encoder's last layer; that of the fusion network is `training.learning_rate`. Both follow
    the same schedule."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """The learning rate of a layer as a share of that of the layer above it."""
    accumulation: int = Field(1, ge=1)
    """The number of parts in which the gradient of a training step is computed, to save memory. The gradient is that of
    the whole step. Out of memory, a training goes on with twice as many parts, and says so."""
    gradient_checkpointing: bool = False
    """Whether activations of an encoder's blocks are computed twice instead of stored, to save memory."""
    precision: Literal["auto", "full", "bf16", "fp16"] = "auto"
    """Numbers in which products are computed in training: 32 bits (`full`), or 16 bits. `auto` is `bf16` on a GPU that
    can, else `fp16` on a GPU, and `full` on a CPU."""
    freeze_convolutions: bool = True
    """Whether the convolutions of wav2vec 2.0, HuBERT and WavLM stay as they are, as is usual."""
    head_epochs: int = Field(0, ge=0)
    """The largest number of epochs in which the fusion network is trained first, on the vectors of the frozen encoders
    in evaluation mode."""
    head_learning_rate: float = Field(1e-3, gt=0)
    """The learning rate of these epochs."""
    head_patience: int = Field(2, ge=1)
    """The patience of these epochs, as `training.patience`."""
    stop_on: tuple[Name, ...] = ()
    """Corpora on which no row is trained and whose UAR alone selects the epoch, as if they were unseen. If a cell has
    none of them, or nothing else to train on, its validation rows select the epoch."""
    mask_time: Fraction = 0.0
    """The expected share of the time that is hidden from an audio encoder in training, in spans (SpecAugment)."""
    mask_span: int = Field(10, ge=1)
    """The length of such a span, in frames: of a spectrum's hop (10 ms), or of the convolutions' output (20 ms)."""
    mask_channels: Fraction = 0.0
    """The expected share of a spectrum's bands, or of the channels of the convolutions' output, that is hidden."""
    noise: Fraction = 0.0
    """The probability that white noise is added to a recording in training, 10 to 30 dB below it."""
    speed: Fraction = 0.0
    """The probability that a recording is played 0.9 to 1.1 times as fast in training."""
    lora_rank: int = Field(8, ge=1)
    """The rank of the additions of `train: lora`."""
    lora_alpha: float = Field(16.0, gt=0)
    """The factor of the additions is this number divided by their rank."""


class Training(Section):
    """How models are trained. Classical models use `balance` (as class weights), `normalisation`, `adaptation`,
    `equal_inputs`, `augmented`, `choose_by` and `inverse_regularisation` only."""

    choose_by: Literal["auto", "corpora", "speakers"] = "auto"
    """What is left out to choose parameters inside the training corpora: the regularisation of classical models, the
    number of epochs of networks, and a system's candidates. `corpora`: each training family in turn; its validation
    speakers are training rows, too. `speakers`: the validation speakers; after the choice, a classical model is trained
    on them, too, unless they are those of a published split. `auto`: corpora if three families or more are trained on,
    else speakers. A training on one family, and a system that trains an encoder, choose by speakers."""

    epochs: int = Field(40, ge=1)
    """The largest number of epochs."""
    patience: int = Field(8, ge=1)
    """The number of epochs without a better validation UAR (mean over corpora) after which training stops."""
    batch_size: int = Field(128, ge=1)
    """The number of utterances of a training step."""
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    """The optimiser. `adam` adds the weight decay to the gradient, `adamw` does not. `sgd` has Nesterov's momentum of
    0.9."""
    learning_rate: float = Field(1e-3, gt=0)
    """The learning rate after the warm-up, before the schedule changes it."""
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    """The schedule of the learning rate. `cosine` falls to 0 over all epochs. `plateau` halves the rate at every third
    epoch in a row without a better validation UAR. A training without validation rows cannot know that: its rate stays
    constant after the warm-up. Such is the last training of a network whose number of epochs was chosen by corpora left
    out (`choose_by`); the trainings that it was chosen by halve their rates. State `choose_by: speakers` for `plateau`
    throughout."""
    warmup: Fraction = 0.0
    """The share of all training steps in which the learning rate rises from 0."""
    weight_decay: float = Field(1e-2, ge=0)
    """The weight decay of the optimiser."""
    clip_norm: float = Field(1.0, gt=0)
    """The largest norm of the gradient of all parameters; a longer one is scaled down to it."""
    targets: Literal["hard", "soft", "multi_label"] = "hard"
    """The targets of networks: the class (`hard`), the shares of the raters' votes if a corpus publishes them (`soft`),
    or every class that the utterance has (`multi_label`)."""
    label_smoothing: Fraction = 0.1
    """The share of the target that is distributed over all classes."""
    normalisation: Normalisation | tuple[Normalisation, ...] = "training"
    """How audio and video features are scaled before a model reads them; text is always scaled as `training` does.

    - `none`: not at all. `training`: by mean and deviation of the training rows.
    - `corpus`, `speaker`: each corpus, or each speaker, by its own mean and deviation.
    - `speaker_shrunk`: the mean and deviation of a speaker are shrunk towards those of the corpus, the more the fewer
      clips there are; how much is estimated on the training rows (mer/training/scaling/shrinkage.py).
    - `ranks`, `corpus_ranks`, `speaker_ranks`: each value becomes the normal quantile of its rank among the training
      rows, its corpus or its speaker.
    - `coral`: each corpus by itself, and its correlations are aligned with those of the training rows.

    A list applies several of them in order, such as `[corpus, speaker_ranks]`. After all but `none` follow mean and
    deviation of the training rows. What reads a corpus or speaker uses the unlabelled recordings of the test corpus,
    so every table marks it as transductive."""
    adaptation: Adaptation = "none"
    """How predictions are adapted to the unlabelled rows of one test corpus, or of one speaker. Nothing is trained, and
    the features stay as they are (mer/training/adaptation). Every table marks such a system as transductive.

    - `prior_em`, `prior_bbse`: the shares of the classes are estimated and replace those of the training.
    - `gaussians`, `speaker_gaussians`: a Gaussian of each class is fitted to the features and scores of the rows of the
      corpus or speaker, by a number of steps that the training corpora choose.
    - `speaker_clusters`: the rows of each speaker are clustered, and clusters and classes are matched.

    A method is used if it does no harm inside the training corpora, each of which is the target once; otherwise, and
    with fewer than 20 rows of a corpus or speaker, predictions stay as they are. So they do with Gaussians and clusters
    if most rows are predicted to be of few classes."""
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
    """The average of the weights that is validated and stored: an exponential average over training steps (`ema`), or a
    mean over epochs in which late epochs count more (`epochs`)."""
    ema_decay: Fraction = 0.999
    """The weight of the former average in each training step of `ema`."""
    augmented: bool = False
    """Whether the model is also trained on altered copies of its training recordings (section `augmentation`). They are
    neither validated nor tested, and they do not count as utterances."""
    start_from: str | None = None
    """The folder of a checkpoint of the same network, whose weights are the initial ones. Its training data count as
    training data of the model."""
    gate: Literal["sigmoid", "softmax"] = "sigmoid"
    """The activation of the gates of `gated` and `flexible_at`: as in the published figure, or as in the published
    code."""
    hidden: int = Field(64, ge=1)
    """The width of a network's hidden layers."""
    dropout: Fraction = 0.2
    """The share of the values that dropout sets to zero in training."""
    missing: Literal["none", "zeros", "learned"] = "learned"
    """What replaces a missing input: nothing (no input may be missing), zeros, or a learned vector. Some networks leave
    the input out instead (mer/models/__init__.py)."""
    modality_dropout: Fraction = 0.1
    """The probability that a modality is hidden in a training step, if the utterance has another one."""
    modality_dropout_level: Literal["modality", "input"] = "modality"
    """Whether all inputs of a modality are hidden together, or each input by itself."""
    equal_inputs: bool = False
    """Whether classical models give each scaled input the same mean square, so that a wide input
    weighs no more than a narrow one. A single input stays as it is."""
    encoders: EncoderTraining = EncoderTraining()
    """The training of the encoders of inputs with `train`."""
    inverse_regularisation: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(None, min_length=1)
    """The values of `C` of all classical models, among which `choose_by` chooses; by default `STRENGTHS`. For ridge,
    the penalty is 1/2C."""

    def __hash__(self) -> int:
        """Return a hash, because the mapping `corpus_weights` has none."""
        return hash(self.model_dump_json())

    @field_validator("normalisation")
    @classmethod
    def _stages_have_a_meaning(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        kinds.check(value)
        return value

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of `normalisation`, in order; none for `none` and `training`."""
        return kinds.stages(self.normalisation)

    @property
    def transductive(self) -> bool:
        """Whether predictions of a row depend on other, unlabelled rows of the test corpus."""
        return bool(kinds.groups(self.normalisation)) or self.adaptation != "none"

    def strengths(self, choose_by: Literal["corpora", "speakers"] = "speakers") -> tuple[float, ...]:
        """Return the values of C among which a training chooses."""
        return self.inverse_regularisation or STRENGTHS[choose_by]

    @property
    def weighs_classes(self) -> bool:
        """Whether the loss weighs rare classes."""
        return self.balance in ("class_weights", "unsampled_class_weights")


_ADAPTED = {"normalisation": "speaker_shrunk", "adaptation": "gaussians"}
DEFAULT_SYSTEMS = {
    "voice": System(model="ensemble", members=("ridge", "kernel_ridge")),
    "adapted": System(model="ensemble", members=("ridge_adapted", "kernel_ridge_adapted")),
    "ridge": System(model="ridge"),
    "kernel_ridge": System(model="kernel_ridge"),
    "ridge_adapted": System(model="ridge", training=_ADAPTED),
    "kernel_ridge_adapted": System(model="kernel_ridge", training=_ADAPTED),
}
"""The systems of a study that names none, the reference first: those of `params/voice.yaml`, on all inputs."""
DEFAULT_NETWORKS = {"gated": System(model="gated")}
"""The systems of a study that names none, and whose inputs only networks read: frames, or encoders in training."""
DEFAULT_FEATURES = {"audio": {"extractor": "functionals"}}
"""The inputs of a study that names neither systems nor inputs: those of `params/voice.yaml`."""
DEFAULT_TEXT_SYSTEMS = {
    "words": System(model="logistic", inputs=("words",)),
    "words_context": System(model="logistic", inputs=("words", "words_context")),
}
"""The systems of a study that names neither systems nor inputs, and whose corpora have text only: those of
`params/text.yaml` that need no download."""
DEFAULT_TEXT_FEATURES = {
    "words": {"modality": "text", "extractor": "tfidf"},
    "words_context": {"modality": "text", "extractor": "tfidf", "context": 3, "speakers": "roles"},
}
"""The inputs of these systems."""
