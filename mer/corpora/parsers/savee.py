"""SAVEE (Surrey): `AudioData/DC/a01.wav` or, in another copy, `ALL/DC_a01.wav` is speaker, emotion, number.

The speakers are four men. Traps: in the first layout the same file name occurs once per speaker; most sentences belong
to one emotion, so the text reveals the label; the sentences are on the web page and not with the recordings.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.catalogue.acted import SAVEE
from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance
from mer.corpora.reading.files import in_path_order, relative
from mer.corpora.reading.media import recordings

EMOTIONS = SAVEE.emotions
SPEAKERS = ("DC", "JE", "JK", "KL")
NAME = re.compile(rf"(?:(?P<speaker>{'|'.join(SPEAKERS)})_)?(?P<emotion>[a-z]{{1,2}})(?P<number>[0-9]{{2}})")


def _key(path: Path) -> tuple[str, str, str] | str:
    """Return speaker, emotion and number of a path, or the problem with it."""
    codes = NAME.fullmatch(path.stem)
    if codes is None:
        return "expected a name such as DC/a01 or DC_a01"
    if codes["emotion"] not in EMOTIONS:
        return f"unknown label {codes['emotion']}"
    above = next((part for part in reversed(path.parts[:-1]) if part in SPEAKERS), None)
    if codes["speaker"] and above and codes["speaker"] != above:
        return f"the folder says speaker {above}, the file name {codes['speaker']}"
    if not (speaker := codes["speaker"] or above):
        return f"neither the file name nor a folder above it says which speaker: {', '.join(SPEAKERS)}"
    return speaker, codes["emotion"], codes["number"]


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names and, if they lack the speaker, the names of the folders."""
    for recording in recordings(raw, folder, AUDIO_SUFFIXES, _key):
        if isinstance(recording, Problem):
            yield recording
            continue
        (speaker, emotion, number), path, _ = recording
        yield Utterance(
            name=f"{speaker}_{emotion}{number}",
            path=relative(path, raw),
            speaker=speaker,
            emotion_raw=emotion,
            gender="male",
            language="en",
            sentence_id=f"{emotion}{number}",
        )
