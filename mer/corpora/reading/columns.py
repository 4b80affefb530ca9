"""The words that user-defined tables use: column names, names of parts, words for emotions."""

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
"""Maps a column to its names in tables, without case and punctuation, in order of preference."""

PARTS = {"train": "train", "training": "train", "dev": "validation", "devel": "validation",
         "development": "validation", "val": "validation", "valid": "validation", "validation": "validation",
         "test": "test", "testing": "test"}  # fmt: skip
"""Maps the name of a part in tables to its name in the manifest."""

GENDERS = {"female": "female", "f": "female", "woman": "female", "w": "female", "male": "male", "m": "male",
           "man": "male", "child": "child", "c": "child"}  # fmt: skip
"""Maps a word for a gender to its name in the manifest."""

SPELLINGS = {"joy": "happiness", "happy": "happiness", "sad": "sadness", "angry": "anger", "fearful": "fear",
             "disgusted": "disgust", "surprised": "surprise"}  # fmt: skip
"""Maps another word for a class to its name."""

EMOTION_NAMES = {name: name for name in ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger",
                 "calm", "boredom", "contempt", "excitement", "frustration", "amusement", "sleepiness",
                 "other")} | SPELLINGS | {
    "neutrality": "neutral", "bored": "boredom", "excited": "excitement", "frustrated": "frustration",
    "amused": "amusement", "sleepy": "sleepiness", "scared": "fear", "afraid": "fear", "mad": "anger",
}  # fmt: skip
"""Maps a common word for an emotion to its standard name."""


def match_columns(header: Iterable[str], declared: dict[str, str]) -> dict[str, str]:
    """Return column -> its name in the table, for each column that is declared or has a common name.

    Args:
        header: column names of the table.
        declared: column -> its name in the table, as the user declares it. The name need not be in the header.

    >>> match_columns(["File", "Speaker ID", "Emo", "Notes"], {"text": "Notes"})
    {'path': 'File', 'speaker': 'Speaker ID', 'emotion': 'Emo', 'text': 'Notes'}
    """
    names: dict[str, str] = {}
    for name in header:
        names.setdefault(plain(name), name)
    columns = {}
    for column, spellings in ALIASES.items():
        if column in declared:
            columns[column] = declared[column]
        elif name := next((names[spelling] for spelling in spellings if spelling in names), None):
            columns[column] = name
    return columns


def plain(name: str) -> str:
    """Return the name of a column without case and punctuation.

    >>> plain("Speaker_ID")
    'speakerid'
    """
    return re.sub(r"[\W_]", "", name.casefold())
