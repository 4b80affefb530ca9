"""Public lists of corpora's recordings, compared with what the parsers read from folders of tiny files.

Nothing of a list is kept here. MER_FILE_LISTS names a folder with clones of the repositories that publish them; a
test says which one it lacks:

    git clone https://github.com/emo-box/EmoBox
    git clone https://github.com/declare-lab/MELD
    GIT_LFS_SKIP_SMUDGE=1 git clone https://github.com/CheyneyComputerScience/CREMA-D

and, for what these three do not have:

    git clone https://github.com/felixbur/nkululeko                       EmoV-DB, SAVEE, ShEMO, CMU-MOSEI
    git clone https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK      the folds of CMU-MOSEI
    git clone https://github.com/Open-Debin/Emotion-FAN                   AFEW
    git clone https://github.com/emorynlp/emotion-detection               EmoryNLP as its authors published it
    git clone https://github.com/MrCrowbar/Speech_Emotion_Recognition     IEMOCAP, labels and times
    git clone https://github.com/EMOsuperb/EMO-SUPERB-submission          IEMOCAP, votes
    git clone --no-checkout https://github.com/bagustris/ravdess_song
    git clone --no-checkout https://github.com/amu-cai/nEMO
    git clone --no-checkout https://github.com/RakshakTeam/emospeech-dataset-v1

Each test prints a line of figures with the processor's time: `pytest -rP tests/corpora/test_published_*.py`.
"""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mer.corpora import CORPORA, Problem, Utterance, parsers

LISTS = Path(os.environ.get("MER_FILE_LISTS", ""))
needs_lists = pytest.mark.skipif(
    not os.environ.get("MER_FILE_LISTS"), reason="MER_FILE_LISTS does not name a folder with clones of public lists"
)

SPLITS = {"train": "train", "dev": "validation", "test": "test"}
EMOTION_NAMES = {
    "amused": "amusement",
    "angry": "anger",
    "anxious": "anxiety",
    "apologetic": "apology",
    "assertive": "assertiveness",
    "concerned": "concern",
    "encouraging": "encouragement",
    "excited": "excitement",
    "fearful": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "sleepy": "sleepiness",
    "surprised": "surprise",
}
"""Word of lists for an emotion -> the standard emotion name, if the two differ."""

EMOBOX_PATH = re.compile(r"(?P<key>.+?) \d 0 [\d.e-]+ downloads/[^/]+/(?P<path>.+)")
EMOBOX_TAG = re.compile(r".*<id=(?P<key>.+),lang=\w+,spk=(?P<speaker>.*),emotion=(?P<label>.*)>.*")


@dataclass(frozen=True)
class Row:
    """One utterance of a list; None for what the list does not contain, or is known to be wrong."""

    path: str
    """The path below the corpus's folder."""
    emotion: str
    """The standard emotion name."""
    speaker: str | None = None
    gender: str | None = None
    split: str | None = None
    start: float | None = None
    end: float | None = None
    """The times in seconds, if a recording holds several utterances."""


@dataclass(frozen=True)
class Known:
    """Known differences between a list, or the corpus itself, and the parser's result."""

    mend: Callable[[Row], Row] = lambda row: row
    unread: Callable[[Row], bool] = lambda row: False
    """Whether a row is reported as a problem."""
    message: tuple[str, ...] = ()
    """The expected problems, as `path: reason`."""
    absent: dict[str, int] | None = field(default_factory=dict)
    """Native label -> number of utterances of the complete corpus that are missing; None if the list is a selection."""


AS_LISTED = Known()


def clone(*parts: str) -> Path:
    """Return a path in a clone, or skip the test that needs it."""
    path = LISTS.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"MER_FILE_LISTS has no {'/'.join(parts)}")
    return path


def git(name: str, *arguments: str) -> str:
    """Return the output of git about a clone, whose files need not be checked out."""
    program = shutil.which("git")
    if program is None:
        pytest.skip("git is not installed")
    done = subprocess.run([program, "-C", clone(name), *arguments], check=True, capture_output=True)
    return done.stdout.decode("utf-8")


def tracked(name: str) -> list[str]:
    """Return the paths of all files in a clone."""
    return git(name, "ls-tree", "-r", "-z", "--name-only", "HEAD").rstrip("\0").split("\0")


def table(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a table."""
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def table_of(*parts: str) -> list[dict[str, str]]:
    """Return the rows of a table in a clone."""
    return table(clone(*parts).read_bytes().decode("utf-8"))


def emotion_name(word: str) -> str:
    """Return the standard emotion name of a word."""
    return EMOTION_NAMES.get(word.lower(), word.lower())


def emobox(name: str) -> Iterator[Row]:
    """Yield one corpus of EmoBox: `data.seg.audmap` has the paths, `data.seg.wrd.stm` speaker and label."""
    folder = clone("EmoBox", "data", name)
    # EmoBox's own reading of the labels, which one corpus has under another name; their cases differ
    (words,) = (json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("label_*.json"))
    nouns = {label.lower(): emotion_name(word) for label, word in words.items()}
    nouns["exc"] = "excitement"  # which it counts as happiness
    paths = {result["key"]: result["path"] for result in _lines(folder / "data.seg.audmap", EMOBOX_PATH)}
    for result in _lines(folder / "data.seg.wrd.stm", EMOBOX_TAG):
        yield Row(paths.pop(result["key"]), nouns[result["label"].lower()], result["speaker"])
    assert not paths


def _lines(path: Path, pattern: re.Pattern) -> Iterator[re.Match]:
    for line in path.read_text(encoding="utf-8").splitlines():
        match = pattern.fullmatch(line)
        assert match, f"{path}: {line}"
        yield match


def nkululeko(*files: str) -> Iterator[Row]:
    """Yield the rows of tables in nkululeko's folder `data`; their paths begin with the corpus's folder."""
    for name in files:
        for row in table_of("nkululeko", "data", name):
            yield Row(row["file"].split("/", 1)[1], emotion_name(row["emotion"]), row["speaker"])


def copy(source: Path, to: Path) -> None:
    """Copy a list into a corpus's folder."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)


def lay_out(folder: Path, paths: Iterable[str]) -> None:
    """Put a tiny file at each path below `folder`."""
    made = set()
    for path in map(folder.joinpath, paths):
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.write_bytes(b"RIFF")


def check(name: str, raw: Path, rows: Iterable[Row], known: Known = AS_LISTED) -> list[Utterance]:
    """Parse the folder in `raw`, print the figures, fail where list and parser differ, and remove the folder."""
    corpus = CORPORA[name]
    folder = corpus.find(raw)
    assert folder is not None
    before = time.process_time()
    result = list(parsers.parse(corpus, raw, folder))
    seconds = time.process_time() - before
    utterances = [row for row in result if isinstance(row, Utterance)]
    problems = Counter(f"{row.path}: {row.reason}" for row in result if isinstance(row, Problem))
    rows = list(rows)
    wanted = [row for row in rows if not known.unread(row)]
    listed = {(f"{folder.name}/{row.path}", row.start, row.end): row for row in wanted}
    assert len(listed) == len(wanted), "the list has an utterance twice"
    wrong = [*(problems - Counter(known.told)), *(Counter(known.told) - problems)]
    for row in utterances:
        here = listed.pop((row.path, row.start, row.end), None)
        wrong += [f"{row.path}: not listed"] if here is None else differences(name, row, here)
    wrong += [f"{path}: listed, not found" for path, *_ in listed]
    labels, speakers = Counter(row.emotion_raw for row in utterances), {row.speaker for row in utterances}
    print(
        f"{name}: {len(rows)} listed, {len(utterances)} utterances, {problems.total()} known problems, "
        f"{len(labels)} labels, {len(speakers)} speakers, {len(wrong)} mismatches; {seconds:.1f} s"
    )
    assert not wrong, "\n".join(wrong[:20])
    assert len({row.name for row in utterances}) == len(utterances), "two utterances of one name"
    if known.absent is not None:
        assert not corpus.expected_counts or labels + Counter(known.absent) == Counter(corpus.expected_counts), labels
        assert corpus.speakers in (None, len(speakers)), speakers
    shutil.rmtree(folder)  # pytest would keep these tens of thousands of files
    return utterances


def differences(name: str, row: Utterance, listed: Row) -> list[str]:
    """Return the differences between an utterance and its row of the list."""
    message = {
        "emotion": CORPORA[name].emotions[row.emotion_raw],
        "speaker": row.speaker,
        "gender": row.gender,
        "split": row.split_official,
    }
    return [
        f"{row.path}: {what} {ours}, listed {theirs}"
        for what, ours in message.items()
        if (theirs := getattr(listed, what)) is not None and ours != theirs
    ]
