"""Whether a corpus is there and complete: what its parser finds, counted against what is published."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mer import files
from mer.corpora import parsers
from mer.corpora.corpus import Corpus, Problem

SLACK = {
    "afew": 2,  # published counts of two sources differ
    "cremad": 1,  # one recording is silent
    "emovdb": 40,  # copies differ by a few takes
    "mead": 86,  # clips were lost, more in some copies than in others
    "meld": 2,  # two clips cannot be read
}
"""corpus -> clips by which a label may differ from `Corpus.expected` in a complete copy"""
EXAMPLES = 2


@dataclass(frozen=True)
class Status:
    """What lies in a corpus's folder.

    Attributes:
        folder: None where there is none.
        found: utterances per native label.
        unheard: those without a recording, of a corpus that has recordings.
        problems: reason -> the paths of which the parser says so.
    """

    corpus: Corpus
    folder: Path | None
    found: Counter[str]
    unheard: int
    speakers: int
    problems: dict[str, list[str]]

    @property
    def short(self) -> list[str]:
        """What is missing to the published counts, empty where nothing is or no counts are published."""
        slack = SLACK.get(self.corpus.name, 0)
        lines = [
            f"{label} {self.found[label]:,} of {count:,}"
            for label, count in sorted(self.corpus.expected_counts.items())
            if self.found[label] < count - slack
        ]
        if self.corpus.speakers and self.speakers < self.corpus.speakers:
            lines.append(f"speakers {self.speakers} of {self.corpus.speakers}")
        if self.unheard > slack:
            lines.append(f"recordings of {self.unheard:,} utterances, of which there are only words")
        return lines

    @property
    def state(self) -> str:
        """complete, incomplete or absent; "there" where it is, and nothing says how much it should be."""
        if self.folder is None:
            return "absent"
        if self.short or not self.found.total():
            return "incomplete"
        return "complete" if self.corpus.expected_counts else "there"

    @property
    def ready(self) -> bool:
        """True where nothing is known to be missing."""
        return self.state in ("complete", "there")


def status(corpus: Corpus, raw: Path) -> Status:
    """Read a corpus's folder below `raw` with its own parser."""
    folder = corpus.find(raw)
    found: Counter[str] = Counter()
    unheard, speakers = 0, set()
    problems: dict[str, list[str]] = {}
    for item in parsers.parse(corpus, raw, folder) if folder else ():
        if isinstance(item, Problem):
            line = "" if item.line is None else f", line {item.line}"
            problems.setdefault(_kind(item.reason), []).append(item.path + line)
        else:
            found[item.emotion_raw] += 1
            unheard += corpus.has_audio and not item.has_recording
            speakers.add(item.speaker)
    return Status(corpus, folder, found, unheard, len(speakers), problems)


def report(status: Status) -> list[str]:
    """Return what is to be said of a corpus, the first line in short."""
    corpus, found = status.corpus, status.found.total()
    if status.folder is None:
        return [f"{corpus.name:<14} absent"]
    wanted = sum(corpus.expected_counts.values())
    lines = [
        f"{corpus.name:<14} {status.state:<10}  {found:,}{f' of {wanted:,}' if wanted else ''} utterances, "
        f"{status.speakers:,} speakers  ({files.to_root(status.folder)})"
    ]
    if found > wanted + SLACK.get(corpus.name, 0) and wanted:
        lines.append(f"more than the {wanted:,} that are published: another edition, or a second copy?")
    elif not wanted:
        lines.append("no published counts per label to compare with")
    if status.short:
        lines.append("missing: " + ", ".join(status.short))
    for reason, paths in sorted(status.problems.items(), key=lambda item: -len(item[1])):
        some = ", ".join(paths[:EXAMPLES]) + (", …" if len(paths) > EXAMPLES else "")
        lines.append(f"{len(paths):,} × {reason}  ({some})")
    return lines


def _kind(reason: str) -> str:
    """Return a problem without the name of the one file it is about.

    >>> _kind("train_dia0_utt3: no audio"), _kind("duplicate copy of RAVDESS/Actor_01/03.wav")
    ('no audio', 'duplicate copy of another file')
    """
    return re.sub(r"^duplicate copy of .*", "duplicate copy of another file", re.sub(r"^[\w.-]*: ", "", reason))
