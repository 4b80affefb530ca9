"""ESD, the English half: `0011/Angry/0011_000351.wav` is speaker and number, with or without a folder of the part.

The number gives the emotion (350 each: neutral, angry, happy, sad, surprise) and the sentence, which all speakers and
emotions share. `0011.txt` has id, text and label. Traps: the lists have four encodings, some lines have blanks instead
of tabs, so that the label could become part of the text, and some labels are Chinese; the published split has every
speaker in all parts.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mer.corpora.catalogue.acted import ESD
from mer.corpora.corpus import Problem, Utterance
from mer.corpora.reading.files import Parse, clips, decode, in_path_order, relative, unreadable_reason, walk

BLOCKS = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
"""The native labels in the order of the numbers."""
PER_BLOCK = 350
"""The number of sentences per label."""
EMOTIONS = ESD.emotions
LABELS = {*EMOTIONS, "中立", "快乐", "伤心", "生气", "惊喜"}
SPLITS = {"train": "train", "evaluation": "validation", "test": "test"}
NAME = re.compile(r"(?P<speaker>[0-9]{4})_(?P<number>[0-9]{6})")
LINE = re.compile(r"([0-9]{4}_[0-9]{6})\s+(\S.*)")


@dataclass(frozen=True)
class Half:
    """The speakers of one language. Both halves lie in one folder."""

    title: str
    language: str
    speakers: tuple[str, ...]
    women: tuple[str, ...]
    encodings: tuple[str, ...]
    """The encodings of lists that are neither UTF-8 nor UTF-16, in order of preference."""


MANDARIN = Half(
    title="Mandarin",
    language="zh",
    speakers=tuple(f"{number:04}" for number in range(1, 11)),
    women=("0001", "0002", "0003", "0007", "0009"),
    encodings=("gb18030",),
)
ENGLISH = Half(
    title="English",
    language="en",
    speakers=tuple(f"{number:04}" for number in range(11, 21)),
    women=("0015", "0016", "0017", "0018", "0019"),
    encodings=("cp1252", "gb18030"),
)


@dataclass
class _Texts:
    """The transcripts of one half."""

    by_name: dict[str, str] = field(default_factory=dict)
    """Maps the name of a recording to its transcript in the list of its speaker."""
    by_sentence: dict[int, str] = field(default_factory=dict)
    """Maps a sentence to the transcript that most speakers have, for gaps in single lists."""


def parser(half: Half, other: Half) -> Parse:
    """Return the parser of one half. It counts the recordings of the other half."""

    def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
        texts = _Texts()
        yield from _read_lists(raw, folder, half, texts)
        others = 0
        for clip in clips(raw, folder):
            if isinstance(clip, Problem):
                yield clip
            elif (codes := NAME.fullmatch(clip[0])) and codes["speaker"] in other.speakers:
                others += 1
            else:
                folders = clip[2].relative_to(folder).parts[:-1]
                yield _utterance(half, *clip[:2], folders, texts)
        if others:
            which = f"{others} clips of the {other.title} speakers {other.speakers[0]} to {other.speakers[-1]}"
            yield Problem(
                relative(folder, raw), f"{which}: another corpus of the family, not read", utterance_lost=False
            )

    return in_path_order(parse)


def _read_lists(raw: Path, folder: Path, half: Half, texts: _Texts) -> Iterator[Problem]:
    for path in walk(folder):
        if path.suffix == ".txt" and path.stem in half.speakers:
            if reason := unreadable_reason(path):
                yield Problem(relative(path, raw), reason)
            else:
                texts.by_name = transcripts(path.read_bytes(), half.encodings) | texts.by_name
    texts.by_sentence = _most_common(texts.by_name)


def transcripts(data: bytes, encodings: tuple[str, ...] = ENGLISH.encodings) -> dict[str, str]:
    """Return {id: text} of a speaker's list, in the encoding in which most lines end in a known label.

    >>> transcripts("0011_000351\\tThe nine the eggs.\\tAngry\\n0011_000352 Chip.  生气".encode("gb18030"))
    {'0011_000351': 'The nine the eggs.', '0011_000352': 'Chip.'}
    """
    versions = [[_split(line) for line in decode(data, code).splitlines()] for code in encodings]
    best = max(versions, key=lambda lines: sum(line is not None and line[2] for line in lines))
    return {line[0]: line[1] for line in best if line is not None and line[1]}


def _split(line: str) -> tuple[str, str, bool] | None:
    """Return (id, text without the label, whether the line ended in a known label)."""
    match = LINE.match(line.strip("\ufeff \t"))
    if match is None:
        return None
    cells = [" ".join(cell.split()) for cell in match[2].split("\t") if cell.strip()]
    text = " ".join(cells)
    before, _, last = text.rpartition(" ")
    if last in LABELS:
        return match[1], before, True
    # a third column is the label, even if its spelling is unknown
    return match[1], " ".join(cells[:-1]) if len(cells) > 1 else text, False


def _most_common(texts: dict[str, str]) -> dict[int, str]:
    """Return the text that most speakers have for each sentence."""
    counts: dict[int, Counter[str]] = {}
    for name, text in sorted(texts.items()):
        counts.setdefault(_sentence(int(name[5:])), Counter())[text] += 1
    return {sentence: counter.most_common(1)[0][0] for sentence, counter in counts.items()}


def _sentence(number: int) -> int:
    return (number - 1) % PER_BLOCK + 1


def _utterance(half: Half, stem: str, path: str, folders: tuple[str, ...], texts: _Texts) -> Utterance | Problem:
    codes = NAME.fullmatch(stem)
    if codes is None or codes["speaker"] not in half.speakers:
        first, last = half.speakers[0], half.speakers[-1]
        return Problem(path, f"expected a name such as {first}_000351 with speakers {first} to {last}")
    number = int(codes["number"])
    if not 1 <= number <= PER_BLOCK * len(BLOCKS):
        return Problem(path, f"unknown label: number {number} is not within 1 to {PER_BLOCK * len(BLOCKS)}")
    sentence = _sentence(number)
    text = texts.by_name.get(stem) or texts.by_sentence.get(sentence)
    return Utterance(
        name=stem,
        path=path,
        speaker=codes["speaker"],
        emotion_raw=BLOCKS[(number - 1) // PER_BLOCK],
        gender="female" if codes["speaker"] in half.women else "male",
        language=half.language,
        transcription=text,
        text_source="script" if text else "none",
        sentence_id=str(sentence),
        split_official=next((SPLITS[name.lower()] for name in reversed(folders) if name.lower() in SPLITS), None),
    )


parse = parser(ENGLISH, MANDARIN)
