"""Every parameter of a study, its type, its default and what it means.

A file under `params/` names only what differs from these defaults.
"""

import difflib
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from mer.params.data import Corpus, Data, Labels, Splits, Synthetic
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
from mer.params.section import Name, Section
from mer.params.systems import System, Training

__all__ = ["SELECTED", "AudioFeatures", "Compute", "Corpus", "Data", "Evaluation", "Labels", "Params", "Splits",
           "Synthetic", "System", "TextFeatures", "Training", "Transcripts", "VideoFeatures"]  # fmt: skip

SELECTED = "selected"
"""The name, in results, of the system that is selected for a held-out family."""


class Evaluation(Section):
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    protocols: tuple[Literal["in_corpus", "cross_corpus", "within_family", "loco"], ...] = Field(
        ("in_corpus", "cross_corpus", "loco"), min_length=1
    )
    """`within_family` tests each corpus on the others of its family, such as MELD and EmoryNLP, once without the
    training rows of episodes that are tested, and once with them."""
    selection: Literal["validation", "inner_loco"] = "validation"
    """The method that selects a system for a held-out family inside its training corpora. `inner_loco` holds out each
    of them in turn, with one training per system, seed and pair of families. `validation` uses speakers of the training
    corpora, who also selected the epoch; this favours systems with many epochs."""
    confidence: float = Field(0.95, gt=0, lt=1)
    min_clips: int = Field(100, ge=1)
    """The smallest number of utterances of a corpus that is scored; a smaller corpus is only listed."""
    min_speakers: int = Field(4, ge=3)
    shapley_penalty: float = Field(0.1, gt=0)
    """The penalty per utterance of the ridge regression behind the Shapley values of corpora. It is not tuned."""
    accept_duplicates: tuple[Name, ...] = ()
    """Corpora that are tested although copies of their recordings, or near-duplicates, are trained on in another
    family. By default the run is refused. Scores of these corpora are flagged."""
    strict: bool = False
    """Whether LOCO is refused if the training data of something that is loaded is unknown. By default it is reported.
    What was trained on the held-out corpora is refused in both cases."""

    @field_validator("seeds")
    @classmethod
    def _once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a seed is named twice")
        return value


class Predict(Section):
    """The files and the model of notebook 08; `python -m mer.predict` needs no study."""

    files: str | None = None
    """A recording or a folder of recordings; by default some test recordings of the study."""
    model: str | None = None
    """The folder of a model; by default that of the study's first system and seed."""
    voice: Literal["auto", "silero", "energy"] = "auto"
    """The detector of speech and pauses (mer/predict/inputs/voice_activity.py); `silero` misses many synthetic
    voices."""


class Compute(Section):
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = Field(1, ge=1)
    """The number of threads of a job. It changes the last bits of a result, unlike `--jobs`."""
    engine: Literal["auto", "single", "stacked"] = "auto"
    """How networks are trained: one by one (`single`) or many at once as one stack of tensors (`stacked`), both in as
    many processes as `--jobs` allows. With `auto`, small networks are stacked on a CPU and all networks on a GPU
    (mer/training/engines/engine.py)."""


class Params(Section):
    """A study."""

    name: Name
    """The name of the run folder, `outputs/<name>/`."""
    study: str = ""
    """The name of the study's file without its suffix. It is filled in. A run folder belongs to one study."""
    steps: tuple[Annotated[str, Field(pattern=r"^\d\d$")], ...] = ("01", "02", "03", "04", "09")
    timeout_minutes: float | None = Field(None, gt=0)
    """The longest run of one notebook, in minutes."""
    data: Data = Data()
    corpora: dict[Name, Corpus] = Field(min_length=1)
    """The corpora of the study; one that is not on disk is listed as absent."""
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
    """The systems by name. The first one is the reference of comparisons."""
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
                problem = error.errors()[0]
                location = ".".join(str(key) for key in problem["loc"])
                raise ValueError(f"systems.{name}.training.{location}: {problem['msg']}") from None
        return self

    @model_validator(mode="after")
    def _weighted_corpora_are_of_the_study(self) -> "Params":
        trainings = {"training": self.training}
        trainings |= {f"systems.{n}.training": s.training_parameters(self.training) for n, s in self.systems.items()}
        for place, training in trainings.items():
            if strange := sorted(set(training.corpus_weights) - set(self.corpora)):
                raise ValueError(f"{place}.corpus_weights: {strange[0]!r} is none of the study's corpora "
                                 f"({', '.join(self.corpora)})")  # fmt: skip
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
    def _frames_are_read_by_networks(self) -> "Params":
        kept = {name for name, one in self.features.items() if getattr(one, "keep", "vector") == "frames"}
        for name, system in self.systems.items():
            if own := sorted(kept & set(system.inputs)):
                training = system.training_parameters(self.training)
                if not system.is_network or training.normalisation != "training":
                    raise ValueError(f"systems.{name}.inputs: {own[0]!r} keeps frames, which networks read with "
                                     "`normalisation: training` only; use `keep: vector` for this system")  # fmt: skip
        return self

    @model_validator(mode="after")
    def _recogniser_is_named(self) -> "Params":
        recognised = [name for name, one in self.features.items() if getattr(one, "transcript", "") == "recognised"]
        if recognised and self.transcripts.recogniser == "none":
            raise ValueError(f"features.{recognised[0]}.transcript: `recognised` needs a recogniser; name one in "
                             "`transcripts.recogniser`")  # fmt: skip
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
