"""TESS (Toronto): `OAF_angry/OAF_back_angry.wav`, that is speaker, word, emotion.

Two actresses, one older and one younger, say “Say the word …” 200 times in each of seven emotions. Traps: a
copy is passed around that holds every folder twice; its folder names spell the emotions in several ways, so
the file name counts; a few names there begin with OA for OAF; OAF_food_fear has another sampling rate.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.corpus import AUDIO_SUFFIXES, Corpus, Problem, Utterance
from mer.corpora.reading.files import in_path_order, relative
from mer.corpora.reading.media import recordings

EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}
AGES = {"OAF": 64, "YAF": 26}
NAME = re.compile(r"(?P<speaker>[OY]A)F?_(?P<word>[A-Za-z_]+)_(?P<emotion>[A-Za-z]+)")


def _key(path: Path) -> tuple[str, str, str] | str:
    codes = NAME.fullmatch(path.stem)
    if codes is None:
        return "expected a name such as OAF_back_angry with speakers OAF and YAF"
    if codes["emotion"] not in EMOTIONS:
        return f"unknown label {codes['emotion']}"
    return f"{codes['speaker']}F", codes["word"], codes["emotion"]


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names."""
    for found in recordings(raw, folder, AUDIO_SUFFIXES, _key):
        if isinstance(found, Problem):
            yield found
            continue
        (speaker, word, emotion), path, _ = found
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


CORPUS = Corpus(
    name="tess",
    title="TESS, Toronto Emotional Speech Set",
    family="tess",
    folders=("TESS", "TESS Toronto emotional speech set data", "toronto-emotional-speech-set-tess"),
    emotions=EMOTIONS,
    parse=parse,
    language="en",
    licence="CC BY-NC-ND 4.0",
    citation=(
        "Pichora-Fuller and Dupuis (2020). Toronto emotional speech set (TESS). Borealis, doi:10.5683/SP2/E8H2MF."
    ),
    obtain=(
        "https://doi.org/10.5683/SP2/E8H2MF, no login; extract so that the recordings lie at "
        "data/raw/TESS/OAF_angry/OAF_back_angry.wav (the folders in between do not matter)"
    ),
    expected=dict.fromkeys(EMOTIONS, 400),
    speakers=2,
)
