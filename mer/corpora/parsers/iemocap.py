"""IEMOCAP: ten actors in five sessions of two, scripted and improvised dialogues.

`Session1/dialog/EmoEvaluation/Ses01F_impro01.txt` has the labels, `dialog/transcriptions` the transcripts and
`sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav` the turns. The label xxx means that no majority of the raters
agreed; the label with the most votes, even by one, is in `emotion_perceived`. The `sentence_id` of scripted turns is
the script; improvised turns have none. Traps: the letter after the session is the actor with the markers, the one
before the number is the speaker; the folder of labels has sub-folders with the votes of each rater; only the four-class
set of 5,531 turns is the same in all publications.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mer.corpora.catalogue.conversations import IEMOCAP
from mer.corpora.corpus import Problem, Utterance
from mer.corpora.parsers.iemocap_lists import DIALOGUE, TURN, Turn, evaluation, transcripts
from mer.corpora.reading.files import clips, in_path_order, relative, unreadable_reason, walk

EMOTIONS = IEMOCAP.emotions
GENDERS = {"F": "female", "M": "male"}


@dataclass
class _Lists:
    """The content of the text files."""

    turns: dict[str, tuple[Turn, str, int]] = field(default_factory=dict)
    """Maps a turn to its labels, their file, and its position in the dialogue."""
    texts: dict[str, str] = field(default_factory=dict)
    """Maps a turn to its transcript."""


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Join labels and transcripts to the recordings of the turns."""
    lists = _Lists()
    yield from _read(raw, folder, lists)
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
            yield _utterance(turn, lists.turns[stem][2], path, lists.texts.get(stem))
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
