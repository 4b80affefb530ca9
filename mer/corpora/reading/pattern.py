"""One parser for all corpora whose file names follow a pattern: a corpus declares a row, and the row is read here.

The name of a file counts. Lists and texts beside the recordings add what it does not say; a list that says
otherwise is told.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mer.corpora.corpus import Corpus, Problem, Utterance
from mer.corpora.reading.columns import GENDERS
from mer.corpora.reading.files import (
    Parse,
    audio,
    decode,
    in_path_order,
    labelled,
    relative,
    table,
    unusable,
    walk,
    whole,
)

Known = dict[str, dict[str, str]]
"""a recording or a speaker -> what is said of it, in the words of `Row.name`"""


@dataclass(frozen=True)
class Listing:
    """A table with a header beside the recordings."""

    file: str
    """its name, wherever it lies in the corpus folder"""
    key: str
    """the column that says which recording or which speaker a line is about"""
    columns: dict[str, str]
    """what a line says, in the words of `Row.name` -> the column that says it"""
    delimiter: str = ","


@dataclass(frozen=True)
class Row:
    """How a corpus spells what it says about a recording."""

    name: str
    """a regular expression for whole file names without suffix, whose groups `speaker`, `emotion`, `gender`, `age`,
    `intensity`, `sentence` and `text` are what they are called"""
    example: str
    """such a name, for messages"""
    emotions: dict[str, str]
    """native label -> the field's noun"""
    language: str
    """ISO 639-1"""
    languages: dict[str, str] = field(default_factory=dict)
    """sentence -> its language, where that is another one"""
    speakers: dict[str, tuple[str, int]] = field(default_factory=dict)
    """speaker -> gender and age, where neither names nor lists say them"""
    speaker_letters: int | None = None
    """how many letters of a speaker's code make the id: for hashes, which no table has room for"""
    intensities: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """sentence -> what is said"""
    text_source: str = "script"
    text_suffix: str | None = None
    """suffix of the files that hold what is said in the recording of the same name"""
    listing: Listing | None = None
    """what is said about each recording, by the name of its file"""
    people: Listing | None = None
    """what is said about each speaker"""
    refused: dict[str, str] = field(default_factory=dict)
    """a regular expression found in a path below the corpus folder -> why such a recording is of no use"""


def corpus(name: str, row: Row, **about: Any) -> Corpus:
    """Return the corpus that a row makes together with `about`, the other fields of `Corpus`."""
    return Corpus(name=name, family=name, emotions=row.emotions, language=row.language, parse=parser(row), **about)


def parser(row: Row) -> Parse:
    """Return the parser of a row."""
    name = re.compile(row.name)

    def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
        beside = _Beside()
        yield from _read_beside(raw, folder, row, name, beside)
        first: dict[str, str] = {}
        for path in audio(raw, folder):
            if isinstance(path, Problem):
                yield labelled(path, lambda stem, place: _utterance(row, name.fullmatch(stem), stem, place, beside))
                continue
            place, stem = relative(path, raw), path.stem
            beside.unheard.pop(stem, None)
            if reason := _refused(row, path.relative_to(folder).as_posix()):
                yield Problem(place, reason)
            elif stem in first:
                yield Problem(place, f"duplicate copy of {first[stem]}", lost=False)
            else:
                first[stem] = place
                yield _utterance(row, name.fullmatch(stem), stem, place, beside)
        yield from beside.unheard.values()

    return in_path_order(parse)


@dataclass
class _Beside:
    """What lies beside the recordings, by the name of the recording without suffix, and what is said of speakers."""

    recordings: Known = field(default_factory=dict)
    people: Known = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    unheard: dict[str, Problem] = field(default_factory=dict)
    """what is to be told as long as no such recording is found"""


def _read_beside(raw: Path, folder: Path, row: Row, name: re.Pattern[str], beside: _Beside) -> Iterator[Problem]:
    for path in walk(folder):
        if row.listing and path.name == row.listing.file:
            yield from _read_list(raw, path, row.listing, name, beside.recordings, beside.unheard)
        elif row.people and path.name == row.people.file:
            yield from _read_list(raw, path, row.people, name, beside.people, {})
        elif path.suffix.lower() == row.text_suffix and name.fullmatch(path.stem):
            place = relative(path, raw)
            if reason := unusable(path):
                yield Problem(place, reason)
            elif path.stem not in beside.texts:
                beside.texts[path.stem] = " ".join(decode(path.read_bytes()).split())
                beside.unheard[path.stem] = Problem(place, "no audio of this name")


def _read_list(
    raw: Path, path: Path, listing: Listing, name: re.Pattern[str], known: Known, unheard: dict[str, Problem]
) -> Iterator[Problem]:
    place = relative(path, raw)
    for found in table(raw, path, (listing.key, *dict.fromkeys(listing.columns.values())), delimiter=listing.delimiter):
        if isinstance(found, Problem):
            yield found
            continue
        line, cells = found
        key = cells[listing.key].removesuffix(".wav")
        said = {what: cells[column] for what, column in listing.columns.items()}
        unheard.setdefault(key, Problem(place, f"{key}: no audio", line=line))
        if known.setdefault(key, said) != said:
            yield Problem(place, f"{key}: listed a second time, and differently", line=line)
        elif reason := _disagreement(listing, said, name.fullmatch(key)):
            yield Problem(place, f"{key}: {reason}", line=line)


def _disagreement(listing: Listing, said: dict[str, str], match: re.Match[str] | None) -> str | None:
    named = match.groupdict() if match else {}
    for what, column in listing.columns.items():
        if named.get(what, said[what]) != said[what]:
            return f"the list says {column} {said[what]!r}; the file name counts"
    return None


def _refused(row: Row, path: str) -> str | None:
    return next((reason for pattern, reason in row.refused.items() if re.search(pattern, path)), None)


def _utterance(row: Row, match: re.Match[str] | None, stem: str, place: str, beside: _Beside) -> Utterance | Problem:
    if match is None:
        return Problem(place, f"expected a name such as {row.example}")
    named = {what: code for what, code in match.groupdict().items() if code is not None}
    if "text" in named:
        named["text"] = named["text"].replace("_", " ")
    told = beside.recordings.get(stem, {}) | named
    told = beside.people.get(told.get("speaker", ""), {}) | told
    emotion, speaker, sentence = (told.get(what, "") for what in ("emotion", "speaker", "sentence"))
    if not emotion or not speaker:
        return Problem(place, f"{row.listing.file} does not say who speaks or in which emotion")
    if emotion not in row.emotions:
        return Problem(place, f"unknown label {emotion}")
    gender, age = row.speakers.get(speaker, (GENDERS.get(told.get("gender", "").lower()), whole(told.get("age"))))
    text = told.get("text") or row.texts.get(sentence) or beside.texts.get(stem) or None
    return Utterance(
        name=stem,
        path=place,
        speaker=speaker[: row.speaker_letters],
        emotion_raw=emotion,
        gender=gender,
        age=age,
        language=row.languages.get(sentence, row.language),
        emotion_intensity=row.intensities.get(told.get("intensity", "")),
        transcription=text,
        text_source=row.text_source if text else "none",
        sentence_id=sentence or None,
    )
