"""What a corpus module says about its corpus, and the rows its parser yields."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

AUDIO_SUFFIXES = (".wav", ".flac")
SYNTHETIC = " (synthetic)"
"""what the names of made-up corpora end in, so that no table, figure or model takes them for the real ones"""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a corpus's own files say about one utterance; nothing is mapped or judged here.

    `path` is relative to the raw folder, with forward slashes. `emotion_raw` is the native label as
    the corpus spells it. `None` means that the corpus does not say.
    """

    name: str
    """unique within the corpus and independent of the folder it lies in"""
    path: str
    speaker: str
    """people who speak at once are joined by `names.TOGETHER`"""
    emotion_raw: str
    gender: str | None = None
    """female, male, child"""
    age: int | None = None
    language: str | None = None
    """ISO 639-1"""
    emotion_intensity: str | None = None
    emotion_perceived: str | None = None
    """the native label that most raters chose, be it by one vote; None where two are level"""
    emotion_agreement: float | None = None
    """share of raters who chose `emotion_perceived`, 0..1"""
    emotion_vector: dict[str, float] | None = None
    """native label -> share of the raters' votes, 0..1; or the intensity, where a corpus is `multi_label`"""
    transcription: str | None = None
    text_source: str = "none"
    """human, script, script_index_unverified, asr, none"""
    sentence_id: str | None = None
    session: str | None = None
    dialogue_id: str | None = None
    turn_index: int | None = None
    split_official: str | None = None
    """train, validation, test"""
    start: float | None = None
    """seconds, where the utterance is a part of its file"""
    end: float | None = None
    recorded: bool = True
    """False where there are words only; `path` is then the list that has them"""
    speaker_named: bool = False
    """whether the study's `speakers` says who this is"""
    video: str | None = None
    """the pictures of the same seconds, where they are not in `path` itself; relative to the raw folder, too"""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a corpus folder that is not a usable utterance, and what it is."""

    path: str
    reason: str
    line: int | None = None
    label: str | None = None
    """the native label of the utterance that is lost with it, where that is known"""
    lost: bool = True
    """whether an utterance is lost: not where it is there a second time, or belongs to another corpus"""


@dataclass(frozen=True)
class Corpus:
    """A corpus: what it is, what to expect of it, and how its files are read."""

    name: str
    """the id in parameters and tables"""
    title: str
    family: str
    """corpora of one family share recordings, speakers or source material and are held out together"""
    folders: tuple[str, ...]
    """names under which people keep it below the raw folder; case and punctuation do not matter"""
    emotions: dict[str, str]
    """native label -> the field's noun (neutral, happiness, …, calm, boredom, excitement, …)"""
    parse: Callable[[Path, Path], Iterator[Utterance | Problem]]
    """(raw folder, corpus folder) -> what lies there, in a fixed order"""
    language: str
    licence: str
    citation: str
    obtain: str
    """where it comes from and where to put it"""
    expected: dict[str, int] = field(default_factory=dict)
    """clips per native label in the complete corpus"""
    speakers: int | None = None
    lexical_control: str = "parallel"
    """free: speakers choose their words; parallel: the same sentences for every emotion;
    emotion_specific: the sentence gives the emotion away"""
    elicitation: str = "acted"
    """acted (sentences said alone), dialogue (acted with a partner), tv, movie, natural"""
    official_splits: bool = False
    """whether its own parts are kept: those that it is published with, or those of one's own table (`own`)"""
    own: bool = False
    """whether a study declares it as a table; such parts are nobody's standard"""
    same_people: bool = False
    """whether its speakers speak in other corpora of its family, under the same names"""
    missing: dict[str, str] = field(default_factory=dict)
    """speaker -> gender of those of its family who do not speak in it, even where it is complete"""
    cluster: str | tuple[str, ...] = "speaker_id"
    """the manifest column over which intervals are computed; or two, where the same people speak in many dialogues"""
    by_session: bool = False
    """whether sessions stay whole in splits, and not only speakers: where two are in one room"""
    has_audio: bool = True
    """False where the corpus is words only"""
    multi_label: bool = False
    """whether `emotion_vector` holds intensities of emotions that occur together"""
    place: str | None = None
    """its folder below the raw folder, for a corpus that is not sought by the names in `folders`"""
    telltale: str | None = None
    """a regular expression for whole file names without suffix, one of which must lie in the folder: for a
    corpus that shares its folder with another one of its family"""

    def find(self, raw: Path) -> Path | None:
        """Return this corpus's folder below `raw`, or None where it is absent."""
        if self.place is not None:
            return folder if (folder := raw / self.place).is_dir() else None
        wanted = {_plain(name) for name in self.folders}
        if not raw.is_dir():
            return None
        named = (p for p in sorted(raw.iterdir()) if p.is_dir() and _plain(p.name) in wanted)
        return next((p for p in named if self._holds(p)), None)

    def _holds(self, folder: Path) -> bool:
        if self.telltale is None:
            return True
        wanted, seen = re.compile(self.telltale), set()
        for place, below, names in os.walk(folder, followlinks=True):
            if (real := os.path.realpath(place)) in seen:  # a link that leads back
                below.clear()
            elif any(wanted.fullmatch(Path(name).stem) for name in names):
                return True
            seen.add(real)
        return False


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
