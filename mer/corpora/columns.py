"""What tables of other people call things: column names, names of parts, words for emotions."""

import re
from collections.abc import Iterable

ALIASES = {
    "path": ("path", "file", "filename", "filepath", "wav", "audio", "audiopath", "sourcepath"),
    "speaker": ("speaker", "speakerid", "spk", "spkid", "actor", "actorid", "subject"),
    "emotion": ("emotion", "emo", "emotionraw", "label", "category"),
    "text": ("text", "transcription", "transcript", "rawtext"),
    "split": ("split", "part", "subset", "partition", "fold"),
    "session": ("session", "sessionid"),
    "sentence": ("sentence", "sentenceid"),
    "dialogue": ("dialogue", "dialogueid", "dialog", "conversation"),
    "turn": ("turn", "turnindex", "utteranceindex"),
    "gender": ("gender", "sex"),
    "age": ("age",),
    "language": ("language", "lang"),
    "start": ("start", "begin", "starttime"),
    "end": ("end", "endtime"),
}
"""our name of a column -> what tables call it, without case and punctuation"""

PARTS = {"train": "train", "training": "train", "dev": "validation", "devel": "validation",
         "development": "validation", "val": "validation", "valid": "validation", "validation": "validation",
         "test": "test", "testing": "test"}  # fmt: skip
"""what tables call a part -> the manifest's word"""

GENDERS = {"female": "female", "f": "female", "woman": "female", "w": "female", "male": "male", "m": "male",
           "man": "male", "child": "child", "c": "child"}  # fmt: skip

SPELLINGS = {"joy": "happiness", "happy": "happiness", "sad": "sadness", "angry": "anger", "fearful": "fear",
             "disgusted": "disgust", "surprised": "surprise"}  # fmt: skip
"""other words for the classes"""

NOUNS = {noun: noun for noun in ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "calm",
         "boredom", "contempt", "excitement", "frustration", "amusement", "sleepiness", "other")} | SPELLINGS | {
    "neutrality": "neutral", "bored": "boredom", "excited": "excitement", "frustrated": "frustration",
    "amused": "amusement", "sleepy": "sleepiness", "scared": "fear", "afraid": "fear", "mad": "anger",
}  # fmt: skip
"""words that need no explanation -> the field's noun"""


def recognised(header: Iterable[str], given: dict[str, str]) -> dict[str, str]:
    """Return our name -> the table's name of each column that is named or goes by a common name.

    Args:
        given: our name -> the table's name, where the user says so; it need not be in the header.

    >>> recognised(["File", "Speaker ID", "Emo", "Notes"], {"text": "Notes"})
    {'path': 'File', 'speaker': 'Speaker ID', 'emotion': 'Emo', 'text': 'Notes'}
    """
    plain: dict[str, str] = {}
    for name in header:
        plain.setdefault(re.sub(r"[\W_]+", "", name.lower()), name)
    found = {}
    for ours, spellings in ALIASES.items():
        if ours in given:
            found[ours] = given[ours]
        elif theirs := next((plain[s] for s in spellings if s in plain), None):
            found[ours] = theirs
    return found
