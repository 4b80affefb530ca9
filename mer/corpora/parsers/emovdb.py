"""EmoV-DB: `bea_Amused/amused_1-28_0022.wav` or `bea/Amused/…` is speaker and emotion, then range and sentence.

The last four digits are the number of a sentence of CMU Arctic's set A, whose list `cmuarctic.data` is read if present.
Traps: some sentences have two takes, so only the whole file name identifies a recording; the same file name occurs for
several speakers; josh was recorded neither angry nor disgusted; the older, unsorted release pairs some recordings with
wrong sentences; there are laughs and yawns before and after speech.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.catalogue.acted import EMOVDB
from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance
from mer.corpora.reading.files import decode, in_path_order, relative, unreadable_reason, walk
from mer.corpora.reading.media import recordings

EMOTIONS = EMOVDB.emotions
SPELLINGS = {name.lower(): name for name in EMOTIONS} | {
    "anger": "Angry",
    "disgusted": "Disgust",
    "sleepiness": "Sleepy",
}
SPEAKERS = {"bea": "female", "jenie": "female", "josh": "male", "sam": "male"}
FOLDER = re.compile(rf"(?P<speaker>{'|'.join(SPEAKERS)})(?:[_ -](?P<emotion>[a-z]+))?", re.IGNORECASE)
NAME = re.compile(r"(?P<emotion>[a-z]+)_(?:.*_)?(?P<sentence>[0-9]{4})", re.IGNORECASE)
PROMPT = re.compile(r'\(\s*arctic_a(?P<number>[0-9]{4})\s+"(?P<text>.*)"\s*\)')


def _key(path: Path) -> tuple[str, str, str, str] | str:
    """Return speaker, emotion, file name and sentence of a path, or the problem with it."""
    codes = NAME.fullmatch(path.stem)
    if codes is None:
        return "expected a name such as amused_1-28_0022"
    if codes["emotion"].lower() not in SPELLINGS:
        return f"unknown label {codes['emotion']}"
    emotion, speaker = SPELLINGS[codes["emotion"].lower()], None
    in_folders = set()
    for part in reversed(path.parts[:-1]):
        if part.lower() in SPELLINGS:
            in_folders.add(SPELLINGS[part.lower()])
        elif match := FOLDER.fullmatch(part):
            speaker = match["speaker"].lower()
            if match["emotion"] and match["emotion"].lower() not in SPELLINGS:
                return f"unknown label {match['emotion']}"
            in_folders |= {SPELLINGS[match["emotion"].lower()]} if match["emotion"] else set()
            break
    if speaker is None:
        return f"no folder above it says which speaker: {', '.join(SPEAKERS)}"
    if in_folders - {emotion}:
        return f"the folder says {', '.join(sorted(in_folders))}, the file name {emotion}"
    return speaker, emotion, path.stem, codes["sentence"]


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read folders, file names and the list of sentences."""
    prompts: dict[str, str] = {}
    for path in walk(folder):
        if path.name.lower() == "cmuarctic.data":
            if reason := unreadable_reason(path):
                yield Problem(relative(path, raw), reason)
            else:
                lines = map(PROMPT.fullmatch, map(str.strip, decode(path.read_bytes()).splitlines()))
                prompts = {line["number"]: line["text"].strip() for line in lines if line} | prompts
    for recording in recordings(raw, folder, AUDIO_SUFFIXES, _key):
        if isinstance(recording, Problem):
            yield recording
            continue
        (speaker, emotion, stem, sentence), path, _ = recording
        text = prompts.get(sentence) or None
        yield Utterance(
            name=f"{speaker}_{stem}",
            path=relative(path, raw),
            speaker=speaker,
            emotion_raw=emotion,
            gender=SPEAKERS[speaker],
            language="en",
            transcription=text,
            text_source="script" if text else "none",
            sentence_id=sentence,
        )
