"""Every parameter of a study, its type, its default and what it means.

A file under `params/` names only what differs from these defaults.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, field_validator, model_validator

from mer.params import adaptation
from mer.params.ablations import Ablations, study_of
from mer.params.augmentation import Augmentation
from mer.params.data import Corpus, Data, Labels, Splits, Synthetic
from mer.params.execution import Command, Dask, StepNumber, StepResources, Word
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
from mer.params.messages import Faults, near
from mer.params.section import Name, Section
from mer.params.systems import (
    DEFAULT_FEATURES,
    DEFAULT_NETWORKS,
    DEFAULT_SYSTEMS,
    Candidate,
    System,
    Training,
)

__all__ = ["SELECTED", "Ablations", "AudioFeatures", "Candidate", "Compute", "Corpus", "Data", "Evaluation", "Labels",
           "Params", "Splits", "Synthetic", "System", "TextFeatures", "Training", "Transcripts",
           "VideoFeatures"]  # fmt: skip

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
    corpora, who also selected the epoch; this favours systems with many epochs. If some systems choose by corpora,
    `inner_loco` holds for all, because validation speakers give higher scores than other corpora."""
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
    robustness: tuple[Literal["noise", "reverberation", "codec", "speed", "pitch", "gain"], ...] = ()
    """Alterations under which notebook 08 tests the finished models, each at four or five strengths
    (mer/evaluation/robustness.py). The test recordings are altered, extracted and predicted again."""


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
    steps: tuple[StepNumber, ...] = ("01", "02", "03", "04", "07", "09")
    timeout_minutes: float | None = Field(None, gt=0)
    """The longest run of one notebook, in minutes."""
    resources: dict[StepNumber, StepResources] = Field({})
    """Limits of single steps, such as `{"04": {timeout_minutes: 60, memory_gb: 12}}`."""
    dask: Dask | None = None
    """The dask cluster that computes the study: the address of its scheduler, or how one is started; None for this
    machine alone."""
    shared: Word | None = None
    """A folder, or an address such as `s3://bucket/folder`, with features and finished trainings that several people
    and machines share. What is there is not computed again (docs/scaling.md)."""
    on_finish: Command = ()
    """A command that is run after the end of a run, such as `[notify, "study ended"]`, without a shell. Its output is
    in `logs/on_finish.log`. It finds the run folder in the environment variable `MER_FINISHED_RUN`, and `done` or
    `failed` in `MER_RESULT`. `--verify` does not run it."""
    data: Data = Data()
    corpora: dict[Name, Corpus] = Field(min_length=1)
    """The corpora of the study; one that is not on disk is listed as absent."""
    labels: Labels = Labels()
    splits: Splits = Splits()
    features: Inputs = Field({})
    """The inputs of the study, each with a name. An input `audio`, `text` or `video` that a system names needs no
    declaration and has the defaults; without any, a system that names no inputs has `audio` and `text`. A study that
    names neither inputs nor systems reads the `functionals` of audio, or words if none of its corpora on disk has
    recordings."""
    transcripts: Transcripts = Transcripts()
    augmentation: Augmentation | None = None
    """Altered copies of training recordings, of which systems with `training: {augmented: true}` learn, too."""
    systems: dict[Name, System] = Field(DEFAULT_SYSTEMS, min_length=1)
    """The systems by name. The first one is the reference of comparisons. A study that names none runs those that did
    best on held-out corpora (`params/voice.yaml`), a network if its inputs need one, or those of words in
    `params/text.yaml` if its corpora have text only."""
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    ablations: Ablations = Ablations()
    predict: Predict = Predict()
    compute: Compute = Compute()

    @field_validator("resources", mode="before")
    @classmethod
    def _two_digit_keys(cls, value: object) -> object:
        """YAML reads an unquoted 01 as the number 1."""
        return {f"{n:02d}" if type(n) is int else n: v for n, v in value.items()} if isinstance(value, dict) else value

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
    def _consistent(self) -> "Params":
        """Complete the inputs, and check what several sections must agree on; all faults are reported at once."""
        self._complete_systems()
        faults = [*self._corpora_of_weights(), *self._caps(), *self._duplicates(), *self._complete_inputs(),
                  *self._members()]  # fmt: skip
        faults = faults or [*self._augmented(), *self._frames(), *self._trained_encoders(), *self._recogniser()]
        if faults:
            raise Faults(faults)
        return self

    @property
    def has_default_systems(self) -> bool:
        """Whether the study names no systems and runs the default ones."""
        return "systems" not in self.model_fields_set

    @property
    def has_inputs(self) -> bool:
        """Whether the study names inputs."""
        return bool(self.features) and "features" in self.model_fields_set

    def _complete_systems(self) -> None:
        """Give a study that names no systems the default ones, and inputs if it names none."""
        if not self.has_default_systems:
            return
        inputs = self.features or read_inputs(DEFAULT_FEATURES)
        for_networks = any(one.is_trained or getattr(one, "keep", "vector") == "frames" for one in inputs.values())
        systems = DEFAULT_NETWORKS if for_networks else DEFAULT_SYSTEMS
        for field, value in (("features", inputs), ("systems", dict(systems))):
            object.__setattr__(self, field, value)  # the model is frozen for all others

    def _corpora_of_weights(self) -> Iterator[tuple[str, str]]:
        trainings, naming = {"training": self.training}, {"corpus_weights", "encoders"}
        trainings |= {f"systems.{name}.{f'candidates.{n - 1}.' if n else ''}training":
                      one.training_parameters(self.training) for name, system in self.systems.items()
                      for n, one in enumerate(system.variants())
                      if naming & set(system.candidates[n - 1].training if n else one.training)}  # fmt: skip
        for place, training in trainings.items():
            lists = {"corpus_weights": training.corpus_weights, "encoders.stop_on": training.encoders.stop_on}
            for field, names in lists.items():
                if strange := sorted(set(names) - set(self.corpora)):
                    yield f"{place}.{field}", self._no_corpus(strange[0])

    def _caps(self) -> Iterator[tuple[str, str]]:
        for cap, least in (("max_clips", "min_clips"), ("max_speakers", "min_speakers")):
            most, required = getattr(self.data, cap), getattr(self.evaluation, least)
            if most is not None and most < required:
                yield (f"data.{cap}", f"{most} is below evaluation.{least} ({required}), so no corpus would be scored; "
                       "raise the one or lower the other")  # fmt: skip

    def _duplicates(self) -> Iterator[tuple[str, str]]:
        if strange := sorted(set(self.evaluation.accept_duplicates) - set(self.corpora)):
            yield "evaluation.accept_duplicates", self._no_corpus(strange[0])

    def _no_corpus(self, name: str) -> str:
        return f"{name!r} is none of the study's corpora ({', '.join(self.corpora)}){near(name, self.corpora)}"

    def _complete_inputs(self) -> list[tuple[str, str]]:
        """Add inputs with defaults, and give each system the inputs that it does not list, in order of modality."""
        listed = {name for system in self.systems.values() for name in system.all_inputs}
        open_ = not self.features and any(not (s.inputs or s.is_ensemble) for s in self.systems.values())
        named = listed | ({"audio", "text"} if open_ else set())
        implied = read_inputs({m: {} for m in TABLE_ORDER if m in named and m not in self.features})
        inputs = {**implied, **self.features}
        systems, faults = {}, []
        for name, system in self.systems.items():
            if unknown := [one for one in system.all_inputs if one not in inputs]:
                hint = near(unknown[0], [*inputs, *TABLE_ORDER])
                existing = f"its inputs are {', '.join(inputs)}" if inputs else "it has none"
                faults.append((f"systems.{name}.inputs", f"{unknown[0]!r} is no input of this study{hint}; {existing}. "
                               "Declare it in `features`"))  # fmt: skip
                continue
            own = () if system.is_ensemble else in_order(system.inputs or inputs, inputs)
            others = tuple(one.model_copy(update={"inputs": in_order(one.inputs, inputs)}) for one in system.candidates)
            systems[name] = system.model_copy(update={"inputs": own, "candidates": others})
        if not faults:
            for field, value in (("features", inputs), ("systems", systems)):
                object.__setattr__(self, field, value)  # the model is frozen for all others
        return faults

    def _augmented(self) -> Iterator[tuple[str, str]]:
        section, own = self.augmentation, [n for n, one in self.features.items() if one.modality == "audio"]
        for name in section.inputs if section else ():
            if name not in own:
                yield "augmentation.inputs", f"{name!r} is no input of modality audio{near(name, own)}"
        for name, one in ((name, one) for name, system in self.systems.items() for one in system.variants()):
            if section is None and not one.is_ensemble and one.training_parameters(self.training).augmented:
                yield (f"systems.{name}.training.augmented", "nothing is augmented; state `augmentation`, for example "
                       "{variants: 2, noise: {snr: [5, 20]}}")  # fmt: skip

    def _frames(self) -> Iterator[tuple[str, str]]:
        kept = {name for name, one in self.features.items() if getattr(one, "keep", "vector") == "frames"}
        for name, one in ((name, one) for name, system in self.systems.items() for one in system.variants()):
            if own := sorted(kept & set(one.inputs)):
                training = one.training_parameters(self.training)
                if not one.is_network or training.normalisation != "training":
                    yield (f"systems.{name}.inputs", f"{own[0]!r} keeps frames, which networks read with "
                           "`normalisation: training` only; use `keep: vector` for this system")  # fmt: skip

    def _trained_encoders(self) -> Iterator[tuple[str, str]]:
        for name, system in self.systems.items():
            if own := [one for one in system.inputs if self.features[one].is_trained]:
                training = system.training_parameters(self.training)
                if not system.is_network or training.normalisation != "training":
                    yield (f"systems.{name}.inputs", f"the encoder of {own[0]!r} is trained, which networks do with "
                           "`normalisation: training` only; declare another input with the same `model` and "
                           "`train: none` for this system")  # fmt: skip
                if training.adaptation not in adaptation.OF_PREDICTIONS:
                    allowed = " or ".join(adaptation.OF_PREDICTIONS)
                    yield (f"systems.{name}.training.adaptation", f"{training.adaptation!r} reads vectors, and those "
                           f"of {own[0]!r} change in training; use {allowed}")  # fmt: skip
            if system.candidates and (own := [one for one in system.all_inputs if self.features[one].is_trained]):
                yield (f"systems.{name}.candidates", f"candidates are compared on folds, which takes too long with "
                       f"{own[0]!r}, whose encoder is trained; name several systems instead")  # fmt: skip
            read = [one for member in system.members for one in self.systems[member].inputs]
            if system.members_per == "family" and (own := [one for one in read if self.features[one].is_trained]):
                yield (f"systems.{name}.members_per", f"`family` would train the encoder of {own[0]!r} once for each "
                       "family; use `system`")  # fmt: skip
            if shared := [one for one in read if self.features[one].is_trained and read.count(one) > 1]:
                yield (f"systems.{name}.members", f"several train the encoder of {shared[0]!r}; give each member an "
                       "input of its own with the same `model`")  # fmt: skip

    def _recogniser(self) -> Iterator[tuple[str, str]]:
        recognised = [name for name, one in self.features.items() if getattr(one, "transcript", "") == "recognised"]
        if recognised and self.transcripts.recogniser == "none":
            yield (f"features.{recognised[0]}.transcript", "`recognised` needs a recogniser; name one in "
                   "`transcripts.recogniser`")  # fmt: skip

    def _members(self) -> Iterator[tuple[str, str]]:
        trained = [name for name, system in self.systems.items() if not system.is_ensemble]
        for name, system in self.systems.items():
            if strange := [member for member in system.members if member not in trained]:
                kind = "an ensemble itself" if strange[0] in self.systems else "no system of this study"
                yield (f"systems.{name}.members", f"{strange[0]!r} is {kind}{near(strange[0], trained)}; members may "
                       f"be {', '.join(trained) or 'none'}")  # fmt: skip

    @model_validator(mode="after")
    def _ablations_are_studies(self) -> "Params":
        faults = []
        for name in self.ablations.rows:
            try:
                study_of(self, name)
            except Faults as error:
                faults += error.faults
        if faults:
            raise Faults(faults)
        return self

    def inputs_of(self, system: str | System) -> tuple[str, ...]:
        """Return the names of a system's inputs, by modality (audio, video, text); of an ensemble those of all members.

        Args:
            system: a system of this study, or its name.
        """
        one = self.systems[system] if isinstance(system, str) else system
        parts = [self.systems[member].all_inputs for member in one.members] if one.is_ensemble else [one.all_inputs]
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
