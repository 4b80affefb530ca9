"""Read foreign tables of utterances as rows for the audit: MER's manifests, and lists that benchmarks publish."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mer.corpora import CORPORA, Corpus, as_synthetic
from mer.corpora.reading.regular_expressions import TooSlow, search
from mer.dataset.audit.columns import COLUMNS
from mer.dataset.audit.findings import EXAMPLES
from mer.dataset.audit.tables.column_names import TableError, list_names, match_columns
from mer.dataset.audit.tables.table_formats import SUFFIXES, read
from mer.dataset.manifest import schema

PART_WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "devel": "validation", "development": "validation",
    "test": "test", "testing": "test", "tst": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
MAX_CORPORA = 200
"""The largest number of corpora. With more, the column does not name corpora."""
MAX_MEDIAN_SECONDS = 600.0
"""The largest median duration, in seconds. Above it, durations are in another unit."""
_OTHER_COLUMNS = ("duration", "language", "text_side", "audio_ok", "exclude_reason")
"""The other columns of step 01's manifest that are read."""
_NUMERIC = ("start", "end", "fold", "duration", "text_side")


@dataclass(frozen=True)
class TableFile:
    """One file, and the part and corpus of all its rows if they are declared."""

    path: Path
    part: str | None = None
    corpus: str | None = None


@dataclass(frozen=True)
class ForeignTable:
    """A foreign table that was read.

    Attributes:
        rows: the columns of `columns.COLUMNS`, numbered from 0; unusable rows are left out.
        official: corpora with a published split.
        column_sources: MER's column -> the table's column.
        notes: remarks on how the table was read.
    """

    rows: pd.DataFrame
    official: set[str]
    column_sources: dict[str, str]
    notes: list[str]


def sources(manifest: Path | None, parts: Sequence[str]) -> list[TableFile]:
    """Return the files to read: one table, a folder with a table for each part, or parts by name.

    Args:
        parts: texts such as `train=FILE` or `meld/test=FILE`.

    Raises:
        TableError: neither or both are given, or a folder or a part has no valid name.
    """
    if bool(manifest) == bool(parts):
        raise TableError("name one table or folder, or its parts: --part train=FILE --part test=FILE")
    if manifest is None:
        listed = [_part(text) for text in parts]
        corpus = listed[0].path.resolve().parent.name
        return [TableFile(file.path, file.part, file.corpus or corpus) for file in listed]
    return _folder(manifest) if manifest.is_dir() else [TableFile(manifest)]


def _part(text: str) -> TableFile:
    name, sign, path = text.partition("=")
    corpus, _, word = name.rpartition("/")
    if not sign or not path or word.lower() not in PART_WORDS:
        raise TableError(f"--part {text!r}: write train=FILE, validation=FILE or test=FILE, or CORPUS/test=FILE")
    return TableFile(Path(path), PART_WORDS[word.lower()], corpus or None)


def _folder(folder: Path) -> list[TableFile]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        parts = {PART_WORDS[word] for word in re.split("[^a-z]+", path.stem.lower()) if word in PART_WORDS}
        if path.suffix.lower() not in SUFFIXES or len(parts) != 1:
            continue
        part = parts.pop()
        if part in files:
            raise TableError(f"{folder}: {files[part].name} and {path.name} are both {part}; name one with --part")
        files[part] = path
    if not files:
        raise TableError(f"{folder}: no table ({', '.join(SUFFIXES)}) with train, dev or test in its name; use --part")
    return [TableFile(path, part, folder.resolve().name) for part, path in files.items()]


def load(files: Sequence[TableFile], declared: dict[str, str], speaker_from: re.Pattern | None = None) -> ForeignTable:
    """Read the files into one table.

    Args:
        files: the files, as from `sources`.
        declared: MER's column -> the table's column, if the name does not show it (`column_names.parse_columns`).
        speaker_from: the pattern of the speaker in an utterance's id or path: the group `speaker`, else the first
            group, else the whole match.

    Raises:
        TableError: a file cannot be read or has nothing to audit; the message names it.
    """
    notes: dict[str, list[str]] = {}
    column_sources: dict[str, str] = {}
    rows = _rows(files, declared, column_sources, notes)
    if speaker_from is not None:
        rows["speaker_id"] = _speakers(rows, speaker_from, notes)
    corpora = _corpora_by_name(rows, files[0].path)
    for column in ("family", "lexical_control"):
        published = [getattr(corpora.get(name), column, None) for name in rows["corpus"]]
        rows[column] = rows[column].fillna(pd.Series(published, rows.index, "str"))
    official = {name for name, corpus in corpora.items() if corpus.official_splits}
    for name in sorted(official & set(rows.loc[rows["split"].notna() & rows["split_source"].isna(), "corpus"])):
        notes.setdefault("assumed to have the published split, so that shared speakers are a note", []).append(name)
    note_lines = [f"{', '.join(names)}: {note}" if names else note for note, names in notes.items()]
    return ForeignTable(rows, official, column_sources, note_lines)


def _rows(
    files: Sequence[TableFile], declared: dict[str, str], column_sources: dict[str, str], notes: dict[str, list[str]]
) -> pd.DataFrame:
    """Return the usable rows of all files; adds to `column_sources` and `notes`."""
    frames = []
    for file in files:
        frame = _columns(file, declared, column_sources)
        frame = _with_ids(frame, file, len(files) > 1, notes)
        frame["corpus"] = frame["corpus"].fillna(file.corpus or file.path.stem)
        frames.append(_with_parts(frame, file, notes))
    rows = pd.concat(frames, ignore_index=True)
    excluded = rows["exclude_reason"].notna()
    if excluded.any():
        notes[f"rows that the table itself excludes: {int(excluded.sum()):,}"] = []
        rows = rows[~excluded].reset_index(drop=True)
    if rows.empty:
        raise TableError(f"{files[0].path}: no usable row")
    return rows


def _columns(file: TableFile, declared: dict[str, str], column_sources: dict[str, str]) -> pd.DataFrame:
    """Return one file's columns with MER's names and types."""
    table = read(file.path)
    try:
        matches = match_columns(list(table.columns), declared)
    except TableError as error:
        raise TableError(f"{file.path}: {error}") from None
    if table.empty:
        raise TableError(f"{file.path}: no rows")
    if not {"utterance_id", "source_path", "speaker_id", "transcription"} & set(matches):
        raise TableError(
            f"{file.path}: no column for a path, an id, a speaker or a text among {list_names(list(table.columns))}; "
            "declare it with --columns path=…,speaker=…,emotion=…"
        )
    frame = pd.DataFrame(index=table.index)
    for column in (*COLUMNS, *_OTHER_COLUMNS):
        names = matches.get(column, [])
        column_sources |= {column: "+".join(names)} if names else {}
        texts = [table[name].astype("str") for name in names] or [pd.Series(None, table.index, "str")]
        joined = texts[0].str.cat(texts[1:], sep="/") if len(texts) > 1 else texts[0]
        frame[column] = joined.str.strip().replace("", None)
    for column in _NUMERIC:
        frame[column] = _numbers(frame[column], whole=schema.COLUMNS[column] == "Int64")
    if frame["duration"].astype("float64").median() > MAX_MEDIAN_SECONDS:
        frame["duration"] = pd.Series(pd.NA, frame.index, "Float64")
    frame["language"] = frame["language"].where(frame["language"].str.fullmatch("[a-z]{2,3}").fillna(False))
    frame["audio_ok"] = frame["audio_ok"].str.lower() != "false"
    return frame


def _numbers(texts: pd.Series, whole: bool) -> pd.Series:
    """Return numbers; seconds may also be written as 00:20:57,256. Other texts become null."""
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    clock = texts.str.extract(r"^(\d{1,4}):(\d\d):(\d\d(?:[.,]\d{1,9})?)$")
    hours, minutes, seconds = (pd.to_numeric(clock[n].str.replace(",", "."), errors="coerce") for n in range(3))
    numbers = numbers.fillna(hours * 3600 + minutes * 60 + seconds).where(lambda n: n.abs() < 1e9)
    return numbers.round().astype("Int64") if whole else numbers.astype("Float64")


def _with_ids(frame: pd.DataFrame, file: TableFile, several: bool, notes: dict[str, list[str]]) -> pd.DataFrame:
    """Give every row an id that is unique over all files; running numbers of rows or turns are replaced."""
    ids = frame["utterance_id"]
    numbers = bool(ids.notna().any() and ids.dropna().str.fullmatch("[0-9]+").all())
    if numbers and (several or ids.duplicated().mean() > 0.5):
        notes.setdefault("ids that only number the rows or turns are not used", []).append(file.path.name)
        ids = pd.Series(None, frame.index, "str")
    position = file.path.name + "#" + pd.Series(range(1, len(frame) + 1), frame.index).astype("str")
    whole_file = frame["start"].isna()
    frame["utterance_id"] = ids.fillna(frame["source_path"].where(whole_file)).fillna(position)
    dialogue = frame["dialogue_id"]
    if several and dialogue.notna().any() and dialogue.dropna().str.fullmatch("[0-9]+").all():
        notes.setdefault("dialogues are numbers, which are assumed to restart in each file", []).append(file.path.name)
        frame["dialogue_id"] = file.path.name + "#" + dialogue
    return frame


def _with_parts(frame: pd.DataFrame, file: TableFile, notes: dict[str, list[str]]) -> pd.DataFrame:
    if file.part is not None:
        frame["split"] = file.part
        return frame
    stated = frame["split"].str.lower()
    if stated.notna().any() and stated.dropna().str.fullmatch("[0-9]+").all() and frame["fold"].isna().all():
        frame["fold"] = _numbers(stated, whole=True)
        stated = pd.Series(None, frame.index, "str")
    part = stated.str.replace(r"[\W_0-9]+", "", regex=True).map(PART_WORDS).astype("str")
    unknown = frame.loc[part.isna() & stated.notna(), "split"].unique()
    if len(unknown):
        note = f"parts other than train, validation and test are not audited: {list_names(list(unknown), EXAMPLES)}"
        notes.setdefault(note, []).append(file.path.name)
    frame["split"] = part
    return frame


def _speakers(rows: pd.DataFrame, pattern: re.Pattern, notes: dict[str, list[str]]) -> pd.Series:
    group = "speaker" if "speaker" in pattern.groupindex else min(pattern.groups, 1)
    columns = rows["utterance_id"], rows["source_path"]
    names = (name for column in columns for name in column if isinstance(name, str))
    try:
        found = search(pattern.pattern, names, group)
    except TooSlow as error:
        raise TableError(f"--speaker-from {pattern.pattern!r}: {error}") from None
    speakers = [next((found[n] or None for n in row if isinstance(n, str) and found[n] is not None), None)
                for row in zip(*columns, strict=True)]  # fmt: skip
    missing = sum(name is None for name in speakers)
    if missing == len(speakers):
        raise TableError(
            f"--speaker-from {pattern.pattern!r}: matches no id and no path, such as {rows['utterance_id'][0]!r}"
        )
    if missing:
        example = rows["utterance_id"][speakers.index(None)]
        notes[f"--speaker-from: no match in {missing:,} of {len(speakers):,} rows, such as {example!r}"] = []
    return pd.Series(speakers, rows.index, "str")


def _corpora_by_name(rows: pd.DataFrame, path: Path) -> dict[str, Corpus]:
    """Return the table's corpora that MER supports, by the table's name for them."""
    names = rows["corpus"].unique()
    if len(names) > MAX_CORPORA:
        raise TableError(f"{path}: {len(names):,} corpora; name the column that holds them with --columns corpus=…")
    column = {_simplified(name): corpus for corpus in CORPORA.values() for name in (corpus.name, *corpus.folders)}
    column |= {_simplified(name): corpus for name, corpus in as_synthetic(CORPORA).items()}
    return {name: column[_simplified(name)] for name in names if _simplified(name) in column}


def _simplified(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
