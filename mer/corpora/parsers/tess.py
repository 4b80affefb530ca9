"""TESS (Toronto): `OAF_angry/OAF_back_angry.wav` is speaker, word, emotion.

Two actresses, one older and one younger, say “Say the word …” 200 times in each of seven emotions. Traps: one copy
holds every folder twice; its folder names spell the emotions in several ways, so the file name is used; a few file
names begin with OA instead of OAF; OAF_food_fear has another sampling rate.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.catalogue.acted import TESS
from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance
from mer.corpora.reading.files import in_path_order, relative
from mer.corpora.reading.media import recordings

EMOTIONS = TESS.emotions
AGES = {"OAF": 64, "YAF": 26}
"""Maps a speaker to her age in years."""
NAME = re.compile(r"(?P<speaker>[OY]A)F?_(?P<word>[A-Za-z_]+)_(?P<emotion>[A-Za-z]+)")


def _key(path: Path) -> tuple[str, str, str] | str:
    """Return speaker, word and emotion of a path, or the problem with it."""
    codes = NAME.fullmatch(path.stem)
    if codes is None:
        return "expected a name such as OAF_back_angry with speakers OAF and YAF"
    if codes["emotion"] not in EMOTIONS:
        return f"unknown label {codes['emotion']}"
    return f"{codes['speaker']}F", codes["word"], codes["emotion"]


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names."""
    for recording in recordings(raw, folder, AUDIO_SUFFIXES, _key):
        if isinstance(recording, Problem):
            yield recording
            continue
        (speaker, word, emotion), path, _ = recording
        yield Utterance(
            name=f"{speaker}_{word}_{emotion}",
            path=relative(path, raw),
            speaker=speaker,
            emotion_raw=emotion,
            gender="female",
            age=AGES[speaker],
            language="en",
            transcription=f"Say the word {word}",
            text_source="script",
            sentence_id=word,
        )
