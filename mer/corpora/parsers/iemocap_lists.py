"""IEMOCAP's text files: labels and votes (`dialog/EmoEvaluation`), transcripts (`dialog/transcriptions`)."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mer.corpora.corpus import Problem
from mer.corpora.reading.files import decode, lines, relative, unreadable_reason

DIALOGUE = r"Ses0[1-5][MF]_(?:impro|script)[0-9]{2}[a-z]?(?:_[0-9][a-z]?)?"
TURN = rf"{DIALOGUE}_[MF][0-9]{{3}}"
RATED = re.compile(rf"\[\s*(?P<start>[0-9.]+) - (?P<end>[0-9.]+)\s*\]\s+(?P<turn>{TURN})\s+(?P<label>\S+)(?:\s.*)?")
VOTE = re.compile(r"C-E[0-9]+:\s*(?P<words>[^(]*)")
SPOKEN = re.compile(rf"(?P<turn>{TURN})\s*\[[0-9.]+\s*-\s*[0-9.]+\]:(?P<text>.*)")
TAG = re.compile(r"\[[A-Za-z]+\]")
"""The tags for sounds that are no speech: [LAUGHTER], [GARBAGE], in some turns in small letters."""
VOTE_LABELS = {
    "neutral": "neu",
    "neutral state": "neu",
    "happiness": "hap",
    "sadness": "sad",
    "anger": "ang",
    "excited": "exc",
    "frustration": "fru",
    "surprise": "sur",
    "surprised": "sur",
    "fear": "fea",
    "disgust": "dis",
    "other": "oth",
}
"""Maps a word of the raters to the label of turns."""


@dataclass
class Turn:
    """One rated turn of a dialogue."""

    name: str
    line: int
    start: float
    end: float
    label: str
    votes: list[set[str]] = field(default_factory=list)
    """The labels that each rater chose. A rater may choose several."""

    def majority(self) -> tuple[str | None, float | None]:
        """Return the label that most raters chose, even by one vote, and their share; None if two labels have equal
        votes.

        >>> Turn("t", 1, 0.0, 1.0, "xxx", [{"hap"}, {"hap", "exc"}, {"neu"}]).majority()
        ('hap', 0.6666666666666666)
        >>> Turn("t", 1, 0.0, 1.0, "xxx", [{"hap"}, {"neu"}]).majority()
        (None, None)
        """
        counts = self._counts()
        labels = [label for label, count in counts.items() if count == max(counts.values())]
        return (labels[0], counts[labels[0]] / len(self.votes)) if len(labels) == 1 else (None, None)

    def shares(self) -> dict[str, float]:
        """Return label -> its share of all votes. The shares sum to 1, or there are none.

        >>> Turn("t", 1, 0.0, 1.0, "xxx", [{"hap"}, {"hap", "exc"}, {"neu"}]).shares()
        {'exc': 0.25, 'hap': 0.5, 'neu': 0.25}
        """
        counts = self._counts()
        return {label: count / counts.total() for label, count in sorted(counts.items())}

    def _counts(self) -> Counter:
        return Counter(label for vote in self.votes for label in vote)


def evaluation(raw: Path, path: Path) -> Iterator[Turn | Problem]:
    """Yield the turns of one file of `EmoEvaluation`. The votes of raters count; those of the actors do not."""
    name = relative(path, raw)
    if reason := unreadable_reason(path):
        yield Problem(name, reason)
        return
    turn: Turn | None = None
    for number, line in enumerate(lines(decode(path.read_bytes())), start=1):
        if line.startswith("["):
            if turn is not None:
                yield turn
            turn = None
            match = RATED.fullmatch(line)
            start, end = (_seconds(match[name]) if match else None for name in ("start", "end"))
            if match and start is not None and end is not None:
                turn = Turn(match["turn"], number, start, end, match["label"])
            else:
                expected = "expected a line such as [6.2901 - 8.2357] Ses01F_impro01_F000 neu [2.5, 2.5, 2.5]"
                yield Problem(name, expected, line=number)
        elif turn is not None and (match := VOTE.match(line)):
            words = {word.strip().lower() for word in match["words"].split(";") if word.strip()}
            if unknown := sorted(words - set(VOTE_LABELS)):
                yield Problem(name, f"{turn.name}: unknown vote {unknown[0]}", line=number)
            if labels := {VOTE_LABELS[word] for word in words if word in VOTE_LABELS}:
                turn.votes.append(labels)
    if turn is not None:
        yield turn


def transcripts(data: bytes) -> dict[str, str]:
    """Return {turn: text} without the tags for other sounds. Turns without a recording are left out.

    >>> transcripts(b"Ses01F_impro01_F000 [006.2901-008.2357]: [LAUGHTER] Excuse me.\\nM: No.\\n")
    {'Ses01F_impro01_F000': 'Excuse me.'}
    """
    spoken = (SPOKEN.fullmatch(line.strip()) for line in lines(decode(data)))
    return {line["turn"]: _without_tags(line["text"]) for line in spoken if line}


def _without_tags(text: str) -> str:
    words = " ".join(TAG.sub(" ", text).split())
    # a full stop after a tag is no word
    return words if any(letter.isalnum() for letter in words) else ""


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
