"""What a model sees: the section `features`."""

from typing import Literal

from pydantic import Field, model_validator

from mer.params.section import LexicalControl, Name, Section


class Acoustic(Section):
    extractor: Literal["mfcc", "functionals", "gemaps", "egemaps", "compare", "emobase", "encoder"] = "mfcc"
    """`functionals` is described in mer/features/audio/functionals; `gemaps`, `egemaps`, `compare` and `emobase`
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
    trained_on: tuple[Name, ...] | None = None
    """corpora that the network has seen, where MER cannot know it (a folder, a file of your own); `[]` for none"""

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
    trained_on: tuple[Name, ...] | None = None
    """as for sound"""

    @model_validator(mode="after")
    def _has_model(self) -> "Linguistic":
        return _encoder_named(self)


def _encoder_named(section: Section) -> Section:
    if section.extractor == "encoder" and section.model is None:
        raise ValueError("extractor `encoder` needs a `model`: a folder, or a name on the Hugging Face hub")
    if section.extractor != "encoder" and section.model is not None:
        raise ValueError(f"`model` is for extractor `encoder`, not for `{section.extractor}`")
    if section.extractor != "encoder" and section.trained_on is not None:
        raise ValueError(f"`trained_on` is for extractor `encoder`: `{section.extractor}` was trained on nothing")
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
    trained_on: tuple[Name, ...] | None = None
    """as for sound; of `weights` and `detector_weights`"""

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
    trained_on: tuple[Name, ...] | None = None
    """as for sound"""

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
