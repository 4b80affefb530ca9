"""EmoryNLP, text of the television series from which MELD is taken: `emorynlp_train_final.csv`.

Each line of a list is an utterance. No recordings are published, so the path of an utterance is that of its list.
Traps: speakers are written as a Python list, sometimes of several; scene numbers start again in every episode, and
utterance numbers have gaps; peaceful and powerful belong to none of the seven classes; MELD has the same episodes.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.catalogue.conversations import EMORYNLP
from mer.corpora.corpus import Problem, Utterance
from mer.corpora.reading import names
from mer.corpora.reading.files import as_integer, in_path_order
from mer.corpora.reading.media import SPLITS, split_lists

EMOTIONS = EMORYNLP.emotions
COLUMNS = ("Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode")
LIST = re.compile(r"emorynlp_(train|dev|test)(?:_final)?\.csv", re.IGNORECASE)
NAMES = re.compile(r"'([^']*)'|\"([^\"]*)\"")


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the three lists."""
    listed: set[str] = set()
    for row in split_lists(raw, folder, LIST, COLUMNS):
        yield row if isinstance(row, Problem) else _line(*row, listed)


def speakers(cell: str) -> str:
    """Return the speakers, joined by “ and ” if there are several.

    >>> speakers("['Carol Willick', 'Susan Bunch']"), speakers('["Joey\\'s Co-Star"]'), speakers("[]")
    ('Carol Willick and Susan Bunch', "Joey's Co-Star", '')
    """
    names = (match[1] or match[2] or "" for match in NAMES.finditer(cell))
    return " and ".join(name.strip() for name in names if name.strip())


def _line(path: str, split: str, numbered_row: tuple[int, dict[str, str]], listed: set[str]) -> Utterance | Problem:
    line, row = numbered_row
    numbers = [as_integer(row[column]) for column in ("Season", "Episode", "Scene_ID", "Utterance_ID")]
    if None in numbers:
        return Problem(path, "Season, Episode, Scene_ID and Utterance_ID must be whole numbers", line=line)
    season, episode, scene, turn = numbers
    dialogue = f"s{season:02}_e{episode:02}_c{scene:02}"
    name = f"{dialogue}_u{turn:03}"
    if name in listed:
        return Problem(path, f"{name}: listed a second time", line=line, utterance_lost=False)
    listed.add(name)
    if row["Emotion"] not in EMOTIONS:
        return Problem(path, f"{name}: unknown label {row['Emotion']}", line=line)
    if not (speaker := speakers(row["Speaker"])):
        return Problem(path, f"{name}: no speaker", line=line)
    if not (text := row["Utterance"]):
        return Problem(path, f"{name}: no text", line=line)
    return Utterance(
        name=name,
        path=path,
        speaker=speaker,
        emotion_raw=row["Emotion"],
        language="en",
        transcription=text,
        text_source="human",
        dialogue_id=dialogue,
        episode=names.episode(season, episode),
        turn_index=turn,
        split_official=SPLITS[split],
        has_recording=False,
    )
