"""MEAD: `M040/audio/neutral/level_1/034.m4a` is actor, emotion, intensity and number.

The initial of the actor is M for men and W for women. Of the videos only the frontal view is read, and its audio only
if there is no audio file. Traps: numbers were assigned again after clips were lost, so a number does not identify the
sentence; most sentences belong to one emotion, so the text reveals the label; single clips and levels are missing;
extracting an actor's archive may add a folder.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.catalogue.acted import MEAD
from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance
from mer.corpora.reading.files import in_path_order, relative
from mer.corpora.reading.media import COMPRESSED_SUFFIXES, recordings

EMOTIONS = MEAD.emotions
GENDERS = {"M": "male", "W": "female"}
SUFFIXES = (*AUDIO_SUFFIXES, *COMPRESSED_SUFFIXES, ".mp4")
OTHER_VIEWS = {"down", "top", "left_30", "left_60", "right_30", "right_60"}
ACTOR = re.compile(r"[MW][0-9]{3}")
LOCATION = re.compile(r"(?P<emotion>[^/]+)/level_(?P<level>[123])/(?P<number>[0-9]{3})")


def _key(path: Path) -> tuple[str, str, str, str] | str | None:
    """Return actor, emotion, level and number of a path, the problem with it, or None for other views."""
    if OTHER_VIEWS & set(path.parts[:-1]):
        return None
    location = LOCATION.fullmatch("/".join((*path.parts[-3:-1], path.stem)))
    actor = next((part for part in reversed(path.parts[:-1]) if ACTOR.fullmatch(part)), None)
    if location is None or actor is None:
        return "expected a path such as M040/audio/neutral/level_1/034.m4a"
    if location["emotion"] not in EMOTIONS:
        return f"unknown label {location['emotion']}"
    return actor, location["emotion"], location["level"], location["number"]


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the names of folders and files."""
    for recording in recordings(raw, folder, SUFFIXES, _key):
        if isinstance(recording, Problem):
            yield recording
            continue
        (actor, emotion, level, number), path, video = recording
        yield Utterance(
            name=f"{actor}_{emotion}_{level}_{number}",
            path=relative(path, raw),
            speaker=actor,
            emotion_raw=emotion,
            gender=GENDERS[actor[0]],
            language="en",
            emotion_intensity=f"level_{level}",
            video=relative(video, raw) if video else None,
        )
