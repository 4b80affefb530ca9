"""Indian EmoSpeech Command Dataset: `<place>/help-safe-angry-1563001069438-<hash of the speaker>.wav`.

One spoken keyword per clip, recorded over the web: keyword, environment, emotion, time, speaker. Traps: the
folder is where a clip was recorded and says nothing of the emotion; labels were not validated, and the same
audio sometimes carries two labels; some clips have `??` for the time, or no keyword or speaker.
"""

import re

from mer.corpora.base import Corpus, Problem, Utterance
from mer.corpora.files import each_clip

EMOTIONS = {"angry": "anger", "calm": "calm", "fearful": "fear", "happy": "happiness"}
KEYWORDS = {"bacho": "hi", "go": "en", "help": "en", "no": "en", "stop": "en", "yes": "en"}
SPEAKER_LENGTH = 12
"""characters of the hash that make a speaker's id: enough to tell them apart, short enough for tables"""
NAME = re.compile(
    rf"(?P<keyword>{'|'.join(KEYWORDS)})-[^-]+-(?P<emotion>[a-z]+)-[^-]+"
    rf"-(?P<speaker>[0-9a-f]{{{SPEAKER_LENGTH},}})"
)


def _utterance(stem: str, path: str) -> Utterance | Problem:
    parts = NAME.fullmatch(stem)
    if parts is None:
        return Problem(
            path,
            "expected a name such as help-safe-angry-1563001069438-<hexadecimal speaker> with one of the "
            f"keywords {', '.join(KEYWORDS)}",
        )
    if parts["emotion"] not in EMOTIONS:
        return Problem(path, f"unknown label {parts['emotion']}")
    return Utterance(
        name=stem,
        path=path,
        speaker=parts["speaker"][:SPEAKER_LENGTH],
        emotion_raw=parts["emotion"],
        language=KEYWORDS[parts["keyword"]],
        transcription=parts["keyword"],
        text_source="script",
        sentence_id=parts["keyword"],
    )


CORPUS = Corpus(
    name="emospeechin",
    title="Indian EmoSpeech Command Dataset",
    family="emospeechin",
    folders=("EmoSpeech-IN", "emospeech-dataset-v1", "Indian EmoSpeech Command Dataset"),
    emotions=EMOTIONS,
    parse=each_clip(_utterance),
    language="en",
    licence="CC BY-NC-SA 4.0",
    citation="Banga et al. (2019). Indian EmoSpeech Command Dataset. arXiv:1910.13801.",
    obtain=(
        "https://github.com/RakshakTeam/emospeech-dataset-v1, no login; put it at data/raw/EmoSpeech-IN/webservice/…"
    ),
)
