"""The parser of a user-defined corpus: a table with a row per recording, declared in the study's YAML.

The table is CSV or TSV with a header, the first sheet of an Excel file (.xlsx), JSON lines (as in EmoBox), Parquet, the
`db.yaml` of an audformat database, or a folder of recordings (mer/corpora/own/tables.py). Its paths are relative to its
own folder, or to the folder `audio`. A column `video` may name video files of the same utterances. Speakers are kept
apart as in every corpus. A declared `split` column makes the split official; a declared `session` column keeps sessions
whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from mer.corpora.corpus import Corpus, Problem, Utterance
from mer.corpora.own.audio_folder import is_folder
from mer.corpora.own.table_row import TableRow
from mer.corpora.own.tables import JSON_LINES, rows, seconds
from mer.corpora.reading.columns import GENDERS, PARTS, match_columns
from mer.corpora.reading.file_names import FileNames
from mer.corpora.reading.files import as_integer, in_path_order, missing_reason, relative, unreadable_reason
from mer.corpora.reading.media import VIDEO_SUFFIXES
from mer.corpora.reading.names import JOINT_SPEAKERS, normalised
from mer.corpora.reading.regular_expressions import TooSlow, search
from mer.params.schema import Corpus as CorpusParameters


@dataclass(frozen=True)
class _OwnCorpus:
    """A user-defined corpus while it is read."""

    name: str
    parameters: CorpusParameters
    raw: Path
    audio: Path
    """The folder to which paths in the table are relative."""
    path: str
    """The path of the table below the raw folder."""
    emotions: dict[str, str]
    names: FileNames
    speakers: dict[str, tuple[str, ...]]
    """Maps a speaker id of the table to the people it stands for, in the spelling of `names.normalised`."""
    searched: set[str] = field(default_factory=set)
    """The speaker ids that were met in the table."""
    headers: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    """Maps the names of a row's cells to `columns`. The rows of JSON lines may differ in them."""
    speakers_in_paths: dict[str, str | None] = field(default_factory=dict)
    """Maps a path in the table to the speaker that `speaker_pattern` finds in it."""

    def columns(self, row: TableRow) -> dict[str, str]:
        """Return MER's name of each column of a row -> the table's name."""
        names = tuple(row.cells)
        if names not in self.headers:
            self.headers[names] = match_columns(names, self.parameters.columns)
        return self.headers[names]


def parse(corpus: Corpus, raw: Path) -> Iterator[Utterance | Problem]:
    """Yield the utterances of a user-defined corpus, and the problems in its table, in the order of paths."""
    return in_path_order(lambda raw, folder: _parse(_open(corpus, raw)))(raw, raw)


def _open(corpus: Corpus, raw: Path) -> _OwnCorpus:
    parameters = corpus.parser
    path = raw / parameters.table
    own_folder = path if is_folder(parameters.table) else path.parent
    audio = raw / parameters.audio if parameters.audio is not None else own_folder
    return _OwnCorpus(
        name=corpus.name,
        parameters=parameters,
        raw=raw,
        audio=audio,
        path=relative(path, raw),
        emotions=corpus.emotions,
        names=FileNames(audio),
        speakers=_speakers(parameters),
    )


def _parse(corpus: _OwnCorpus) -> Iterator[Utterance | Problem]:
    path = corpus.raw / corpus.parameters.table
    labels: dict[tuple, set[str]] = {}  # segment of a file -> its labels
    table, row = list(rows(corpus.raw, path)), None
    try:
        corpus.speakers_in_paths.update(_speakers_in_paths(corpus, table))
    except TooSlow as error:
        yield Problem(corpus.path, f"corpora.{corpus.name}.speaker_pattern: {error}")
        return
    for row in table:
        if isinstance(row, Problem):
            yield row
            continue
        columns = corpus.columns(row)
        if missing := missing_column(columns, row, corpus.parameters):
            yield Problem(row.path, missing, line=row.line)
            if path.suffix.lower() in JSON_LINES:  # each line has its own columns
                continue
            return
        yield from _with_video(corpus, row, columns, _once(_utterance(corpus, row, columns), row, labels))
    if row is None:
        yield Problem(corpus.path, "no rows: a header and one line per recording are expected")
    for speaker in sorted(corpus.speakers.keys() - corpus.searched):
        reason = f"corpora.{corpus.name}.speakers names {speaker!r}, who is not in the table"
        yield Problem(corpus.path, reason, utterance_lost=False)


def _once(item: Utterance | Problem, row: TableRow, labels: dict[tuple, set[str]]) -> Utterance | Problem:
    """Return an utterance, or a problem if the same segment has the same label in an earlier row."""
    if isinstance(item, Problem):
        return item
    earlier = labels.setdefault((item.path, item.start, item.end), set())
    if item.emotion_raw in earlier:
        return Problem(row.path, f"{item.path}: listed a second time", line=row.line, utterance_lost=False)
    if earlier:  # another label: both rows stay, so that the audit reports the contradiction
        item = replace(item, name=f"{item.name}#{len(earlier) + 1}")
    earlier.add(item.emotion_raw)
    return item


def _with_video(
    corpus: _OwnCorpus, row: TableRow, columns: dict[str, str], item: Utterance | Problem
) -> Iterator[Utterance | Problem]:
    """Yield an utterance with its video file, after the problem with that file if there is one."""
    if isinstance(item, Utterance):
        video = _video(corpus, row, columns)
        if isinstance(video, Problem):
            yield video
        else:
            item = replace(item, video=video)
    yield item


def _speakers(parameters: CorpusParameters) -> dict[str, tuple[str, ...]]:
    """Return speaker id -> the people it stands for, from the study's `speakers`."""
    people = {
        normalised(speaker): dict.fromkeys(filter(None, map(normalised, names)))
        for speaker, names in parameters.speakers.items()
    }
    return {speaker: tuple(names) for speaker, names in people.items() if names}


def missing_column(columns: dict[str, str], row: TableRow, parameters: CorpusParameters) -> str | None:
    """Return a message that names a missing column, or None if all are present."""
    required = ("path", "emotion") if parameters.speaker_pattern else ("path", "speaker", "emotion")
    present = ", ".join(row.cells)
    for column in {**dict.fromkeys(required), **parameters.columns}:
        if column not in columns:
            hint = " or give speaker_pattern" if column == "speaker" else ""
            return f"no column is recognised as {column}: name it under columns{hint}; the table has {present}"
        if columns[column] not in row.cells:
            return f"there is no column {columns[column]!r} (columns.{column}); the table has {present}"
    return None


def _utterance(corpus: _OwnCorpus, row: TableRow, columns: dict[str, str]) -> Utterance | Problem:
    cell = {column: row.cells.get(header, "").strip() for column, header in columns.items()}
    path = _recording(corpus, cell)
    split = PARTS.get(cell.get("split", "").lower()) if "split" in corpus.parameters.columns else None
    if isinstance(path, str):
        reason = path
    elif reason := _label_problem(corpus, cell):
        pass
    elif not (speaker := normalised(_speaker(corpus, cell))):
        reason = "no speaker"
    else:
        corpus.searched.add(speaker)
        reason = _time_problem(cell) or _split_problem(corpus.parameters, cell, split)
    if reason:
        return Problem(row.path, reason, line=row.line, label=cell["emotion"] or None)
    start, end = seconds(cell.get("start")), seconds(cell.get("end"))
    text, file = cell.get("text") or None, relative(path, corpus.raw)
    return Utterance(
        name=file if start is None and end is None else f"{file}@{start or 0.0}-{'' if end is None else end}",
        path=file,
        speaker=JOINT_SPEAKERS.join(corpus.speakers.get(speaker, (speaker,))),
        speaker_named=speaker in corpus.speakers,
        emotion_raw=cell["emotion"],
        gender=GENDERS.get(cell.get("gender", "").lower()),
        age=as_integer(cell.get("age")),
        language=cell.get("language") or corpus.parameters.language,
        transcription=text,
        text_source="human" if text else "none",
        sentence_id=cell.get("sentence") or None,
        session=cell.get("session") or None,
        dialogue_id=cell.get("dialogue") or None,
        turn_index=as_integer(cell.get("turn")),
        split_official=split,
        start=start,
        end=end,
    )


def _recording(corpus: _OwnCorpus, cell: dict[str, str]) -> Path | str:
    """Return the file of a row, or the reason why it cannot be read."""
    path = _path_inside(corpus.audio, cell["path"])
    if path is None:
        return (f"path {cell['path']!r} is empty or leads out of the folder of the recordings, "
                f"{relative(corpus.audio, corpus.raw)}/")  # fmt: skip
    if (file := corpus.names.find(path)) is None:
        return _file_problem(corpus, path)
    return f"{cell['path']}: {reason}" if (reason := missing_reason(file)) else file


def _label_problem(corpus: _OwnCorpus, cell: dict[str, str]) -> str | None:
    if not cell["emotion"]:
        return "no label"
    if cell["emotion"] not in corpus.emotions:
        return f"unknown label {cell['emotion']!r}: add it to corpora.{corpus.name}.labels"
    return None


def _time_problem(cell: dict[str, str]) -> str | None:
    start, end = seconds(cell.get("start")), seconds(cell.get("end"))
    if (cell.get("start") and start is None) or (cell.get("end") and end is None) or (end or 1e9) <= (start or 0):
        return f"start {cell.get('start')!r} and end {cell.get('end')!r} are no segment in seconds"
    return None


def _split_problem(parameters: CorpusParameters, cell: dict[str, str], split: str | None) -> str | None:
    if "split" in parameters.columns and split is None:
        return f"split {cell['split']!r} is not one of {', '.join(PARTS)}"
    return "no session" if "session" in parameters.columns and not cell["session"] else None


def _video(corpus: _OwnCorpus, row: TableRow, columns: dict[str, str]) -> str | Problem | None:
    """Return the path of a row's video below the raw folder, or the problem with it.

    The result is None if the cell is empty. It is also None if the study does not declare the column and the cell does
    not end as video files do.
    """
    cell = row.cells.get(columns.get("video", ""), "").strip()
    declared = "video" in corpus.parameters.columns
    if not cell or (PurePosixPath(cell).suffix.lower() not in VIDEO_SUFFIXES and not declared):
        return None
    path = (inside := _path_inside(corpus.audio, cell)) and corpus.names.find(inside)
    if path is None:
        reason = f"no such file below {relative(corpus.audio, corpus.raw)}/"
    elif not (reason := unreadable_reason(path)):
        return relative(path, corpus.raw)
    return Problem(row.path, f"video {cell!r}: {reason}", row.line, utterance_lost=False)  # the audio can be read


def _file_problem(corpus: _OwnCorpus, path: Path) -> str:
    nearest = corpus.names.nearest(path)
    name, folder = path.relative_to(corpus.audio).as_posix(), relative(corpus.audio, corpus.raw)
    return f"no such file below {folder}/: {name}" + (f" (nearest: {nearest})" if nearest else "")


def _speaker(corpus: _OwnCorpus, cell: dict[str, str]) -> str:
    if corpus.parameters.speaker_pattern is None:
        return cell["speaker"]
    return corpus.speakers_in_paths[cell["path"]] or ""


def _speakers_in_paths(corpus: _OwnCorpus, table: list[TableRow | Problem]) -> dict[str, str | None]:
    """Return path -> the speaker that the study's pattern finds in it; nothing if there is no pattern."""
    if corpus.parameters.speaker_pattern is None:
        return {}
    items = [row for row in table if isinstance(row, TableRow)]
    paths = [row.cells.get(corpus.columns(row).get("path", ""), "").strip() for row in items]
    return search(corpus.parameters.speaker_pattern, paths) if paths else {}


def _path_inside(folder: Path, cell: str) -> Path | None:
    """Return the path that a table's cell means, or None if it is not below the folder.

    An absolute path counts if it lies below the folder, as this machine names it.
    """
    text = cell.replace("\\", "/")
    for root in dict.fromkeys((folder.as_posix(), folder.resolve().as_posix())):
        text = text.removeprefix(f"{root}/")
    parts = PurePosixPath(text).parts
    if not parts or ".." in parts or parts[0] == "/" or ":" in parts[0] or "\0" in cell:
        return None
    return folder.joinpath(*parts)
