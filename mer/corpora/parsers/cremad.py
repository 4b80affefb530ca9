"""CREMA-D: `AudioWAV/1001_DFA_ANG_XX.wav`, that is actor, sentence, intended emotion and level.

What listeners heard is in `processedResults/tabulatedVotes.csv`: rows whose id starts with 1 are votes on
the voice alone. Age and sex are in `VideoDemographics.csv`. Both lists may be absent. The videos
lie under the same names in `VideoFlash/*.flv`, or wherever they were converted to.
Traps: a zip from GitHub holds Git-LFS pointers instead of audio; one clip is silent; in fewer than half of
the clips do listeners hear by voice what the actor intended.
"""

import re
from collections.abc import Iterator
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
"""clips whose video is a minute of all emotions"""

NAME = re.compile(r"(?P<actor>[0-9]{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>LO|MD|HI|XX)")


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names, the votes on the voice and who the actors are."""
    actors: dict[str, dict[str, str]] = {}
    votes: dict[str, dict[str, int]] = {}
    for path in walk(folder):
        if path.name == "VideoDemographics.csv":
            for found in table(raw, path, ("ActorID", "Age", "Sex")):
                if isinstance(found, Problem):
                    yield found
                else:
                    actors.setdefault(found[1]["ActorID"], found[1])
        elif path.name == "tabulatedVotes.csv":
            for found in table(raw, path, ("", *VOTES, "fileName")):
                if isinstance(found, Problem):
                    yield found
                elif found[1][""].startswith("1"):
                    counts = {letter: as_integer(found[1][letter]) or 0 for letter in VOTES}
                    votes.setdefault(found[1]["fileName"], counts)
    seen: dict[str, Path] = {}
    for found in videos(raw, folder, _has_video):
        if isinstance(found, Problem):
            yield found
        else:
            seen.setdefault(*found)
    for clip in clips(raw, folder):
        if isinstance(clip, Problem):
            yield clip
        else:
            yield _utterance(*clip[:2], actors, votes, relative(seen[clip[0]], raw) if clip[0] in seen else None)


def _has_video(stem: str) -> str | None:
    return stem if NAME.fullmatch(stem) and stem not in VIDEO_DEFECTS else None


def majority(counts: dict[str, int]) -> tuple[str | None, float | None]:
    """Return the letter most listeners chose and their share; nothing where two letters are level.

    >>> majority({"A": 6, "D": 2, "N": 2})
    ('A', 0.6)
    >>> majority({"A": 1, "D": 1, "N": 0}), majority({})
    ((None, None), (None, None))
    """
    most = max(counts.values(), default=0)
    chosen = [letter for letter, count in counts.items() if count == most]
    return (chosen[0], most / sum(counts.values())) if len(chosen) == 1 else (None, None)


def _utterance(stem: str, path: str, actors: dict, votes: dict, video: str | None) -> Utterance | Problem:
    codes = NAME.fullmatch(stem)
    if codes is None:
        return Problem(path, "expected a name such as 1001_DFA_ANG_XX with level LO, MD, HI or XX")
    if codes["emotion"] not in CODES:
        return Problem(path, f"unknown label {codes['emotion']}")
    if stem in DEFECTS:
        return Problem(path, DEFECTS[stem])
    actor = actors.get(codes["actor"], {})
    counts = votes.get(stem, {})
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
        video=video,
    )
