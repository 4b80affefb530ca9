"""IEMOCAP: ten actors in five sessions of two, scripted and improvised dialogues.

`Session1/dialog/EmoEvaluation/Ses01F_impro01.txt` has the labels, `dialog/transcriptions` the transcripts and
`sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav` the turns. The label xxx means that no majority of the raters
agreed; the label with the most votes, even by one, is in `emotion_perceived`. The `sentence_id` of scripted turns is
the script; improvised turns have none.

`dialog/avi/DivX/Ses01F_impro01.avi` shows both actors during the whole dialogue, each in one half of the frames. The
actor with the markers is in the left half, the other one in the right half; this is what the paper's code means to use
(SMIL-SPCRAS/MER @ 75ae4e4, `src/avt_feature_extraction.py`, which takes the right half always). A turn's video is the
half of its speaker, from its start to its end.

Traps: the letter after the session is the actor with the markers, the one
before the number is the speaker; the folder of labels has sub-folders with the votes of each rater; only the four-class
set of 5,531 turns is the same in all publications.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mer.corpora.catalogue.conversations import IEMOCAP
from mer.corpora.corpus import Problem, Utterance
from mer.corpora.parsers.iemocap_lists import DIALOGUE, TURN, Turn, evaluation, transcripts
from mer.corpora.reading.files import clips, in_path_order, relative, unreadable_reason, walk
from mer.corpora.reading.media import videos

EMOTIONS = IEMOCAP.emotions
GENDERS = {"F": "female", "M": "male"}


@dataclass
class _Lists:
    """The content of the text files."""

    turns: dict[str, tuple[Turn, str, int]] = field(default_factory=dict)
    """Maps a turn to its labels, their file, and its position in the dialogue."""
    texts: dict[str, str] = field(default_factory=dict)
    """Maps a turn to its transcript."""
    videos: dict[str, str] = field(default_factory=dict)
    """Maps a dialogue to its video, relative to the raw folder."""


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Join labels and transcripts to the recordings of the turns."""
    lists = _Lists()
    yield from _read(raw, folder, lists)
    yield from _find_videos(raw, folder, lists)
    recorded = set()
    for clip in clips(raw, folder):
        if isinstance(clip, Problem):
            yield clip
            continue
        stem, path, _ = clip
        if re.fullmatch(DIALOGUE, stem):  # the recording of a whole dialogue
            continue
        recorded.add(stem)
        if not re.fullmatch(TURN, stem):
            yield Problem(path, "expected a name such as Ses01F_impro01_F000")
        elif stem not in lists.turns:
            yield Problem(path, "no label: not listed in dialog/EmoEvaluation")
        elif (turn := lists.turns[stem][0]).label not in EMOTIONS:
            yield Problem(lists.turns[stem][1], f"{stem}: unknown label {turn.label}", line=turn.line)
        else:
            yield _with_video(_utterance(turn, lists.turns[stem][2], path, lists.texts.get(stem)), turn, lists)
    for name, (turn, path, _) in lists.turns.items():
        if name not in recorded:
            yield Problem(path, f"{name}: no audio", line=turn.line)


def _read(raw: Path, folder: Path, lists: _Lists) -> Iterator[Problem]:
    first: dict[tuple[str, str], str] = {}
    for path in walk(folder):
        kind = path.parent.name
        if path.suffix != ".txt" or kind not in {"EmoEvaluation", "transcriptions"}:
            continue
        name = relative(path, raw)
        if (kind, path.name) in first:
            yield Problem(name, f"duplicate copy of {first[kind, path.name]}", utterance_lost=False)
            continue
        first[kind, path.name] = name
        if kind == "transcriptions":
            if reason := unreadable_reason(path):
                yield Problem(name, reason)
            else:
                lists.texts = transcripts(path.read_bytes()) | lists.texts
            continue
        yield from _read_turns(raw, path, lists)


def _read_turns(raw: Path, path: Path, lists: _Lists) -> Iterator[Problem]:
    turns: list[Turn] = []
    name = relative(path, raw)
    for turn in evaluation(raw, path):
        if isinstance(turn, Problem):
            yield turn
        elif turn.name in lists.turns or turn.name in {earlier.name for earlier in turns}:
            yield Problem(name, f"{turn.name}: listed a second time", line=turn.line, utterance_lost=False)
        else:
            turns.append(turn)
    # the list has the turns of one speaker after those of the other, so they are sorted by time
    ordered = enumerate(sorted(turns, key=lambda turn: (turn.start, turn.name)))
    lists.turns |= {turn.name: (turn, name, position) for position, turn in ordered}


def _find_videos(raw: Path, folder: Path, lists: _Lists) -> Iterator[Problem]:
    """Fill in the videos of dialogues, and yield the problems with them; no utterance is lost without its video."""
    for video in videos(raw, folder, lambda stem: stem if re.fullmatch(DIALOGUE, stem) else None):
        if isinstance(video, Problem):
            yield replace(video, utterance_lost=False)
            continue
        dialogue, path = video
        name = relative(path, raw)
        if (first := lists.videos.setdefault(dialogue, name)) != name:
            yield Problem(name, f"duplicate copy of {first}", utterance_lost=False)


def _with_video(item: Utterance, turn: Turn, lists: _Lists) -> Utterance:
    """Return an utterance with its part of the dialogue's video, if there is one."""
    dialogue, speaker = turn.name.rsplit("_", 1)
    if dialogue not in lists.videos:
        return item
    half = "left" if dialogue[len("Ses01")] == speaker[0] else "right"
    return replace(item, video=lists.videos[dialogue], video_start=turn.start, video_end=turn.end, video_half=half)


def _utterance(turn: Turn, position: int, path: str, text: str | None) -> Utterance:
    dialogue, speaker = turn.name.rsplit("_", 1)
    scene = dialogue.split("_", 1)[1]
    perceived, agreement = turn.majority()
    return Utterance(
        name=turn.name,
        path=path,
        speaker=turn.name[:5] + speaker[0],
        emotion_raw=turn.label,
        gender=GENDERS[speaker[0]],
        language="en",
        emotion_perceived=perceived,
        emotion_agreement=agreement,
        emotion_vector=turn.shares() or None,
        transcription=text or None,
        text_source="human" if text else "none",
        sentence_id=scene if scene.startswith("script") else None,
        session=turn.name[:5],
        dialogue_id=dialogue,
        turn_index=position,
    )
