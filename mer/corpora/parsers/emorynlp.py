"""EmoryNLP, dialogue of the television series that MELD is taken from, as text: `emorynlp_train_final.csv`.

Each line of a list is an utterance; no recordings are published, so the rows name the list they are in. Traps:
speakers are written as a Python list, sometimes of several; scenes are numbered anew in every episode, and
utterance numbers have gaps; peaceful and powerful have no counterpart among the seven classes; the episodes are
in MELD, too.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.catalogue.conversations import EMORYNLP
from mer.corpora.corpus import Problem, Utterance
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
    for found in split_lists(raw, folder, LIST, COLUMNS):
        yield found if isinstance(found, Problem) else _line(*found, listed)


def speakers(cell: str) -> str:
    """Return who speaks, joined by “ and ” where there are several.

    >>> speakers("['Carol Willick', 'Susan Bunch']"), speakers('["Joey\\'s Co-Star"]'), speakers("[]")
    ('Carol Willick and Susan Bunch', "Joey's Co-Star", '')
    """
    names = (match[1] or match[2] or "" for match in NAMES.finditer(cell))
    return " and ".join(name.strip() for name in names if name.strip())


def _line(path: str, split: str, found: tuple[int, dict[str, str]], listed: set[str]) -> Utterance | Problem:
    line, row = found
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
    if not (who := speakers(row["Speaker"])):
        return Problem(path, f"{name}: no speaker", line=line)
    if not (text := row["Utterance"]):
        return Problem(path, f"{name}: no words", line=line)
    return Utterance(
        name=name,
        path=path,
        speaker=who,
        emotion_raw=row["Emotion"],
        language="en",
        transcription=text,
        text_source="human",
        dialogue_id=dialogue,
        turn_index=turn,
        split_official=SPLITS[split],
        has_recording=False,
    )
