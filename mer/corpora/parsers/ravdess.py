"""RAVDESS, the speech recordings: `Actor_01/03-01-06-01-02-01-01.wav`.

Seven two-digit codes: modality, vocal channel, emotion, intensity, statement, repetition, actor. The videos are the
same takes under the modality 01, or 02 without sound: `01-01-06-01-02-01-01.mp4`, anywhere below the folder.
Traps: song recordings have the same folders and names, apart from the second code; copies are passed
around that hold every folder twice; odd actors are men and even actors women.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mer.corpora.catalogue.acted import RAVDESS
from mer.corpora.corpus import Problem, Utterance
from mer.corpora.reading.files import clips, in_path_order, relative, with_label
from mer.corpora.reading.media import videos

EMOTIONS = RAVDESS.emotions
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
INTENSITIES = {"01": "normal", "02": "strong"}
NAME = re.compile(
    r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>[0-9]{2})-(?P<intensity>0[12])"
    r"-(?P<statement>0[12])-0[12]-(?P<actor>[0-9]{2})"
)


SPEECH, SONG = "01", "02"


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names, and find the videos."""
    seen: dict[str, str] = {}
    yield from find_videos(raw, folder, SPEECH, seen)
    for clip in clips(raw, folder):
        yield with_label(clip, _utterance) if isinstance(clip, Problem) else with_video(_utterance(*clip[:2]), seen)


def find_videos(raw: Path, folder: Path, channel: str, seen: dict[str, str]) -> Iterator[Problem]:
    """Fill `seen` (name without modality -> path); of a take with sound and without, the first counts."""
    takes: dict[str, list[Path]] = {}
    for found in videos(raw, folder, lambda stem: stem if NAME.fullmatch(stem) else None):
        if isinstance(found, Problem):
            yield found
        elif NAME.fullmatch(found[0])["channel"] == channel:
            takes.setdefault(found[0][3:], []).append(found[1])
    seen.update({take: relative(min(paths, key=lambda p: p.stem), raw) for take, paths in takes.items()})


def with_video(found: Utterance | Problem, seen: dict[str, str]) -> Utterance | Problem:
    """Return an utterance with its video, where there is one."""
    return replace(found, video=seen.get(found.name[3:])) if isinstance(found, Utterance) else found


def _utterance(stem: str, path: str) -> Utterance | Problem:
    codes = NAME.fullmatch(stem)
    if codes is not None and codes["channel"] == SONG:
        return Problem(path, "song: another corpus of the family, not read", utterance_lost=False)
    return utterance(stem, path, EMOTIONS)


def utterance(stem: str, path: str, emotions: dict[str, str]) -> Utterance | Problem:
    """Read one name; speech and song differ in the emotions they have."""
    codes = NAME.fullmatch(stem)
    if codes is None or not 1 <= int(codes["actor"]) <= 24:
        return Problem(path, "expected a name such as 03-01-06-01-02-01-12 with actors 01 to 24")
    if codes["modality"] != "03":
        return Problem(
            path, f"modality {codes['modality']}: only audio-only recordings (03) are read", utterance_lost=False
        )
    if codes["emotion"] not in emotions:
        return Problem(path, f"unknown label {codes['emotion']}")
    return Utterance(
        name=stem,
        path=path,
        speaker=codes["actor"],
        emotion_raw=codes["emotion"],
        gender="male" if int(codes["actor"]) % 2 else "female",
        language="en",
        emotion_intensity=INTENSITIES[codes["intensity"]],
        transcription=STATEMENTS[codes["statement"]],
        text_source="script",
        sentence_id=codes["statement"],
    )
