"""Whether a corpus is present and complete: the utterances that its parser yields, compared with published counts."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mer import files
from mer.corpora import parsers
from mer.corpora.corpus import Corpus, Problem
from mer.corpora.reading.files import EMPTY, is_empty

SLACK = {
    "afew": 2,  # published counts of two sources differ
    "cremad": 1,  # one recording is silent
    "emovdb": 40,  # copies differ by a few takes
    "mead": 86,  # clips were lost, more in some copies than in others
    "meld": 2,  # two clips cannot be read
}
"""Maps a corpus to the number of utterances per label that may be missing from `Corpus.expected_counts` in a complete
copy."""
EXAMPLES = 2
"""The number of paths that a report lists for each problem."""


@dataclass(frozen=True)
class Status:
    """The content of a corpus's folder.

    Attributes:
        corpus: description of the corpus.
        folder: folder of the corpus; None if there is none.
        counts: number of utterances per native label.
        unreadable: number of utterances without a recording, if the corpus has recordings.
        speakers: number of speakers.
        problems: reason -> paths with this problem.
    """

    corpus: Corpus
    folder: Path | None
    counts: Counter[str]
    unreadable: int
    speakers: int
    problems: dict[str, list[str]]

    @property
    def missing_counts(self) -> list[str]:
        """One line per published count that is not reached."""
        slack = SLACK.get(self.corpus.name, 0)
        lines = [
            f"{label} {self.counts[label]:,} of {count:,}"
            for label, count in sorted(self.corpus.expected_counts.items())
            if self.counts[label] < count - slack
        ]
        if self.corpus.speakers and self.speakers < self.corpus.speakers:
            lines.append(f"speakers {self.speakers} of {self.corpus.speakers}")
        if self.unreadable > slack:
            lines.append(f"recordings of {self.unreadable:,} utterances, of which there is only text")
        return lines

    @property
    def state(self) -> str:
        """One of complete, incomplete, absent, or present if the corpus has no published counts."""
        if self.folder is None:
            return "absent"
        if self.missing_counts or not self.counts.total():
            return "incomplete"
        return "complete" if self.corpus.expected_counts else "present"

    @property
    def ready(self) -> bool:
        """Whether nothing is known to be missing."""
        return self.state in ("complete", "present")


def status(corpus: Corpus, raw: Path) -> Status:
    """Return the content of a corpus's folder below `raw`, as its parser reads it."""
    folder = corpus.find(raw)
    counts: Counter[str] = Counter()
    unreadable, speakers = 0, set()
    problems: dict[str, list[str]] = {}
    for item in parsers.parse(corpus, raw, folder) if folder else ():
        if isinstance(item, Problem):
            line = "" if item.line is None else f", line {item.line}"
            problems.setdefault(_kind(item.reason), []).append(item.path + line)
        elif item.has_recording and is_empty(raw / item.path):
            problems.setdefault(_kind(EMPTY), []).append(item.path)  # the file exists, but its recording is missing
        else:
            counts[item.emotion_raw] += 1
            unreadable += corpus.has_audio and not item.has_recording
            speakers.add(item.speaker)
    return Status(corpus, folder, counts, unreadable, len(speakers), problems)


def report(status: Status) -> list[str]:
    """Return lines on a corpus for people. The first line is a summary."""
    corpus, total = status.corpus, status.counts.total()
    if status.folder is None:
        return [f"{corpus.name:<14} absent"]
    expected = sum(corpus.expected_counts.values())
    lines = [
        f"{corpus.name:<14} {status.state:<10}  {total:,}{f' of {expected:,}' if expected else ''} utterances, "
        f"{status.speakers:,} speakers  ({files.to_root(status.folder)})"
    ]
    if total > expected + SLACK.get(corpus.name, 0) and expected:
        lines.append(f"more than the {expected:,} that are published: another edition, or a second copy?")
    elif not expected:
        lines.append("no published counts per label to compare with")
    if status.missing_counts:
        lines.append("missing: " + ", ".join(status.missing_counts))
    for reason, paths in sorted(status.problems.items(), key=lambda item: -len(item[1])):
        some = ", ".join(paths[:EXAMPLES]) + (", …" if len(paths) > EXAMPLES else "")
        lines.append(f"{len(paths):,} × {reason}  ({some})")
    return lines


def _kind(reason: str) -> str:
    """Return a reason without the name of the file that it concerns.

    >>> _kind("train_dia0_utt3: no audio"), _kind("duplicate copy of RAVDESS/Actor_01/03.wav")
    ('no audio', 'duplicate copy of another file')
    """
    return re.sub(r"^duplicate copy of .*", "duplicate copy of another file", re.sub(r"^[\w.-]*: ", "", reason))
