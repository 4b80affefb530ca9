"""One's own corpus, declared in the study's YAML: a table with a row per recording, no Python.

The table is CSV or TSV with a header, JSON lines (as EmoBox has them), or the `db.yaml` of an audformat
database (mer/corpora/own/tables.py). Paths in it start at its own folder, or at the folder `audio`; those in a column
`video` name the pictures of the same seconds, where they are in a file of their own. Speakers
are kept apart as in every corpus; a named `split` column makes the parts official, a named `session` column keeps
sessions whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from mer.corpora.corpus import Corpus, Problem, Utterance
from mer.corpora.own.tables import JSON_LINES, Row, rows, seconds
from mer.corpora.reading.columns import GENDERS, NOUNS, PARTS, recognised
from mer.corpora.reading.file_names import FileNames
from mer.corpora.reading.files import in_path_order, relative, unusable, whole
from mer.corpora.reading.media import VIDEO_SUFFIXES
from mer.corpora.reading.names import TOGETHER, normal
from mer.params.schema import Corpus as Options


def corpus(name: str, options: Options) -> Corpus:
    """Return the corpus that a study declares under `corpora.<name>`."""
    return Corpus(
        name=name,
        title=options.title or name,
        family=options.family or name,
        folders=(),
        place=PurePosixPath(options.table).parent.as_posix(),
        emotions=emotions(options),
        parse=in_path_order(lambda raw, folder: _parse(name, options, raw)),
        language=options.language or "und",
        licence=options.licence or "not stated (corpora.licence)",
        citation=options.citation or "not stated (corpora.citation)",
        obtain=f"the table corpora.{name}.table = {options.table}, below data.raw",
        lexical_control=options.lexical_control,
        elicitation=options.elicitation,
        official_splits="split" in options.columns,
        own=True,
        same_people=options.family not in (None, name),
        by_session="session" in options.columns,
    )


def emotions(options: Options) -> dict[str, str]:
    """Return native label -> noun: the common words in any case, and the study's own map, which counts first."""
    words = {word: noun for plain, noun in NOUNS.items() for word in (plain, plain.capitalize(), plain.upper())}
    return words | {native: NOUNS.get(noun.lower(), noun) for native, noun in options.labels.items()}


@dataclass(frozen=True)
class _Table:
    """Where the rows of a table come from and lead to."""

    name: str
    options: Options
    raw: Path
    audio: Path
    path: str
    emotions: dict[str, str]
    names: FileNames
    people: dict[str, tuple[str, ...]]
    """given id -> who that is, in the spelling of `names.normal`"""
    asked: set[str] = field(default_factory=set)
    """the ids that were met"""

    def columns(self, row: Row) -> dict[str, str]:
        return recognised(row.cells, self.options.columns)


def _parse(name: str, options: Options, raw: Path) -> Iterator[Utterance | Problem]:
    path = raw / options.table
    audio = raw / options.audio if options.audio is not None else path.parent
    names = FileNames(audio)
    table = _Table(name, options, raw, audio, relative(path, raw), emotions(options), names, _people(options))
    listed: dict[tuple, set[str]] = {}  # stretch of a file -> its labels
    found = None
    for found in rows(raw, path):
        if isinstance(found, Problem):
            yield found
            continue
        columns = table.columns(found)
        if missing := _missing(columns, found, options):
            yield Problem(found.path, missing, line=found.line)
            if path.suffix.lower() in JSON_LINES:  # whose lines have columns of their own
                continue
            return
        item = _utterance(table, found, columns)
        others = listed.setdefault((item.path, item.start, item.end), set()) if isinstance(item, Utterance) else set()
        if isinstance(item, Utterance) and item.emotion_raw in others:
            item = Problem(found.path, f"{item.path}: listed a second time", line=found.line, lost=False)
        elif isinstance(item, Utterance):
            if others:  # with another label: both rows stay, so that the audit sees that they contradict each other
                item = replace(item, name=f"{item.name}#{len(others) + 1}")
            others.add(item.emotion_raw)
            video = _video(table, found, columns)
            if isinstance(video, Problem):
                yield video
            else:
                item = replace(item, video=video)
        yield item
    if found is None:
        yield Problem(table.path, "no rows: a header and one line per recording are expected")
    for given in sorted(table.people.keys() - table.asked):
        yield Problem(table.path, f"corpora.{name}.speakers names {given!r}, who is not in the table", lost=False)


def _people(options: Options) -> dict[str, tuple[str, ...]]:
    """What the study says of speakers: given id -> who that is."""
    said = {normal(given): dict.fromkeys(filter(None, map(normal, who))) for given, who in options.speakers.items()}
    return {given: tuple(who) for given, who in said.items() if who}


def _missing(columns: dict[str, str], row: Row, options: Options) -> str | None:
    """Say which column is not there."""
    needed = ("path", "emotion") if options.speaker_pattern else ("path", "speaker", "emotion")
    there = ", ".join(row.cells)
    for ours in {**dict.fromkeys(needed), **options.columns}:
        if ours not in columns:
            hint = " or give speaker_pattern" if ours == "speaker" else ""
            return f"no column is recognised as {ours}: name it under columns{hint}; the table has {there}"
        if columns[ours] not in row.cells:
            return f"there is no column {columns[ours]!r} (columns.{ours}); the table has {there}"
    return None


def _utterance(table: _Table, row: Row, columns: dict[str, str]) -> Utterance | Problem:
    cell = {ours: row.cells.get(theirs, "").strip() for ours, theirs in columns.items()}

    def problem(reason: str) -> Problem:
        return Problem(row.path, reason, line=row.line, label=cell["emotion"] or None)

    path = _inside(table.audio, cell["path"])
    if path is None:
        return problem(f"path {cell['path']!r} is empty or leads out of the folder of the recordings")
    if (found := table.names.find(path)) is None:
        return problem(_no_such_file(table, path))
    path = found
    if reason := unusable(path):
        return problem(f"{cell['path']}: {reason}")
    if not cell["emotion"]:
        return problem("no label")
    if cell["emotion"] not in table.emotions:
        return problem(f"unknown label {cell['emotion']!r}: add it to corpora.{table.name}.labels")
    if not (given := normal(_speaker(table.options, cell))):
        return problem("no speaker")
    table.asked.add(given)
    people = table.people.get(given, (given,))
    start, end = seconds(cell.get("start")), seconds(cell.get("end"))
    if (cell.get("start") and start is None) or (cell.get("end") and end is None) or (end or 1e9) <= (start or 0):
        return problem(f"start {cell.get('start')!r} and end {cell.get('end')!r} are no stretch of time in seconds")
    split = None
    if "split" in table.options.columns and (split := PARTS.get(cell["split"].lower())) is None:
        return problem(f"split {cell['split']!r} is not one of {', '.join(PARTS)}")
    if "session" in table.options.columns and not cell["session"]:
        return problem("no session")
    text, place = cell.get("text") or None, relative(path, table.raw)
    return Utterance(
        name=place if start is None and end is None else f"{place}@{start or 0.0}-{'' if end is None else end}",
        path=place,
        speaker=TOGETHER.join(people),
        speaker_named=given in table.people,
        emotion_raw=cell["emotion"],
        gender=GENDERS.get(cell.get("gender", "").lower()),
        age=whole(cell.get("age")),
        language=cell.get("language") or table.options.language,
        transcription=text,
        text_source="human" if text else "none",
        sentence_id=cell.get("sentence") or None,
        session=cell.get("session") or None,
        dialogue_id=cell.get("dialogue") or None,
        turn_index=whole(cell.get("turn")),
        split_official=split,
        start=start,
        end=end,
    )


def _video(table: _Table, row: Row, columns: dict[str, str]) -> str | Problem | None:
    """The path of a row's video below the raw folder; None where the cell is empty, or is a name and was not named."""
    cell = row.cells.get(columns.get("video", ""), "").strip()
    if not cell or (PurePosixPath(cell).suffix.lower() not in VIDEO_SUFFIXES and "video" not in table.options.columns):
        return None
    path = (inside := _inside(table.audio, cell)) and table.names.find(inside)
    if path is None:
        told = f"video {cell!r}: no such file below {relative(table.audio, table.raw)}/"
        return Problem(row.path, told, row.line, lost=False)  # the sound is there all the same
    reason = unusable(path)
    return Problem(row.path, f"video {cell!r}: {reason}", row.line, lost=False) if reason else relative(path, table.raw)


def _no_such_file(table: _Table, path: Path) -> str:
    nearest = table.names.nearest(path)
    told = f"no such file below {relative(table.audio, table.raw)}/: {path.relative_to(table.audio).as_posix()}"
    return f"{told} (nearest: {nearest})" if nearest else told


def _speaker(options: Options, cell: dict[str, str]) -> str:
    if options.speaker_pattern is None:
        return cell["speaker"]
    found = re.search(options.speaker_pattern, cell["path"])
    return (found[1] or "") if found else ""


def _inside(folder: Path, cell: str) -> Path | None:
    """Return the place a table's path means, None where that is not below the folder."""
    parts = PurePosixPath(cell.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or ":" in parts[0] or "\0" in cell:
        return None
    return folder.joinpath(*parts)
