"""The parser of all corpora whose file names follow a pattern (`mer/corpora/file_name_pattern.py`).

The file name takes precedence. Lists and texts beside the recordings add what it does not say. A list that contradicts
a file name is reported as a problem.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mer.corpora.corpus import Problem, Utterance
from mer.corpora.file_name_pattern import FileNamePattern, Listing
from mer.corpora.reading.columns import GENDERS
from mer.corpora.reading.files import (
    as_integer,
    audio,
    decode,
    duplicate,
    in_path_order,
    relative,
    table,
    unreadable_reason,
    walk,
    with_label,
)

Lookup = dict[str, dict[str, str]]
"""Maps a recording or a speaker to what a list says of it, by the groups of `FileNamePattern.name`."""


def parse(pattern: FileNamePattern, raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Yield the utterances of a corpus folder, and its problems, in the order of paths."""
    return in_path_order(_Reader(pattern).parse)(raw, folder)


@dataclass
class _SideFiles:
    """What lies beside the recordings."""

    recordings: Lookup = field(default_factory=dict)
    speakers: Lookup = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """Maps a recording, by its file name without suffix, to its transcript."""
    without_recording: dict[str, Problem] = field(default_factory=dict)
    """Maps a listed recording to the problem that is reported unless the recording exists."""


class _Reader:
    """One pass over the folder of a corpus."""

    def __init__(self, pattern: FileNamePattern) -> None:
        self.pattern, self.name, self.side_files = pattern, re.compile(pattern.name), _SideFiles()

    def parse(self, raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
        yield from self._read_side_files(raw, folder)
        first: dict[str, str] = {}
        for path in audio(raw, folder):
            if isinstance(path, Problem):
                yield with_label(path, self._utterance)
                continue
            name, stem = relative(path, raw), path.stem
            self.side_files.without_recording.pop(stem, None)
            if reason := self._rejection(path.relative_to(folder).as_posix()):
                yield Problem(name, reason)
            elif stem in first:
                yield duplicate(path, name, first[stem])
            else:
                first[stem] = name
                yield self._utterance(stem, name)
        yield from self.side_files.without_recording.values()

    def _read_side_files(self, raw: Path, folder: Path) -> Iterator[Problem]:
        pattern, side_files = self.pattern, self.side_files
        for path in walk(folder):
            if pattern.recording_list and path.name == pattern.recording_list.file:
                without_recording = side_files.without_recording
                yield from self._read_list(raw, path, pattern.recording_list, side_files.recordings, without_recording)
            elif pattern.speaker_list and path.name == pattern.speaker_list.file:
                yield from self._read_list(raw, path, pattern.speaker_list, side_files.speakers, {})
            elif path.suffix.lower() == pattern.text_suffix and self.name.fullmatch(path.stem):
                name = relative(path, raw)
                if reason := unreadable_reason(path):
                    yield Problem(name, reason)
                elif path.stem not in side_files.texts:
                    side_files.texts[path.stem] = " ".join(decode(path.read_bytes()).split())
                    side_files.without_recording[path.stem] = Problem(name, "no audio of this name")

    def _read_list(
        self, raw: Path, path: Path, listing: Listing, lookup: Lookup, without_recording: dict[str, Problem]
    ) -> Iterator[Problem]:
        name = relative(path, raw)
        columns = (listing.key, *dict.fromkeys(listing.columns.values()))
        for row in table(raw, path, columns, delimiter=listing.delimiter):
            if isinstance(row, Problem):
                yield row
                continue
            line, cells = row
            key = cells[listing.key].removesuffix(".wav")
            listed = {group: cells[column] for group, column in listing.columns.items()}
            without_recording.setdefault(key, Problem(name, f"{key}: no audio", line=line))
            if lookup.setdefault(key, listed) != listed:
                yield Problem(name, f"{key}: listed a second time, and differently", line=line)
            elif reason := _disagreement(listing, listed, self.name.fullmatch(key)):
                yield Problem(name, f"{key}: {reason}", line=line)

    def _rejection(self, path: str) -> str | None:
        """Return why a recording is not used, or None."""
        return next((reason for name, reason in self.pattern.rejected_names.items() if re.search(name, path)), None)

    def _utterance(self, stem: str, path: str) -> Utterance | Problem:
        pattern, match = self.pattern, self.name.fullmatch(stem)
        if match is None:
            return Problem(path, f"expected a name such as {pattern.example}")
        values = self._values(stem, match)
        emotion, speaker, sentence = (values.get(group, "") for group in ("emotion", "speaker", "sentence"))
        if not emotion or not speaker:
            return Problem(path, f"{pattern.recording_list.file} does not say who speaks or in which emotion")
        if emotion not in pattern.emotions:
            return Problem(path, f"unknown label {emotion}")
        listed = GENDERS.get(values.get("gender", "").lower()), as_integer(values.get("age"))
        gender, age = pattern.speakers.get(speaker, listed)
        text = values.get("text") or pattern.texts.get(sentence) or self.side_files.texts.get(stem) or None
        return Utterance(
            name=stem,
            path=path,
            speaker=speaker[: pattern.speaker_letters],
            emotion_raw=emotion,
            gender=gender,
            age=age,
            language=pattern.languages.get(sentence, pattern.language),
            emotion_intensity=pattern.intensities.get(values.get("intensity", "")),
            transcription=text,
            text_source=pattern.text_source if text else "none",
            sentence_id=sentence or None,
        )

    def _values(self, stem: str, match: re.Match[str]) -> dict[str, str]:
        """Return group -> value: the file name comes first, then the list of recordings, then that of speakers."""
        in_name = {group: code for group, code in match.groupdict().items() if code is not None}
        if "text" in in_name:
            in_name["text"] = in_name["text"].replace("_", " ")
        values = self.side_files.recordings.get(stem, {}) | in_name
        return self.side_files.speakers.get(values.get("speaker", ""), {}) | values


def _disagreement(listing: Listing, listed: dict[str, str], match: re.Match[str] | None) -> str | None:
    """Return how a list contradicts a file name, or None."""
    in_name = match.groupdict() if match else {}
    for group, column in listing.columns.items():
        if in_name.get(group, listed[group]) != listed[group]:
            return f"the list says {column} {listed[group]!r}; the file name counts"
    return None
