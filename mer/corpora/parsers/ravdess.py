"""RAVDESS, the speech recordings: `Actor_01/03-01-06-01-02-01-01.wav`.

Seven two-digit codes: modality, vocal channel, emotion, intensity, statement, repetition, actor. Videos of the same
takes have modality 01, or 02 without audio: `01-01-06-01-02-01-01.mp4`, in any folder.
Traps: song recordings have the same folders and names, except for the second code; some copies hold every folder
twice; actors with odd numbers are men, those with even numbers women.
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
"""The codes of the vocal channel."""


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names, and find the videos."""
    video_paths: dict[str, str] = {}
    yield from find_videos(raw, folder, SPEECH, video_paths)
    for clip in clips(raw, folder):
        if isinstance(clip, Problem):
            yield with_label(clip, _utterance)
        else:
            yield with_video(_utterance(*clip[:2]), video_paths)


def find_videos(raw: Path, folder: Path, channel: str, video_paths: dict[str, str]) -> Iterator[Problem]:
    """Yield problems with videos, and fill `video_paths` (name without modality -> path).

    If a take has a video with audio and one without, the one with audio is used.
    """
    takes: dict[str, list[Path]] = {}
    for video in videos(raw, folder, lambda stem: stem if NAME.fullmatch(stem) else None):
        if isinstance(video, Problem):
            yield video
        elif NAME.fullmatch(video[0])["channel"] == channel:
            takes.setdefault(video[0][3:], []).append(video[1])
    video_paths.update({take: relative(min(paths, key=lambda p: p.stem), raw) for take, paths in takes.items()})


def with_video(item: Utterance | Problem, video_paths: dict[str, str]) -> Utterance | Problem:
    """Return an utterance with the path of its video, if there is one."""
    return replace(item, video=video_paths.get(item.name[3:])) if isinstance(item, Utterance) else item


def _utterance(stem: str, path: str) -> Utterance | Problem:
    codes = NAME.fullmatch(stem)
    if codes is not None and codes["channel"] == SONG:
        return Problem(path, "song: another corpus of the family, not read", utterance_lost=False)
    return utterance(stem, path, EMOTIONS)


def utterance(stem: str, path: str, emotions: dict[str, str]) -> Utterance | Problem:
    """Return the utterance of a file name. Speech and song have different emotions."""
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
