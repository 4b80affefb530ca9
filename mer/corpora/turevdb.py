"""TurEV-DB (Turkish words): `Sound Source/Happy/1234_mt_cay.wav`, that is speaker, emotion, word.

Codes: kz angry, sk calm, mt happy, hl sad. Traps: the words are spelled without Turkish letters, so they are
transcriptions only roughly; the licence forbids passing on changed recordings.
"""

import re

from mer.corpora.base import Corpus, Problem, Utterance
from mer.corpora.files import each_clip

EMOTIONS = {"hl": "sadness", "kz": "anger", "mt": "happiness", "sk": "calm"}
NAME = re.compile(r"(?P<speaker>[0-9]{4})_(?P<emotion>[a-z]{2})_(?P<word>[^\W\d_]+)")


def _utterance(stem: str, path: str) -> Utterance | Problem:
    codes = NAME.fullmatch(stem)
    if codes is None:
        return Problem(path, "expected a name such as 1234_mt_cay")
    if codes["emotion"] not in EMOTIONS:
        return Problem(path, f"unknown label {codes['emotion']}")
    return Utterance(
        name=stem,
        path=path,
        speaker=codes["speaker"],
        emotion_raw=codes["emotion"],
        language="tr",
        transcription=codes["word"],
        text_source="script",
        sentence_id=codes["word"],
    )


CORPUS = Corpus(
    name="turevdb",
    title="TurEV-DB, Turkish Emotion Voice Database",
    family="turevdb",
    folders=("TurEV-DB", "TurEV-DB-master"),
    emotions=EMOTIONS,
    parse=each_clip(_utterance),
    language="tr",
    licence="CC BY-NC-ND 4.0",
    citation="Canpolat, Ormanoğlu and Zeyrek (2020). Turkish Emotion Voice Database. SLTU-CCURL, 368–375.",
    obtain=(
        "https://github.com/Xeonen/TurEV-DB, no login; put it at data/raw/TurEV-DB/Sound Source/Angry/… "
        "beside Calm, Happy and Sad"
    ),
)
