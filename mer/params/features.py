"""The inputs of a study: the sections `features` and `transcripts`."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, TypeAdapter, model_validator

from mer.params.section import InputName, LexicalControl, Modality, Name, Section

ORDER = get_args(Modality)
"""The order of modalities in a system: audio, video, text. Initial weights of networks depend on it."""
TABLE_ORDER = ("audio", "text", "video")
"""The order of modalities in tables."""
STAGES = 4
"""The number of stages of a ResNet, which `{top: N}` of a video input counts from the last one downwards."""
RESERVED = ("utterance_id", "sources")
"""Names that an input cannot have, because a table has a column of this name beside one for each input."""


class TopLayers(Section):
    """The value `{top: N}` of `train`."""

    top: int = Field(ge=1)
    """The number of blocks that are trained, counted from the layer that is read downwards; of a ResNet, the number of
    its four stages, of which `layer4` is the first to be counted."""


def _read_train(value: object) -> object:
    """Refuse what is no value of `train`, with one message instead of one for each type."""
    top = value.get("top") if isinstance(value, dict) and len(value) == 1 else None
    if value in ("none", "all", "lora") or isinstance(value, TopLayers) or (type(top) is int and top > 0):
        return value
    raise ValueError("expected none, all, lora or {top: N} with a number of layers N")


Train = Annotated[Literal["none", "all", "lora"] | TopLayers, BeforeValidator(_read_train)]
"""How an encoder is trained together with the systems that read it: not at all (`none`: it is frozen and its vectors
are stored), with `all` of its layers, with its last layers only (`{top: 2}`), or by low-rank additions to the weights
of its attention, of WavLM its feed-forward layers (`lora`, which needs the extra `lora`)."""


Group = Literal["level", "cepstra", "bands", "spectrum", "motion", "slopes", "pitch", "voice", "correlations", "rhythm"]
"""The groups of `functionals`: recording level; statistics of cepstra, of bands, of the spectrum's shape with relative
level and periodicity (`spectrum`), of changes over time (`motion`), of changes with loudness and pitch (`slopes`), of
pitch, and of voice quality (`voice`); correlations of descriptors; speech rhythm."""


class _Input(Section):
    """What all inputs have in common."""

    _name: str = PrivateAttr("")

    @property
    def location(self) -> str:
        """The place of these parameters in a study, such as `features.whisper`, for messages."""
        return f"features.{self._name or self.modality}"

    @property
    def is_trained(self) -> bool:
        """Whether the encoder of this input is trained together with the systems that read it."""
        return getattr(self, "train", "none") != "none"

    @property
    def frozen(self) -> "Input":
        """The same input with its encoder as it was before any training here, whose vectors are stored."""
        return self.model_copy(update={"train": "none"}) if self.is_trained else self

    def named(self, name: str) -> "Input":
        """Return the same parameters under the name of an input, which messages use."""
        copy = self.model_copy()
        copy._name = name
        return copy

    def __eq__(self, other: object) -> bool:
        """Inputs with the same parameters are equal, whatever their names are."""
        return type(self) is type(other) and dict(self) == dict(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class AudioFeatures(_Input):
    """An input of modality audio: one vector per recording."""

    modality: Literal["audio"] = "audio"
    extractor: Literal["mfcc", "functionals", "gemaps", "egemaps", "compare", "emobase", "encoder"] = "mfcc"
    """The extractor. `functionals` is described in mer/features/audio/functionals. `gemaps`, `egemaps`, `compare` and
    `emobase` are those of openSMILE and need the extra `opensmile`. `encoder` is a pretrained network."""
    n_mfcc: int = Field(80, ge=1, le=201)
    """The number of coefficients of `mfcc`."""
    groups: tuple[Group, ...] | None = Field(None, min_length=1)
    """The groups of `functionals` that are computed; by default all. One input per group gives each group its Shapley
    value in notebook 04."""
    model: str | None = None
    """The network of `encoder`: a folder, or a name on the Hugging Face hub such as `microsoft/wavlm-base`. The
    parameters below are those of `encoder`, too."""
    revision: str | None = None
    """The commit or tag of the network on the hub."""
    weights: str | None = None
    """A checkpoint whose tensors replace those of the network."""
    layer: int | str = -1
    """The layer that is read: 0 before the first block, 1 after it, -1 after the last. `all` reads every layer: a
    network learns their weighted mean, and classical models take them side by side. Any other word names a module, such
    as `projector`. All layers are stored in one pass, so that inputs that read other layers need no extraction."""
    pooling: Literal["mean", "mean_std", "windows"] = "mean"
    """The pooling over frames. `windows` is that of the paper: mean and deviation of windows of 4 s every 2 s."""
    keep: Literal["vector", "frames"] = "vector"
    """What is stored of a recording: one vector, or the frames of `layer` in 16 bits, over which fusion networks learn
    attention. Step 02 states the space before. Frames need `pooling: mean`, `model` a network and `normalisation:
    training`."""
    max_frames: int = Field(100, ge=1, le=1500)
    """The largest number of frames of a recording. Neighbouring frames of longer ones are averaged."""
    context: Literal["clip", "full"] = "clip"
    """What a network with a fixed length reads (Whisper: 30 s, AST: 10 s): the recording alone, or the recording padded
    to that length. Networks without a fixed length read the recording alone."""
    precision: Literal["full", "bf16", "fp16"] = "full"
    """Numbers that the network computes in: 32 bits (`full`), or 16 bits if the device can, which is faster on GPUs.
    `bf16` has about two decimal digits, `fp16` three and a smaller range. With `bf16`, the distance of a vector to that
    of `full` is below 3 % of its length."""
    crop_seconds: float | None = Field(None, ge=1)
    """The longest segment that the network reads at once, in seconds. A longer recording is read in equal parts, whose
    frames are pooled together; the training of an encoder reads one random segment of this length in each epoch. By
    default the limit is that of the network."""
    train: Train = "none"
    """Whether and how the network is trained (mer/training/finetune). Step 06 trains the systems that read such an
    input."""
    trained_on: tuple[Name, ...] | None = None
    """The corpora on which the network was trained, if MER does not know it (a folder, a file of yours); `[]` for
    none."""

    @model_validator(mode="after")
    def _has_model(self) -> "AudioFeatures":
        if self.is_trained and self.pooling == "windows":
            raise ValueError("`train` needs `pooling: mean` or `mean_std`, or `keep: frames` for learned attention")
        if self.is_trained and self.precision != "full":
            raise ValueError("`train` needs `precision: full`; `training.encoders.precision` is that of training")
        if self.crop_seconds is not None and (self.extractor != "encoder" or self.pooling == "windows"):
            raise ValueError("`crop_seconds` is for extractor `encoder` with `pooling: mean` or `mean_std`")
        if self.groups is not None and self.extractor != "functionals":
            raise ValueError(f"`groups` is for extractor `functionals`, not for `{self.extractor}`")
        if self.keep == "frames" and (self.extractor != "encoder" or self.pooling != "mean"):
            raise ValueError("`keep: frames` is for extractor `encoder` with `pooling: mean`")
        return _encoder_named(self)


class TextFeatures(_Input):
    """An input of modality text: one vector per transcript, with the turns before it if `context` says so."""

    modality: Literal["text"] = "text"
    extractor: Literal["hashing", "tfidf", "encoder"] = "hashing"
    """The extractor. `encoder` is a pretrained network."""
    dimensions: int = Field(768, ge=2, le=2**20)
    """The number of features of `hashing` and `tfidf`."""
    lexical_control: tuple[LexicalControl, ...] = ("free",)
    """The lexical control of the corpora whose text is read: by default of those whose speakers chose their words. Read
    sentences say nothing about the emotion, or reveal it."""
    context: int = Field(0, ge=0)
    """The number of earlier turns of the dialogue that are read with a turn."""
    transcript: Literal["corpus", "recognised"] = "corpus"
    """`corpus` is the corpus's own text, and a recognised one if there is none. `recognised` is what the recogniser of
    `transcripts` writes, also if the corpus has a text: what a system gets that has audio alone."""
    speakers: Literal["none", "roles", "names"] = "none"
    """How turns name their speakers: not at all, by `roles` (the speaker of this turn, another one) or by `names`."""
    model: str | None = None
    """The network of `encoder`: a folder, or a name on the Hugging Face hub such as `roberta-base`. The parameters
    below are those of `encoder`, too."""
    revision: str | None = None
    """The commit or tag of the network on the hub."""
    weights: str | None = None
    """A checkpoint whose tensors replace those of the network."""
    layer: int | str = -1
    """The layer that is read, as for audio; the name of a module is, for example, `classifier.dense`."""
    pooling: Literal["cls", "mean"] = "mean"
    """The pooling over tokens: the first token, or the mean over all."""
    max_tokens: int = Field(256, ge=8)
    """The largest number of tokens. A longer text is cut at its beginning, so that it loses the oldest turns first."""
    train: Train = "none"
    """Whether and how the network is trained, as for audio."""
    trained_on: tuple[Name, ...] | None = None
    """The corpora on which the network was trained, as for audio."""

    @model_validator(mode="after")
    def _has_model(self) -> "TextFeatures":
        return _encoder_named(self)


def _encoder_named(section: Section) -> Section:
    if section.extractor == "encoder" and section.model is None:
        raise ValueError("extractor `encoder` needs a `model`: a folder, or a name on the Hugging Face hub")
    if section.extractor != "encoder" and section.model is not None:
        raise ValueError(f"`model` is for extractor `encoder`, not for `{section.extractor}`")
    if section.extractor != "encoder" and section.trained_on is not None:
        raise ValueError(f"`trained_on` is for extractor `encoder`: `{section.extractor}` was trained on nothing")
    if section.extractor != "encoder" and section.is_trained:
        raise ValueError(f"`train` is for extractor `encoder`: `{section.extractor}` has no weights")
    if section.is_trained and isinstance(section.layer, str) and section.layer != "all":
        raise ValueError(f"`train` reads a layer by its number or `all`, not the module {section.layer!r}")
    if section.is_trained and section.weights is not None:
        raise ValueError("`train` starts from the tensors of `model`; a checkpoint in `weights` cannot be trained")
    return section


class VideoFeatures(_Input):
    """An input of modality video: one vector per video, of the one face that is followed in it."""

    modality: Literal["video"] = "video"
    extractor: Literal["hog", "resnet50", "emo_affectnet"] = "hog"
    """The extractor. `hog` needs no download. `resnet50` is that of torchvision and `emo_affectnet` that of the paper;
    both need `weights`."""
    weights: str | None = None
    """A checkpoint of the network."""
    detector: Literal["haar", "centerface"] = "haar"
    """The detector of faces."""
    detector_weights: str | None = None
    """The ONNX file of `centerface`."""
    frames_per_second: float = Field(5.0, gt=0, le=60)
    """The number of frames that are read per second."""
    pooling: Literal["mean_std", "windows"] = "mean_std"
    """The pooling over frames. `windows` is that of the paper: windows of 4 s every 2 s."""
    train: Train = "none"
    """Whether and how the network is trained, as for audio. `{top: 1}` trains the last of its four stages, `{top: 4}`
    all stages but not the convolution before them. There is no `lora`."""
    train_frames: int = Field(8, ge=2)
    """The largest number of frames of a video that a training step reads; they are drawn at random in each epoch.
    Validation and test rows are read with all frames."""
    trained_on: tuple[Name, ...] | None = None
    """The corpora on which `weights` and `detector_weights` were trained, as for audio."""

    @model_validator(mode="after")
    def _has_weights(self) -> "VideoFeatures":
        if self.extractor != "hog" and self.weights is None:
            raise ValueError(f"extractor `{self.extractor}` needs `weights`: a checkpoint file")
        if self.detector == "centerface" and self.detector_weights is None:
            raise ValueError("detector `centerface` needs `detector_weights`: its ONNX file")
        return self

    @model_validator(mode="after")
    def _can_be_trained(self) -> "VideoFeatures":
        if not self.is_trained:
            return self
        if self.extractor == "hog":
            raise ValueError("`train` is for the extractors `resnet50` and `emo_affectnet`: `hog` has no weights")
        if self.train == "lora":
            raise ValueError("`lora` adds to layers of attention, and a ResNet has convolutions; use `all` or {top: N}")
        if isinstance(self.train, TopLayers) and self.train.top > STAGES:
            raise ValueError(f"`train: {{top: {self.train.top}}}`: a ResNet has {STAGES} stages; use {{top: {STAGES}}} "
                             "or fewer, or `all`, which trains the convolution before them, too")  # fmt: skip
        if self.pooling == "windows":
            raise ValueError("`train` needs `pooling: mean_std`, because frames are drawn from the whole video")
        return self


class Transcripts(Section):
    """Words for corpora that come without."""

    recogniser: Literal["none", "pocketsphinx", "whisper"] = "none"
    """`pocketsphinx` (English only) needs the extra `asr` and no download; `whisper` is a pretrained network."""
    model: str | None = None
    """The model of `whisper`: a folder, or a name on the Hugging Face hub such as `openai/whisper-base`."""
    revision: str | None = None
    context: Literal["full", "clip"] = "full"
    """What the encoder of `whisper` reads. `full` is 30 s, padded with silence, as it was trained. `clip` is the clip
    alone, which is many times faster; some words change (`benchmarks/words.py`)."""
    trained_on: tuple[Name, ...] | None = None
    """As for audio."""

    @model_validator(mode="after")
    def _has_model(self) -> "Transcripts":
        if (self.recogniser == "whisper") != (self.model is not None):
            raise ValueError("recogniser `whisper`, and no other, needs a `model`")
        return self


Input = AudioFeatures | TextFeatures | VideoFeatures
SECTIONS = {"audio": AudioFeatures, "text": TextFeatures, "video": VideoFeatures}
"""The parameters of an input by its modality."""


def _with_modality(value: object) -> object:
    """Fill in the modality of inputs that are named after one; `audio:` without parameters has the defaults."""
    if not isinstance(value, dict):
        return value
    options = {name: {} if parameters is None else parameters for name, parameters in value.items()}
    return {
        name: {"modality": name, **parameters} if name in ORDER and isinstance(parameters, dict) else parameters
        for name, parameters in options.items()
    }


def _with_names(value: dict[str, Input]) -> dict[str, Input]:
    """Check the names of inputs, and give each input its name."""
    if wrong := [name for name, one in value.items() if name in ORDER and one.modality != name]:
        raise ValueError(f"the input `{wrong[0]}` is named after a modality, so `modality: {value[wrong[0]].modality}` "
                         "does not fit; take another name")  # fmt: skip
    if taken := [name for name in value if name in RESERVED]:
        raise ValueError(f"an input cannot be called `{taken[0]}`, which is the name of a column; take another name")
    return {name: one.named(name) for name, one in value.items()}


Inputs = Annotated[
    dict[InputName, Annotated[Input, Field(discriminator="modality")]],
    BeforeValidator(_with_modality),
    AfterValidator(_with_names),
]
"""The section `features`: the name of each input and its parameters, in order of declaration."""
_INPUTS = TypeAdapter(Inputs)


def read_inputs(sections: Mapping[str, Any]) -> dict[str, Input]:
    """Return inputs by name from their parameters, as in the section `features` of a study.

    Args:
        sections: name -> parameters. A name that is a modality needs no `modality`.

    Raises:
        ValidationError: a parameter is wrong.

    >>> inputs = read_inputs({"audio": {"n_mfcc": 13}, "second": {"modality": "audio"}})
    >>> [(name, one.modality, one.n_mfcc) for name, one in inputs.items()]
    [('audio', 'audio', 13), ('second', 'audio', 80)]
    """
    return _INPUTS.validate_python(dict(sections))


def in_order(names: Iterable[str], inputs: Mapping[str, Input]) -> tuple[str, ...]:
    """Return names of inputs by modality (audio, video, text); those of one modality keep their order.

    >>> in_order(["text", "video", "audio"], read_inputs({"text": {}, "audio": {}, "video": {}}))
    ('audio', 'video', 'text')
    """
    return tuple(sorted(names, key=lambda name: ORDER.index(inputs[name].modality)))


def uses_networks(inputs: Mapping[str, Input], transcripts: Transcripts) -> bool:
    """Return whether a pretrained network extracts or transcribes something, which can run on a GPU."""
    networks = ("encoder", "resnet50", "emo_affectnet")
    return transcripts.recogniser == "whisper" or any(one.extractor in networks for one in inputs.values())
