"""What tables of other people call things: column names, names of parts, words for emotions."""

import re
from collections.abc import Iterable

ALIASES = {
    "path": ("path", "file", "wav", "audio", "filename", "filepath", "audiopath", "audiofile", "wavpath", "wavfile",
             "sourcepath"),
    "video": ("video", "videopath", "videofile", "videofilename"),
    "speaker": ("speaker", "speakerid", "spk", "spkid", "spkrid", "actor", "actorid", "subject"),
    "emotion": ("emotion", "emo", "label", "emotionlabel", "emotionclass", "emoclass", "class", "category"),
    "text": ("text", "transcription", "transcript", "rawtext", "utterance", "caption"),
    "split": ("split", "part", "partition", "set", "subset", "splitset"),
    "session": ("session", "sessionid"),
    "sentence": ("sentenceid", "sentence", "statement", "promptid"),
    "dialogue": ("dialogueid", "dialogid", "dialogue", "dialog", "conversationid", "conversation", "videoid"),
    "turn": ("turn", "turnindex", "utteranceindex"),
    "gender": ("gender", "sex"),
    "age": ("age",),
    "language": ("language", "lang"),
    "start": ("start", "begin", "starttime"),
    "end": ("end", "endtime"),
}  # fmt: skip
"""our name of a column -> what tables call it, the likelier first, without case and punctuation"""

PARTS = {"train": "train", "training": "train", "dev": "validation", "devel": "validation",
         "development": "validation", "val": "validation", "valid": "validation", "validation": "validation",
         "test": "test", "testing": "test"}  # fmt: skip
"""what tables call a part -> the manifest's word"""

GENDERS = {"female": "female", "f": "female", "woman": "female", "w": "female", "male": "male", "m": "male",
           "man": "male", "child": "child", "c": "child"}  # fmt: skip

SPELLINGS = {"joy": "happiness", "happy": "happiness", "sad": "sadness", "angry": "anger", "fearful": "fear",
             "disgusted": "disgust", "surprised": "surprise"}  # fmt: skip
"""other words for the classes"""

EMOTION_NAMES = {name: name for name in ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger",
                 "calm", "boredom", "contempt", "excitement", "frustration", "amusement", "sleepiness",
                 "other")} | SPELLINGS | {
    "neutrality": "neutral", "bored": "boredom", "excited": "excitement", "frustrated": "frustration",
    "amused": "amusement", "sleepy": "sleepiness", "scared": "fear", "afraid": "fear", "mad": "anger",
}  # fmt: skip
"""words that need no explanation -> the field's noun"""


def match_columns(header: Iterable[str], given: dict[str, str]) -> dict[str, str]:
    """Return our name -> the table's name of each column that is named or goes by a common name.

    Args:
        given: our name -> the table's name, where the user says so; it need not be in the header.

    >>> recognised(["File", "Speaker ID", "Emo", "Notes"], {"text": "Notes"})
    {'path': 'File', 'speaker': 'Speaker ID', 'emotion': 'Emo', 'text': 'Notes'}
    """
    names: dict[str, str] = {}
    for name in header:
        names.setdefault(plain(name), name)
    found = {}
    for ours, spellings in ALIASES.items():
        if ours in given:
            found[ours] = given[ours]
        elif theirs := next((names[s] for s in spellings if s in names), None):
            found[ours] = theirs
    return found


def plain(name: str) -> str:
    """Return a column's name without case and punctuation.

    >>> plain("Speaker_ID")
    'speakerid'
    """
    return re.sub(r"[\W_]", "", name.casefold())
