"""MELD, dialogue of a television series: `{train,dev,test}_sent_emo.csv` and clips `dia0_utt0.mp4`.

Each line of a list is an utterance and is joined to its clip by part, dialogue and utterance. Traps: the same clip name
occurs in every part, so the innermost folder that names a part decides (`train_splits`, `dev_splits_complete`,
`output_repeated_splits_test`); old lists have Windows punctuation decoded as Latin-1; utterance numbers have gaps; some
names mean several speakers; the parts share speakers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mer.corpora.catalogue.conversations import MELD
from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance
from mer.corpora.reading import names
from mer.corpora.reading.files import as_integer, in_path_order, relative
from mer.corpora.reading.media import SPLITS, recordings, split_lists, split_of

EMOTIONS = MELD.emotions
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
LIST = re.compile(r"(train|dev|test)_sent_emo\.csv", re.IGNORECASE)
CLIP = re.compile(r"dia([0-9]{1,6})_utt([0-9]{1,6})", re.IGNORECASE)
PUNCTUATION = str.maketrans({0x85: "…", 0x91: "‘", 0x92: "’", 0x93: "“", 0x94: "”", 0x96: "–", 0x97: "—", 0xA0: " "})
"""Maps characters of Windows-1252 that were decoded as Latin-1 in some lists to the right ones."""

Key = tuple[str, int, int]
"""The part, dialogue and utterance of a clip."""


@dataclass
class _Clips:
    """The clips of a corpus folder, and the lines that were read."""

    raw: Path
    paths: dict[Key, tuple[Path, Path | None]] = field(default_factory=dict)
    """Maps a clip to its audio file and its video file."""
    listed: set[Key] = field(default_factory=set)
    """The clips that a list names."""


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Join the lists to the clips. A line without its clip is an utterance of text, so that the published parts stay
    whole."""
    clips = _Clips(raw)
    for recording in recordings(raw, folder, (*AUDIO_SUFFIXES, ".mp4"), _key):
        if isinstance(recording, Problem):
            yield recording
        else:
            clips.paths[recording[0]] = recording[1:]
    for row in split_lists(raw, folder, LIST, COLUMNS):
        yield row if isinstance(row, Problem) else _utterance(*row, clips)
    for key, (path, _) in clips.paths.items():
        if key not in clips.listed:
            yield Problem(relative(path, raw), f"not listed in {key[0]}_sent_emo.csv")


def _key(path: Path) -> Key | str:
    """Return the clip of a path, or the problem with it."""
    if not (match := CLIP.fullmatch(path.stem)):
        return "expected a name such as dia0_utt0"
    if not (split := split_of(path.parent)):
        return "no folder above it says train, dev or test"
    return split, int(match[1]), int(match[2])


def _utterance(name: str, split: str, numbered_row: tuple[int, dict[str, str]], clips: _Clips) -> Utterance | Problem:
    line, row = numbered_row
    dialogue, turn = as_integer(row["Dialogue_ID"]), as_integer(row["Utterance_ID"])
    if dialogue is None or turn is None:
        return Problem(name, "Dialogue_ID and Utterance_ID must be whole numbers", line=line)
    key, clip = (split, dialogue, turn), f"{split}_dia{dialogue}_utt{turn}"
    if key in clips.listed:
        return Problem(name, f"{clip}: listed a second time", line=line, utterance_lost=False)
    clips.listed.add(key)
    if row["Emotion"] not in EMOTIONS:
        return Problem(name, f"{clip}: unknown label {row['Emotion']}", line=line)
    if not row["Speaker"]:
        return Problem(name, f"{clip}: no speaker", line=line)
    text = row["Utterance"].translate(PUNCTUATION).strip() or None
    if key not in clips.paths and text is None:
        return Problem(name, f"{clip}: neither audio nor text", line=line)
    path, video = clips.paths.get(key, (None, None))
    return Utterance(
        name=clip,
        path=relative(path, clips.raw) if path else name,
        speaker=row["Speaker"].translate(PUNCTUATION).strip(),
        emotion_raw=row["Emotion"],
        language="en",
        transcription=text,
        text_source="human" if text else "none",
        dialogue_id=f"{split}_{dialogue}",
        episode=names.episode(as_integer(row.get("Season")), as_integer(row.get("Episode"))),
        turn_index=turn,
        split_official=SPLITS[split],
        has_recording=path is not None,
        video=relative(video, clips.raw) if video else None,
    )
