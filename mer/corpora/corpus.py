"""The description of a corpus, and the utterances and problems that its parser yields."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mer.corpora.file_name_pattern import FileNamePattern
from mer.params.schema import Corpus as TableParameters

AUDIO_SUFFIXES = (".wav", ".flac")
"""The suffixes of recordings that a parser reads unless it names others."""
SYNTHETIC = " (synthetic)"
"""The ending of the names of synthetic corpora. No table, figure or model can confuse them with the real ones."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the files of a corpus say about one utterance. Labels are not mapped and rows are not excluded here.

    `path` is relative to the raw folder, with forward slashes. `emotion_raw` is the native label in the spelling of the
    corpus. `None` means that the corpus does not say.
    """

    name: str
    """An id that is unique within the corpus and independent of the folder in which the corpus lies."""
    path: str
    speaker: str
    """The speaker. The names of people who speak at once are joined by `names.JOINT_SPEAKERS`."""
    emotion_raw: str
    gender: str | None = None
    """One of female, male, child."""
    age: int | None = None
    """The age in years."""
    language: str | None = None
    """The language, as in ISO 639-1."""
    emotion_intensity: str | None = None
    emotion_perceived: str | None = None
    """The native label that most raters chose, even by one vote. It is None if two labels have equally many votes."""
    emotion_agreement: float | None = None
    """The share of raters who chose `emotion_perceived`, 0 to 1."""
    emotion_vector: dict[str, float] | None = None
    """Maps a native label to its share of the raters' votes, 0 to 1, or to its intensity if the corpus is
    `multi_label`."""
    transcription: str | None = None
    text_source: str = "none"
    """The origin of the transcript: human, script, script_index_unverified, asr or none."""
    sentence_id: str | None = None
    session: str | None = None
    dialogue_id: str | None = None
    episode: str | None = None
    """The episode of a series, named alike in all corpora of the family (`names.episode`)."""
    turn_index: int | None = None
    split_official: str | None = None
    """The published part: train, validation or test."""
    start: float | None = None
    """The start of the utterance within its file, in seconds; None if it starts with the file."""
    end: float | None = None
    """The end of the utterance within its file, in seconds; None if it ends with the file."""
    has_recording: bool = True
    """Whether there is a recording. If there is only text, `path` is the list that holds it."""
    speaker_named: bool = False
    """Whether the study's `speakers` identifies the speaker."""
    video: str | None = None
    """The video file of the utterance, relative to the raw folder, if `path` itself is not the video."""
    video_start: float | None = None
    """The start of the utterance within `video`, in seconds, if it is not `start`."""
    video_end: float | None = None
    """The end of the utterance within `video`, in seconds, if it is not `end`."""
    video_half: str | None = None
    """The half of the frames that shows the speaker, `left` or `right`; None for whole frames."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a corpus folder that is not a usable utterance, and the reason."""

    path: str
    reason: str
    line: int | None = None
    label: str | None = None
    """The native label of the utterance that is lost, if it is known."""
    utterance_lost: bool = True
    """Whether an utterance is lost. It is not if there is a second copy, or if it belongs to another corpus."""


@dataclass(frozen=True)
class Corpus:
    """The description of a corpus."""

    name: str
    """The id in parameters and tables."""
    title: str
    family: str
    """The family. Its corpora share recordings, speakers or source material and are held out together."""
    folders: tuple[str, ...]
    """The usual names of its folder below the raw folder. Case and punctuation do not matter."""
    emotions: dict[str, str]
    """Maps a native label to the standard emotion name (neutral, happiness, …, calm, boredom, excitement, …)."""
    parser: str | FileNamePattern | TableParameters
    """How its files are read (`mer.corpora.parsers.parse`): the name of a module of `mer/corpora/parsers`, a pattern
    of file names, or the parameters of a user-defined table."""
    language: str
    licence: str
    citation: str
    instructions: str
    """Where the corpus is published, and where to put its files."""
    expected_counts: dict[str, int] = field(default_factory=dict)
    """The number of utterances per native label in the complete corpus."""
    speakers: int | None = None
    """The number of speakers in the complete corpus."""
    lexical_control: str = "parallel"
    """free: speakers choose their words; parallel: the same sentences for every emotion; emotion_specific: sentences
    differ between emotions and reveal them."""
    elicitation: str = "acted"
    """acted (sentences spoken alone), dialogue (acted with a partner), tv, movie or natural."""
    official_splits: bool = False
    """Whether its published split is used, or the split that a user-defined table gives."""
    user_defined: bool = False
    """Whether a study declares the corpus as a table. Its split is then no published standard."""
    shares_speakers: bool = False
    """Whether its speakers also speak in other corpora of its family, under the same names."""
    absent_speakers: dict[str, str] = field(default_factory=dict)
    """Maps speakers of its family that do not speak in this corpus, even if it is complete, to their gender."""
    cluster: str | tuple[str, ...] = "speaker_id"
    """The manifest column over which intervals are computed; two if the same speakers take part in many dialogues."""
    split_by_session: bool = False
    """Whether splits keep sessions whole, and not only speakers, because two speakers share a room."""
    has_audio: bool = True
    """Whether the corpus has recordings. It is False for corpora of text."""
    multi_label: bool = False
    """Whether `emotion_vector` holds intensities of emotions that occur together."""
    fixed_folder: str | None = None
    """Its folder below the raw folder, if the folder is not searched for by the names in `folders`."""
    file_name_pattern: str | None = None
    """A regular expression for whole file names without suffix. At least one file of the folder must match it. It is
    needed if a corpus shares its folder with another corpus of its family."""

    @classmethod
    def from_pattern(cls, name: str, pattern: FileNamePattern, **description: Any) -> "Corpus":
        """Return a corpus that is read by its file names.

        Args:
            name: id of the corpus, and of its family.
            pattern: meaning of the file names.
            description: the other fields of `Corpus`.
        """
        emotions, language = pattern.emotions, pattern.language
        return cls(name=name, family=name, emotions=emotions, language=language, parser=pattern, **description)

    def find(self, raw: Path) -> Path | None:
        """Return this corpus's folder below `raw`, or None if there is none."""
        if self.fixed_folder is not None:
            return folder if (folder := raw / self.fixed_folder).is_dir() else None
        if not raw.is_dir():
            return None
        names = {plain(name) for name in self.folders}
        candidates = (path for path in sorted(raw.iterdir()) if path.is_dir() and plain(path.name) in names)
        return next((path for path in candidates if self._has_matching_file(path)), None)

    def _has_matching_file(self, folder: Path) -> bool:
        if self.file_name_pattern is None:
            return True
        pattern, visited = re.compile(self.file_name_pattern), set()
        for place, subfolders, names in os.walk(folder, followlinks=True):
            if (real := os.path.realpath(place)) in visited:  # a link that leads back
                subfolders.clear()
            elif any(pattern.fullmatch(Path(name).stem) for name in names):
                return True
            visited.add(real)
        return False


def plain(name: str) -> str:
    """Return a name without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
