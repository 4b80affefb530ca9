"""What a study reads and how it is labelled and split: the sections `data`, `corpora`, `labels` and `splits`."""

import re
from pathlib import PureWindowsPath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from mer.params.messages import near
from mer.params.section import LexicalControl, Name, Section
from mer.params.spelling import with_text_keys

Column = Literal["path", "video", "speaker", "emotion", "text", "split", "session", "sentence", "dialogue", "turn",
                 "gender", "age", "language", "start", "end"]  # fmt: skip


class Synthetic(Section):
    """Raw folders of synthetic speech in the layouts of real corpora (mer/corpora/synthetic/trees.py)."""

    seed: int = 0
    speakers: int = Field(6, ge=2, le=24)
    """The number of speakers per corpus."""
    clips: int = Field(5, ge=1)
    """The number of utterances per speaker and emotion."""
    shift: float = Field(1.0, ge=0, le=4)
    """How much speakers and corpora differ; with 0 they are all alike."""
    video: bool = False
    """Whether two of the corpora have videos of a drawn face, too."""


class Data(Section):
    raw: str = "data/raw"
    """The folder that holds one folder per corpus."""
    store: str = "data/store"
    """The folder of the feature stores, which are addressed by content and shared by all studies."""
    synthetic: Synthetic | None = None
    """Synthetic corpora that step 01 writes into `raw` before it reads it."""
    min_seconds: float = Field(0.1, gt=0)
    """The shortest recording, in seconds; a shorter one is padded and flagged."""
    max_seconds: float = Field(30.0, gt=0)
    """The longest recording, in seconds; a longer one is cropped and flagged."""
    audio_failure: Literal["drop", "silence"] = "drop"
    """Whether an utterance with an unreadable recording is left out or kept as a second of silence; it is listed in
    both cases."""
    max_lost: float = Field(0.1, ge=0, le=1)
    """The share of a corpus's utterances that may be lost (no file, unreadable, unknown label, …) before the study
    stops. The study also stops if all utterances of a class are lost. With 1 it never stops."""
    problems: Literal["report", "stop"] = "report"
    """Whether step 01 reports what is no utterance in a corpus folder, or stops."""
    max_clips: int | None = Field(None, ge=1)
    """The largest number of utterances of a corpus, for a quick look; None for all. They are drawn evenly over classes
    and speakers, and their scores are flagged as `capped`."""
    max_speakers: int | None = Field(None, ge=1)
    """The largest number of speakers of a corpus, drawn evenly over genders; None for all. Scores are flagged, too."""

    @model_validator(mode="after")
    def _shorter_than_longer(self) -> "Data":
        if self.min_seconds >= self.max_seconds:
            raise ValueError("min_seconds must be below max_seconds")
        return self


class Corpus(Section):
    """One corpus of a study. Corpora of the catalogue take no options; a user-defined corpus has a `table`."""

    table: str | None = Field(None, min_length=1)
    """A file below `data.raw`: CSV or TSV with a header, an Excel file (.xlsx, its first sheet), JSON lines, Parquet,
    or the `db.yaml` of an audformat database. Or a folder: an AudioFolder, with `metadata.csv`, or with a folder per
    label and `speaker_pattern`."""
    audio: str | None = None
    """The folder below `data.raw` that paths in the table are relative to; by default that of the table."""
    columns: dict[Column, str] = Field({})
    """MER's name of a column -> the table's name, if it is not recognised. With `split` the parts are those of the
    table; with `session` sessions stay in one part."""
    speaker_pattern: str | None = None
    """A regular expression with one group, which matches the speaker in the path if no column names the speaker."""
    speakers: dict[str, tuple[str, ...]] = Field({})
    """Name in the table -> the speaker, or a list of speakers who speak together, if the audit reports a name: `{Ann:
    ann}` is one speaker, `{Ann: Ann, ann: ann}` two, `{ann;bob: [ann, bob]}` two together. Numbers need quotes:
    `"01"`."""
    labels: dict[str, str] = Field({})
    """Native label -> standard emotion name; words such as `angry` or `joy` need no entry. `other` is no class."""
    title: str | None = None
    language: str | None = None
    family: Name | None = None
    """The family, whose corpora are held out together; by default the corpus alone."""
    lexical_control: LexicalControl = "free"
    """Whether speakers chose their words, sentences are the same for every emotion, or sentences reveal the emotion."""
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

    @field_validator("labels", mode="before")
    @classmethod
    def _numbers_are_labels(cls, value: object) -> object:
        return with_text_keys(value)

    @field_validator("speakers", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        """Return lists of speakers; `{Ann: ann}` is short for a list of one."""
        if not isinstance(value, dict):
            return value
        return {
            name: (speaker,) if isinstance(speaker, str) else speaker for name, speaker in with_text_keys(value).items()
        }

    @field_validator("speakers")
    @classmethod
    def _named(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if empty := [name for name, speakers in value.items() if not speakers or not all(map(str.strip, speakers))]:
            raise ValueError(f"{empty[0]!r} names no speaker; give one name or a list of names")
        return value

    @model_validator(mode="after")
    def _of_a_table(self) -> "Corpus":
        declared = [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]
        if self.table is None and declared:
            raise ValueError(f"{declared[0]} is for a user-defined corpus: name its `table`, too")
        return self


OWN = "own"
"""The name of a policy that a study states itself."""
OVERRIDE_WORDS = ("drop", "perceived")
"""Words that an override has instead of a class, so that no class can have such a name."""
MAX_CLASS_LENGTH = 100
"""The largest number of characters of a class's name."""


class Labels(Section):
    """The policy of a study: one with a name, or its own `classes` with `map` and `drop`."""

    policy: Literal["paper7", "fork7", "primary4", "iemocap6", "own"] = "paper7"
    """The policy (mer/dataset/manifest/labels.py). It is `own` if the study states `classes`, and need not be named."""
    classes: tuple[str, ...] = ()
    """The classes of an own policy, two or more, in the order in which models and tables have them. Any names are
    possible. A class that is called like a standard emotion name (`anger`, `calm`, …) has the labels of that name."""
    map: dict[str, str] = Field({})
    """Standard emotion name -> class of an own policy. Each name that a corpus of the study has needs a class, or is in
    `drop`. Names that no policy of MER maps to a class, such as `boredom`, are dropped unless they are mapped here."""
    drop: tuple[str, ...] = ()
    """Standard emotion names that an own policy maps to no class."""
    overrides: dict[str, dict[str, str]] = Field({})
    """Corpus -> {label: class, `drop` or `perceived`}, which take precedence over the policy. A label is native (`02`),
    a standard emotion name (`calm`), `all`, or a label with the emotion that most raters perceived (`xxx/hap`).
    `perceived` takes the class from the raters."""

    @model_validator(mode="before")
    @classmethod
    def _own_if_stated(cls, value: object) -> object:
        """Return the section with `policy: own` if it states classes and names no policy."""
        if isinstance(value, dict) and value.get("classes") and "policy" not in value:
            return {**value, "policy": OWN}
        return value

    @field_validator("classes")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name != name.strip() or not name or not name.isprintable() or len(name) > MAX_CLASS_LENGTH:
                raise ValueError(f"{name!r} is no name: it needs 1 to {MAX_CLASS_LENGTH} printable characters, without "
                                 "spaces at its ends")  # fmt: skip
            if name in OVERRIDE_WORDS or "+" in name:
                raise ValueError(f"{name!r} cannot be a class: + joins the classes of one utterance, and "
                                 f"{' and '.join(OVERRIDE_WORDS)} have a meaning of their own")  # fmt: skip
        folded = [name.casefold() for name in value]
        if twice := [name for name, same in zip(value, folded, strict=True) if folded.count(same) > 1]:
            raise ValueError(f"{' and '.join(map(repr, twice[:2]))} are one class; name it once")
        return value

    @model_validator(mode="after")
    def _own_is_complete(self) -> "Labels":
        if self.policy != OWN:
            if stated := [name for name in ("classes", "map", "drop") if getattr(self, name)]:
                raise ValueError(f"`{stated[0]}` is for an own policy: leave out `policy: {self.policy}` and state "
                                 "`classes`, or use `overrides`")  # fmt: skip
            return self
        if len(self.classes) < 2:
            raise ValueError("an own policy needs two or more `classes`")
        for name, target in self.map.items():
            if target not in self.classes:
                words = ", ".join(self.classes)
                raise ValueError(f"map.{name}: {target!r} is not one of {words}{near(target, self.classes)}")
            if name in self.classes and target != name:
                raise ValueError(f"map.{name}: {name!r} is a class itself; it cannot be mapped to {target!r}")
        if both := [name for name in self.drop if name in self.map or name in self.classes]:
            raise ValueError(f"drop: {both[0]!r} has a class, too; keep one of the two rules")
        return self

    @field_validator("overrides", mode="before")
    @classmethod
    def _numbers_are_labels(cls, value: object) -> object:
        return {corpus: with_text_keys(entry) for corpus, entry in value.items()} if isinstance(value, dict) else value


class Splits(Section):
    seed: int = 1337
    validation: float = Field(0.1, gt=0, lt=1)
    """The share of the speakers, at least one speaker."""
    test: float = Field(0.1, gt=0, lt=1)
    folds: int = Field(5, ge=3)
    """The number of folds of speakers within a corpus; with up to 10 speakers, every speaker is a fold."""
    text_disjoint: bool = False
    """Whether no sentence of read speech is in the test part and in another part of a corpus. Training and validation
    may share sentences."""

    @model_validator(mode="after")
    def _has_training_speakers(self) -> "Splits":
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together leave no training speakers")
        return self
