"""Every parameter of a study, its type, its default and what it means.

A file under `params/` names only what differs from these defaults.
"""

import re
from pathlib import PureWindowsPath
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Modality = Literal["audio", "video", "text"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""of a file or folder"""
LexicalControl = Literal["free", "parallel", "emotion_specific"]
Column = Literal["path", "video", "speaker", "emotion", "text", "split", "session", "sentence", "dialogue", "turn",
                 "gender", "age", "language", "start", "end"]  # fmt: skip


class Section(BaseModel):
    """Immutable; a name that is not declared here is an error, and so is NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Synthetic(Section):
    """Raw trees of made-up speech in the layouts of real corpora (mer/corpora/synthetic.py)."""

    seed: int = 0
    speakers: int = Field(6, ge=2, le=24)
    """per corpus"""
    clips: int = Field(5, ge=1)
    """per speaker and emotion"""
    shift: float = Field(1.0, ge=0, le=4)
    """how far speakers and corpora lie apart; 0 makes them all alike"""
    video: bool = False
    """films of a drawn face beside the sound of two of the corpora"""


class Data(Section):
    raw: str = "data/raw"
    """the folder with one folder per corpus"""
    store: str = "data/store"
    """where features are kept, addressed by content and shared by all studies"""
    synthetic: Synthetic | None = None
    """write these corpora into `raw` before reading it"""
    min_seconds: float = Field(0.1, gt=0)
    """a shorter clip is padded and flagged"""
    max_seconds: float = Field(30.0, gt=0)
    """a longer clip is cropped and flagged"""
    audio_failure: Literal["drop", "silence"] = "drop"
    """an utterance whose recording cannot be read is left out, or kept as a second of silence; listed either way"""
    problems: Literal["report", "stop"] = "report"
    """whether the build goes on where something in a corpus folder is no utterance"""

    @model_validator(mode="after")
    def _shorter_than_longer(self) -> "Data":
        if self.min_seconds >= self.max_seconds:
            raise ValueError("min_seconds must be below max_seconds")
        return self


class Corpus(Section):
    """One corpus of a study. Those that MER knows take no options; with `table` it is one's own."""

    table: str | None = Field(None, min_length=1)
    """below `data.raw`: CSV or TSV with a header, JSON lines, or the `db.yaml` of an audformat database"""
    audio: str | None = None
    """below `data.raw`: the folder where paths in the table start; by default the table's own"""
    columns: dict[Column, str] = {}
    """our name -> the table's name, where it is not recognised. A named `split` makes the parts official, a
    named `session` keeps sessions whole"""
    speaker_pattern: str | None = None
    """a regular expression with one group that finds the speaker in the path, where no column tells"""
    labels: dict[str, str] = {}
    """native label -> noun; words such as `angry` or `joy` are understood without. `other` is no class"""
    title: str | None = None
    language: str | None = None
    family: Name | None = None
    """corpora of one family are held out together; by default it is a family of its own"""
    lexical_control: LexicalControl = "free"
    """whether sentences are the speakers' own, the same for every emotion, or give the emotion away"""
    elicitation: Literal["acted", "dialogue", "tv", "movie", "natural"] = "acted"
    licence: str | None = None
    citation: str | None = None

    @field_validator("table", "audio")
    @classmethod
    def _below(cls, value: str | None) -> str | None:
        if value is not None and (PureWindowsPath(value).anchor or ".." in re.split(r"[/\\]", value)):
            raise ValueError("must be below data.raw: a relative path without ..")
        return value

    @field_validator("speaker_pattern")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        try:
            groups = re.compile(value).groups if value is not None else 1
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from None
        if groups != 1:
            raise ValueError("needs one group in brackets, such as ^([a-z]+)_")
        return value

    @model_validator(mode="after")
    def _of_a_table(self) -> "Corpus":
        given = [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]
        if self.table is None and given:
            raise ValueError(f"{given[0]} is for one's own corpus: name its `table`, too")
        return self


class Labels(Section):
    policy: Literal["paper7", "fork7", "primary4", "iemocap6"] = "paper7"
    overrides: dict[str, dict[str, str]] = {}
    """corpus -> {label: class, `drop` or `perceived`}, on top of the policy. A label is the corpus's own (`02`), its
    noun (`calm`), `all`, or one together with what most raters perceived (`xxx/hap`). `perceived` goes by the raters"""


class Splits(Section):
    seed: int = 1337
    validation: float = Field(0.1, gt=0, lt=1)
    """share of the speakers; at least one"""
    test: float = Field(0.1, gt=0, lt=1)
    folds: int = Field(5, ge=3)
    """grouped folds for in-corpus scores; up to 10 speakers every speaker is a fold"""
    text_disjoint: bool = False
    """read speech: no sentence is both trained on and tested within a corpus"""

    @model_validator(mode="after")
    def _someone_trains(self) -> "Splits":
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave nobody to train on")
        return self


class Acoustic(Section):
    extractor: Literal["mfcc", "functionals", "gemaps", "egemaps", "compare", "emobase", "encoder"] = "mfcc"
    """`functionals` is described in mer/features/acoustic/functionals; `gemaps`, `egemaps`, `compare` and `emobase`
    are openSMILE's and need the extra `opensmile`; `encoder` is a pretrained network and needs the extra `encoders`"""
    n_mfcc: int = Field(80, ge=1, le=201)
    """of `mfcc`"""
    model: str | None = None
    """of `encoder`, as are those below: a folder, or a name on the Hugging Face hub such as `microsoft/wavlm-base`"""
    revision: str | None = None
    """commit or tag on the hub"""
    weights: str | None = None
    """a checkpoint whose tensors take the place of the model's own"""
    layer: int | str = -1
    """0 before the first block, 1 after it, -1 after the last; `all` keeps every layer, which networks weigh and
    linear models take side by side; any other word names a module, such as `projector`"""
    pooling: Literal["mean", "mean_std", "windows"] = "mean"
    """over frames; `windows` of 4 s every 2 s, their mean and deviation, are the paper's"""

    @model_validator(mode="after")
    def _has_model(self) -> "Acoustic":
        return _encoder_named(self)


class Linguistic(Section):
    extractor: Literal["hashing", "tfidf", "encoder"] = "hashing"
    """`encoder` is a pretrained network and needs the extra `encoders`"""
    dimensions: int = Field(768, ge=2)
    """of `hashing` and `tfidf`"""
    lexical_control: tuple[LexicalControl, ...] = ("free",)
    """text is used where speakers chose their words; read sentences say nothing about the emotion,
    or give it away, and stay masked"""
    context: int = Field(0, ge=0)
    """turns of the dialogue before this one that are read with it"""
    speakers: Literal["none", "roles", "names"] = "none"
    """whether turns say who speaks; `roles` tell the speaker of this turn from the others, `names` who everybody is"""
    model: str | None = None
    """of `encoder`, as are those below: a folder, or a name on the Hugging Face hub such as `roberta-base`"""
    revision: str | None = None
    weights: str | None = None
    """a checkpoint whose tensors take the place of the model's own"""
    layer: int | str = -1
    """as for sound; a module's name is, for example, `classifier.dense`"""
    pooling: Literal["cls", "mean"] = "mean"
    """the first token, or the mean over the tokens"""
    max_tokens: int = Field(256, ge=8)
    """a longer text loses its beginning, and with it the oldest turns"""

    @model_validator(mode="after")
    def _has_model(self) -> "Linguistic":
        return _encoder_named(self)


def _encoder_named(section: Section) -> Section:
    if section.extractor == "encoder" and section.model is None:
        raise ValueError("extractor `encoder` needs a `model`: a folder, or a name on the Hugging Face hub")
    if section.extractor != "encoder" and section.model is not None:
        raise ValueError(f"`model` is for extractor `encoder`, not for `{section.extractor}`")
    return section


class Visual(Section):
    extractor: Literal["hog", "resnet50", "emo_affectnet"] = "hog"
    """`hog` needs no download; `resnet50` is torchvision's, `emo_affectnet` the paper's, both with `weights`"""
    weights: str | None = None
    """a checkpoint of the network"""
    detector: Literal["haar", "centerface"] = "haar"
    """of faces"""
    detector_weights: str | None = None
    """of `centerface`: its ONNX file"""
    frames_per_second: float = Field(5.0, gt=0, le=60)
    pooling: Literal["mean_std", "windows"] = "mean_std"
    """over frames; `windows` of 4 s every 2 s are the paper's"""

    @model_validator(mode="after")
    def _has_weights(self) -> "Visual":
        if self.extractor != "hog" and self.weights is None:
            raise ValueError(f"extractor `{self.extractor}` needs `weights`: a checkpoint file")
        if self.detector == "centerface" and self.detector_weights is None:
            raise ValueError("detector `centerface` needs `detector_weights`: its ONNX file")
        return self


class Transcripts(Section):
    """Words for corpora that come without."""

    recogniser: Literal["none", "pocketsphinx", "whisper"] = "none"
    """`pocketsphinx` (English only) needs the extra `asr` and no download; `whisper` the extra `encoders`"""
    model: str | None = None
    """of `whisper`: a folder, or a name on the Hugging Face hub such as `openai/whisper-base`"""
    revision: str | None = None

    @model_validator(mode="after")
    def _has_model(self) -> "Transcripts":
        if (self.recogniser == "whisper") != (self.model is not None):
            raise ValueError("recogniser `whisper`, and no other, needs a `model`")
        return self


class Features(Section):
    acoustic: Acoustic = Acoustic()
    linguistic: Linguistic = Linguistic()
    visual: Visual | None = None
    """video is looked at where this section is there; it needs the extra `video`"""
    transcripts: Transcripts = Transcripts()

    @property
    def networks(self) -> bool:
        """Whether a pretrained network extracts something, for which a device matters."""
        seen = self.visual is not None and self.visual.extractor != "hog"
        encoders = "encoder" in (self.acoustic.extractor, self.linguistic.extractor)
        return encoders or seen or self.transcripts.recogniser == "whisper"


Network = Literal["gated", "flexible_at", "robust_at", "attention", "concat"]
Linear = Literal["logistic", "ridge", "svm_linear", "svm_rbf"]


class System(Section):
    """One row of the results: a model, what it may see, and how it is trained where that differs from the rest."""

    model: Network | Linear
    modalities: tuple[Modality, ...] = Field(("audio", "text"), min_length=1)
    training: dict[str, Any] = {}
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
    """How models are trained. Linear ones take `balance` (as class weights) and their own strengths only."""

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


class Evaluation(Section):
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    protocols: tuple[Literal["in_corpus", "cross_corpus", "loco"], ...] = Field(
        ("in_corpus", "cross_corpus", "loco"), min_length=1
    )
    confidence: float = Field(0.95, gt=0, lt=1)
    min_clips: int = Field(100, ge=1)
    """a corpus with fewer is listed, not scored"""
    min_speakers: int = Field(4, ge=3)
    shapley_penalty: float = Field(0.1, gt=0)
    """of the ridge that tells what each training corpus is worth, per clip; fixed beforehand, as nothing chooses it"""

    @field_validator("seeds")
    @classmethod
    def _once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a seed is named twice")
        return value


class Predict(Section):
    """What notebook 08 asks about; `python -m mer.predict` needs no study."""

    files: str | None = None
    """a recording or a folder of them; without, some test recordings of the study"""
    model: str | None = None
    """a model's folder; without, that of the study's first system and seed"""
    voice: Literal["auto", "silero", "energy"] = "auto"
    """what finds speech and pauses (mer/predict/voice.py); `silero` hears no speech in many a made-up voice"""


class Compute(Section):
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = Field(1, ge=1)
    """per run; changes the last bits of a result, unlike `--jobs`"""
    engine: Literal["auto", "single", "stacked"] = "auto"
    """networks one by one (in as many processes as `--jobs` says), or many at once as one stack of tensors; `auto` is
    `single` on a CPU and `stacked` on a GPU (benchmarks/engines.py says when which pays)"""


class Params(Section):
    """A study."""

    name: Name
    """names the run folder `outputs/<name>/`"""
    steps: tuple[Annotated[str, Field(pattern=r"^\d\d$")], ...] = ("01", "02", "03", "04", "09")
    timeout_minutes: float | None = Field(None, gt=0)
    """of one notebook"""
    data: Data = Data()
    corpora: dict[Name, Corpus] = Field(min_length=1)
    """the corpora of the study; one that is not on disk is listed as absent"""
    labels: Labels = Labels()
    splits: Splits = Splits()
    features: Features = Features()
    systems: dict[Name, System] = Field(
        {"gated": System(model="gated"), "logistic": System(model="logistic", modalities=("audio",))},
        min_length=1,
    )
    """the first one is the reference of comparisons"""
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    predict: Predict = Predict()
    compute: Compute = Compute()

    @field_validator("steps", mode="before")
    @classmethod
    def _two_digits(cls, value: object) -> object:
        """YAML reads an unquoted 01 as the number 1."""
        return [f"{n:02d}" if type(n) is int else n for n in value] if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _systems_are_trainable(self) -> "Params":
        for name, system in self.systems.items():
            try:
                system.trained(self.training)
            except ValidationError as error:
                told = error.errors()[0]
                where = ".".join(str(part) for part in told["loc"])
                raise ValueError(f"systems.{name}.training.{where}: {told['msg']}") from None
        return self

    @model_validator(mode="after")
    def _video_is_looked_at(self) -> "Params":
        seeing = [name for name, system in self.systems.items() if "video" in system.modalities]
        if seeing and self.features.visual is None:
            raise ValueError(f"system {seeing[0]} takes video, and there is no section `features.visual`")
        return self

    @field_validator("corpora", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """`corpora: [emodb, ravdess]` is short for a mapping without options."""
        if isinstance(value, list | tuple):
            return {str(name): {} for name in value}
        if isinstance(value, dict):
            return {name: {} if options is None else options for name, options in value.items()}
        return value
