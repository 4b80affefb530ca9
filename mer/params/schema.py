"""Every parameter of a study, its type, its default and what it means.

A file under `params/` names only what differs from these defaults.
"""

import difflib
import re
from pathlib import PureWindowsPath
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from mer.params.features import (
    TABLE_ORDER,
    AudioFeatures,
    Inputs,
    TextFeatures,
    Transcripts,
    VideoFeatures,
    in_order,
    read_inputs,
)
from mer.params.section import LexicalControl, Name, Section
from mer.params.systems import System, Training

__all__ = ["SELECTED", "AudioFeatures", "Compute", "Corpus", "Data", "Evaluation", "Labels", "Params", "Splits",
           "Synthetic", "System", "TextFeatures", "Training", "Transcripts", "VideoFeatures"]  # fmt: skip

SELECTED = "selected"
"""the name, in results, of whichever system was chosen for a held-out family"""

Column = Literal["path", "video", "speaker", "emotion", "text", "split", "session", "sentence", "dialogue", "turn",
                 "gender", "age", "language", "start", "end"]  # fmt: skip


class Synthetic(Section):
    """Raw folders of synthetic speech in the layouts of real corpora (mer/corpora/synthetic/trees.py)."""

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
    max_lost: float = Field(0.1, ge=0, le=1)
    """share of a corpus's utterances that may be lost (no file, unreadable, unknown label, …) before the study stops.
    It also stops where every clip of a class is lost. With 1 it never does"""
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
    columns: dict[Column, str] = Field({})
    """our name -> the table's name, where it is not recognised. A named `split` makes the parts official, a
    named `session` keeps sessions whole"""
    speaker_pattern: str | None = None
    """a regular expression with one group that finds the speaker in the path, where no column tells"""
    speakers: dict[str, tuple[str, ...]] = Field({})
    """id in the table -> the person, or a list of those who speak at once, where the audit asks: `{Ann: ann}` are one,
    `{Ann: Ann, ann: ann}` two people, `{ann;bob: [ann, bob]}` speak together. Numbers stand in quotes: `"01"`"""
    labels: dict[str, str] = Field({})
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

    @field_validator("speakers", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        """`{Ann: ann}` is short for a list of one."""
        if not isinstance(value, dict):
            return value
        return {given: (said,) if isinstance(said, str) else said for given, said in value.items()}

    @field_validator("speakers")
    @classmethod
    def _named(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if nobody := [given for given, said in value.items() if not said or not all(map(str.strip, said))]:
            raise ValueError(f"{nobody[0]!r} is nobody: name a person, or several as a list")
        return value

    @model_validator(mode="after")
    def _of_a_table(self) -> "Corpus":
        given = [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]
        if self.table is None and given:
            raise ValueError(f"{given[0]} is for one's own corpus: name its `table`, too")
        return self


class Labels(Section):
    policy: Literal["paper7", "fork7", "primary4", "iemocap6"] = "paper7"
    overrides: dict[str, dict[str, str]] = Field({})
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


class Evaluation(Section):
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    protocols: tuple[Literal["in_corpus", "cross_corpus", "loco"], ...] = Field(
        ("in_corpus", "cross_corpus", "loco"), min_length=1
    )
    selection: Literal["validation", "inner_loco"] = "validation"
    """what chooses among the systems for a held-out family, inside its training corpora: their validation speakers, or
    each of them held out in turn, which costs a training per system, seed and pair of families. Validation speakers are
    of the corpora that have trained, and have chosen the epoch already, which flatters whoever has many epochs"""
    confidence: float = Field(0.95, gt=0, lt=1)
    min_clips: int = Field(100, ge=1)
    """a corpus with fewer is listed, not scored"""
    min_speakers: int = Field(4, ge=3)
    shapley_penalty: float = Field(0.1, gt=0)
    """of the ridge that tells what each training corpus is worth, per clip; fixed beforehand, as nothing chooses it"""
    accept_duplicates: tuple[Name, ...] = ()
    """corpora that are tested all the same where their recordings, or near-duplicates of them, were trained on in
    another family. By default the run is refused. Scores of these corpora are marked"""
    strict: bool = False
    """LOCO is refused where it is not known whether something that is loaded has seen the held-out corpora. By default
    it is reported. What is known to have seen them is refused either way"""

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
    """what finds speech and pauses (mer/predict/inputs/voice_activity.py); `silero` hears no speech in many a made-up
    voice"""


class Compute(Section):
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = Field(1, ge=1)
    """per run; changes the last bits of a result, unlike `--jobs`"""
    engine: Literal["auto", "single", "stacked"] = "auto"
    """networks one by one, or many at once as one stack of tensors; both in as many processes as `--jobs` says. `auto`:
    on a CPU small networks are stacked and others single, on a GPU all are stacked (mer/training/engines/engine.py)"""


class Params(Section):
    """A study."""

    name: Name
    """names the run folder `outputs/<name>/`"""
    study: str = ""
    """the file that this is a run of, without its ending; filled in. A run folder keeps to one study"""
    steps: tuple[Annotated[str, Field(pattern=r"^\d\d$")], ...] = ("01", "02", "03", "04", "09")
    timeout_minutes: float | None = Field(None, gt=0)
    """of one notebook"""
    data: Data = Data()
    corpora: dict[Name, Corpus] = Field(min_length=1)
    """the corpora of the study; one that is not on disk is listed as absent"""
    labels: Labels = Labels()
    splits: Splits = Splits()
    features: Inputs = Field({})
    """The inputs of the study, each with a name. An input `audio`, `text` or `video` that a system names needs no
    declaration and has the defaults; without any, a system that names no inputs has `audio` and `text`."""
    transcripts: Transcripts = Transcripts()
    systems: dict[Name, System] = Field(
        {"gated": System(model="gated"), "logistic": System(model="logistic", inputs=("audio",))},
        min_length=1,
    )
    """The first one is the reference of comparisons."""
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    predict: Predict = Predict()
    compute: Compute = Compute()

    @field_validator("steps", mode="before")
    @classmethod
    def _two_digits(cls, value: object) -> object:
        """YAML reads an unquoted 01 as the number 1."""
        return [f"{n:02d}" if type(n) is int else n for n in value] if isinstance(value, list | tuple) else value

    @field_validator("systems")
    @classmethod
    def _not_reserved(cls, value: dict[str, System]) -> dict[str, System]:
        if SELECTED in value:
            raise ValueError(f"{SELECTED!r} is the name of what is chosen among the systems; take another")
        return value

    @model_validator(mode="after")
    def _systems_are_trainable(self) -> "Params":
        for name, system in self.systems.items():
            try:
                system.training_parameters(self.training)
            except ValidationError as error:
                told = error.errors()[0]
                where = ".".join(str(part) for part in told["loc"])
                raise ValueError(f"systems.{name}.training.{where}: {told['msg']}") from None
        return self

    @model_validator(mode="after")
    def _duplicates_are_of_the_study(self) -> "Params":
        if strange := sorted(set(self.evaluation.accept_duplicates) - set(self.corpora)):
            raise ValueError(f"evaluation.accept_duplicates: {strange[0]!r} is none of the study's corpora "
                             f"({', '.join(self.corpora)})")  # fmt: skip
        return self

    @model_validator(mode="after")
    def _inputs_are_complete(self) -> "Params":
        """Add inputs with defaults, and give each system the inputs that it does not list, in order of modality."""
        listed = {name for system in self.systems.values() for name in system.inputs}
        open_ = not self.features and any(not (s.inputs or s.is_ensemble) for s in self.systems.values())
        named = listed | ({"audio", "text"} if open_ else set())
        implied = read_inputs({m: {} for m in TABLE_ORDER if m in named and m not in self.features})
        inputs = {**implied, **self.features}
        systems = {}
        for name, system in self.systems.items():
            if unknown := [one for one in system.inputs if one not in inputs]:
                near = difflib.get_close_matches(unknown[0], [*inputs, *TABLE_ORDER], n=1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise ValueError(f"systems.{name}.inputs: {unknown[0]!r} is no input of this study{hint}; its inputs "
                                 f"are {', '.join(inputs)}. Declare it in `features`")  # fmt: skip
            own = () if system.is_ensemble else in_order(system.inputs or inputs, inputs)
            systems[name] = system.model_copy(update={"inputs": own})
        for field, value in (("features", inputs), ("systems", systems)):
            object.__setattr__(self, field, value)  # the model is frozen for all others
        return self

    @model_validator(mode="after")
    def _members_are_systems(self) -> "Params":
        trained = [name for name, system in self.systems.items() if not system.is_ensemble]
        for name, system in self.systems.items():
            if strange := [member for member in system.members if member not in trained]:
                near = difflib.get_close_matches(strange[0], trained, n=1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                kind = "an ensemble itself" if strange[0] in self.systems else "no system of this study"
                raise ValueError(f"systems.{name}.members: {strange[0]!r} is {kind}{hint}; members may be "
                                 f"{', '.join(trained) or 'none'}")  # fmt: skip
        return self

    def inputs_of(self, system: str | System) -> tuple[str, ...]:
        """Return the names of a system's inputs, by modality (audio, video, text); of an ensemble those of all members.

        Args:
            system: a system of this study, or its name.
        """
        one = self.systems[system] if isinstance(system, str) else system
        parts = [self.systems[member].inputs for member in one.members] if one.is_ensemble else [one.inputs]
        return in_order(dict.fromkeys(name for part in parts for name in part), self.features)

    def modalities(self, system: str | System) -> tuple[str, ...]:
        """Return the modalities of a system's inputs, in the order audio, video, text.

        Args:
            system: a system of this study, or its name.
        """
        return tuple(dict.fromkeys(self.features[name].modality for name in self.inputs_of(system)))

    @field_validator("corpora", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """`corpora: [emodb, ravdess]` is short for a mapping without options."""
        if isinstance(value, list | tuple):
            return {str(name): {} for name in value}
        if isinstance(value, dict):
            return {name: {} if options is None else options for name, options in value.items()}
        return value
