"""MELD, dialogue of a television series: `{train,dev,test}_sent_emo.csv` and clips `dia0_utt0.mp4`.

The lists are what counts; each line is joined to its clip by split, dialogue and utterance. Traps: the same
clip name occurs in every split, so the nearest folder that names one decides (`train_splits`,
`dev_splits_complete`, `output_repeated_splits_test`); old lists have Windows punctuation decoded as Latin-1;
utterance numbers have gaps; some names stand for several speakers; the splits share speakers.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.catalogue.conversations import MELD
from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance
from mer.corpora.reading.files import as_integer, in_path_order, relative
from mer.corpora.reading.media import SPLITS, recordings, split_lists, split_of

EMOTIONS = MELD.emotions
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
LIST = re.compile(r"(train|dev|test)_sent_emo\.csv", re.IGNORECASE)
CLIP = re.compile(r"dia([0-9]{1,6})_utt([0-9]{1,6})", re.IGNORECASE)
PUNCTUATION = str.maketrans({0x85: "…", 0x91: "‘", 0x92: "’", 0x93: "“", 0x94: "”", 0x96: "–", 0x97: "—", 0xA0: " "})
"""bytes of Windows-1252 that were decoded as Latin-1 in the lists that come with the videos"""

Key = tuple[str, int, int]


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Join the lists to the clips; a line without its clip is still words, so that published parts stay whole."""
    places: dict[Key, tuple[Path, Path | None]] = {}
    for found in recordings(raw, folder, (*AUDIO_SUFFIXES, ".mp4"), _key):
        if isinstance(found, Problem):
            yield found
        else:
            places[found[0]] = found[1:]
    listed: set[Key] = set()
    for found in split_lists(raw, folder, LIST, COLUMNS):
        yield found if isinstance(found, Problem) else _line(raw, *found, places, listed)
    for key, (path, _) in places.items():
        if key not in listed:
            yield Problem(relative(path, raw), f"not listed in {key[0]}_sent_emo.csv")


def _key(path: Path) -> Key | str:
    if not (match := CLIP.fullmatch(path.stem)):
        return "expected a name such as dia0_utt0"
    if not (split := split_of(path.parent)):
        return "no folder above it says train, dev or test"
    return split, int(match[1]), int(match[2])


def _line(
    raw: Path,
    name: str,
    split: str,
    found: tuple[int, dict[str, str]],
    places: dict[Key, tuple[Path, Path | None]],
    listed: set[Key],
) -> Utterance | Problem:
    line, row = found
    dialogue, turn = as_integer(row["Dialogue_ID"]), as_integer(row["Utterance_ID"])
    if dialogue is None or turn is None:
        return Problem(name, "Dialogue_ID and Utterance_ID must be whole numbers", line=line)
    key, clip = (split, dialogue, turn), f"{split}_dia{dialogue}_utt{turn}"
    if key in listed:
        return Problem(name, f"{clip}: listed a second time", line=line, utterance_lost=False)
    listed.add(key)
    if row["Emotion"] not in EMOTIONS:
        return Problem(name, f"{clip}: unknown label {row['Emotion']}", line=line)
    if not row["Speaker"]:
        return Problem(name, f"{clip}: no speaker", line=line)
    text = row["Utterance"].translate(PUNCTUATION).strip() or None
    if key not in places and text is None:
        return Problem(name, f"{clip}: neither audio nor words", line=line)
    path, video = places.get(key, (None, None))
    return Utterance(
        name=clip,
        path=relative(path, raw) if path else name,
        speaker=row["Speaker"].translate(PUNCTUATION).strip(),
        emotion_raw=row["Emotion"],
        language="en",
        transcription=text,
        text_source="human" if text else "none",
        dialogue_id=f"{split}_{dialogue}",
        turn_index=turn,
        split_official=SPLITS[split],
        has_recording=path is not None,
        video=relative(video, raw) if video else None,
    )
