"""EmoryNLP, dialogue of the television series that MELD is taken from, as text: `emorynlp_train_final.csv`.

Each line of a list is an utterance; no recordings are published, so the rows name the list they are in. Traps:
speakers are written as a Python list, sometimes of several; scenes are numbered anew in every episode, and
utterance numbers have gaps; peaceful and powerful have no counterpart among the seven classes; the episodes are
in MELD, too.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.corpus import Corpus, Problem, Utterance
from mer.corpora.reading.files import in_path_order, whole
from mer.corpora.reading.media import SPLITS, split_lists

EMOTIONS = {
    "Joyful": "happiness",
    "Mad": "anger",
    "Neutral": "neutral",
    "Peaceful": "peacefulness",
    "Powerful": "power",
    "Sad": "sadness",
    "Scared": "fear",
}
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
    numbers = [whole(row[column]) for column in ("Season", "Episode", "Scene_ID", "Utterance_ID")]
    if None in numbers:
        return Problem(path, "Season, Episode, Scene_ID and Utterance_ID must be whole numbers", line=line)
    season, episode, scene, turn = numbers
    dialogue = f"s{season:02}_e{episode:02}_c{scene:02}"
    name = f"{dialogue}_u{turn:03}"
    if name in listed:
        return Problem(path, f"{name}: listed a second time", line=line, lost=False)
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
        recorded=False,
    )


CORPUS = Corpus(
    name="emorynlp",
    title="EmoryNLP, Emotion Detection on TV Show Transcripts",
    family="friends",
    folders=("EmoryNLP", "emorynlp-master"),
    emotions=EMOTIONS,
    parse=parse,
    language="en",
    licence="Apache-2.0 (annotation); dialogue of a television series, for research",
    citation=(
        "Zahiri and Choi (2018). Emotion Detection on TV Show Transcripts with Sequence-based Convolutional Neural "
        "Networks. AAAI workshops."
    ),
    obtain=(
        "emorynlp_train_final.csv, emorynlp_dev_final.csv and emorynlp_test_final.csv from data/emorynlp of "
        "https://github.com/declare-lab/MELD, no login; put them into data/raw/EmoryNLP/"
    ),
    expected={
        "Joyful": 2099,
        "Mad": 968,
        "Neutral": 3095,
        "Peaceful": 831,
        "Powerful": 717,
        "Sad": 595,
        "Scared": 1184,
    },
    lexical_control="free",
    elicitation="tv",
    official_splits=True,
    has_audio=False,
    cluster=("speaker_id", "dialogue_id"),
)
