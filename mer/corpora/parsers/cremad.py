"""CREMA-D: `AudioWAV/1001_DFA_ANG_XX.wav` is actor, sentence, intended emotion and level.

The votes of listeners are in `processedResults/tabulatedVotes.csv`; rows whose id starts with 1 are votes on the voice
alone. Age and sex are in `VideoDemographics.csv`. Both lists may be absent. The videos have the same names, in
`VideoFlash/*.flv` or in another folder after conversion.
Traps: a zip from GitHub holds Git-LFS pointers instead of audio; one recording is silent; for fewer than half of the
recordings do listeners choose the intended emotion by voice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mer.corpora.catalogue.acted import CREMAD
from mer.corpora.corpus import Problem, Utterance
from mer.corpora.reading.files import as_integer, clips, in_path_order, relative, table, walk
from mer.corpora.reading.media import videos

CODES = {label: emotion for label, emotion in CREMAD.emotions.items() if len(label) == 3}
"""Maps an intended emotion in file names to its standard name."""
VOTES = {label: emotion for label, emotion in CREMAD.emotions.items() if len(label) == 1}
"""Maps a letter of the votes to the standard emotion name."""
SENTENCES = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": None}
DEFECTS = {"1076_MTI_SAD_XX": "the recording is silent in the published corpus"}
VIDEO_DEFECTS = ("1064_IEO_DIS_MD",)
"""The recordings whose video shows a minute of all emotions."""

NAME = re.compile(r"(?P<actor>[0-9]{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>LO|MD|HI|XX)")


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names, the votes on the voice, and age and sex of the actors."""
    lists = _Lists()
    yield from _read_lists(raw, folder, lists)
    for clip in clips(raw, folder):
        yield clip if isinstance(clip, Problem) else _utterance(*clip[:2], lists)


@dataclass
class _Lists:
    """The content of the lists, and the videos."""

    actors: dict[str, dict[str, str]] = field(default_factory=dict)
    """Maps an actor to the row of `VideoDemographics.csv`."""
    votes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Maps a recording to the number of votes per letter."""
    videos: dict[str, str] = field(default_factory=dict)
    """Maps a recording to the path of its video below the raw folder."""


def _read_lists(raw: Path, folder: Path, lists: _Lists) -> Iterator[Problem]:
    for path in walk(folder):
        if path.name == "VideoDemographics.csv":
            for row in table(raw, path, ("ActorID", "Age", "Sex")):
                if isinstance(row, Problem):
                    yield row
                else:
                    lists.actors.setdefault(row[1]["ActorID"], row[1])
        elif path.name == "tabulatedVotes.csv":
            for row in table(raw, path, ("", *VOTES, "fileName")):
                if isinstance(row, Problem):
                    yield row
                elif row[1][""].startswith("1"):
                    counts = {letter: as_integer(row[1][letter]) or 0 for letter in VOTES}
                    lists.votes.setdefault(row[1]["fileName"], counts)
    for video in videos(raw, folder, _has_video):
        if isinstance(video, Problem):
            yield video
        else:
            lists.videos.setdefault(video[0], relative(video[1], raw))


def _has_video(stem: str) -> str | None:
    return stem if NAME.fullmatch(stem) and stem not in VIDEO_DEFECTS else None


def majority(counts: dict[str, int]) -> tuple[str | None, float | None]:
    """Return the letter with the most votes and its share; None if two letters have equally many votes.

    >>> majority({"A": 6, "D": 2, "N": 2})
    ('A', 0.6)
    >>> majority({"A": 1, "D": 1, "N": 0}), majority({})
    ((None, None), (None, None))
    """
    max_count = max(counts.values(), default=0)
    letters = [letter for letter, count in counts.items() if count == max_count]
    return (letters[0], max_count / sum(counts.values())) if len(letters) == 1 else (None, None)


def _utterance(stem: str, path: str, lists: _Lists) -> Utterance | Problem:
    codes = NAME.fullmatch(stem)
    if codes is None:
        return Problem(path, "expected a name such as 1001_DFA_ANG_XX with level LO, MD, HI or XX")
    if codes["emotion"] not in CODES:
        return Problem(path, f"unknown label {codes['emotion']}")
    if stem in DEFECTS:
        return Problem(path, DEFECTS[stem])
    actor = lists.actors.get(codes["actor"], {})
    counts = lists.votes.get(stem, {})
    perceived, agreement = majority(counts)
    text = SENTENCES.get(codes["sentence"])
    return Utterance(
        name=stem,
        path=path,
        speaker=codes["actor"],
        emotion_raw=codes["emotion"],
        gender={"male": "male", "female": "female"}.get(actor.get("Sex", "").lower()),
        age=as_integer(actor.get("Age")),
        language="en",
        emotion_intensity=LEVELS[codes["level"]],
        emotion_perceived=perceived,
        emotion_agreement=agreement,
        emotion_vector={letter: count / sum(counts.values()) for letter, count in counts.items() if count} or None,
        transcription=text,
        text_source="script" if text else "none",
        sentence_id=codes["sentence"],
        video=lists.videos.get(stem),
    )
