"""Anyone's table of utterances as rows for the audit: our manifests, and the lists that benchmarks publish."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mer.corpora import CORPORA, Corpus, as_synthetic
from mer.dataset.audit.findings import EXAMPLES
from mer.dataset.audit.tables.column_names import Unusable, listed, recognise
from mer.dataset.audit.tables.columns import COLUMNS
from mer.dataset.audit.tables.table_formats import SUFFIXES, read
from mer.dataset.manifest import schema

PART_WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "devel": "validation", "development": "validation",
    "test": "test", "testing": "test", "tst": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
MANY_CORPORA = 200
"""more than anyone has: the column does not name corpora"""
LONGEST_MEDIAN = 600.0
"""of clips' lengths in seconds: longer ones are in another unit"""
_ALSO = ("duration", "language", "text_side", "audio_ok", "exclude_reason")
"""what else step 01 knows of its rows"""
_NUMERIC = ("start", "end", "fold", "duration", "text_side")


@dataclass(frozen=True)
class Source:
    """One file, and what is known of all its rows from outside."""

    path: Path
    part: str | None = None
    corpus: str | None = None


@dataclass(frozen=True)
class Table:
    """What was read.

    Attributes:
        rows: the columns of `rows.COLUMNS`, numbered from 0; unusable rows are left out.
        official: corpora that are known to be scored on their published split.
        read_as: our column -> theirs.
        remarks: what a reader has to know of how the table was read.
    """

    rows: pd.DataFrame
    official: set[str]
    read_as: dict[str, str]
    remarks: list[str]


def sources(manifest: Path | None, parts: Sequence[str]) -> list[Source]:
    """Return the files to read: one table, a folder with a table for each part, or parts by name.

    Args:
        parts: texts such as `train=FILE` or `meld/test=FILE`.

    Raises:
        Unusable: neither or both are given, or a folder or a part says nothing.
    """
    if bool(manifest) == bool(parts):
        raise Unusable("name one table or folder, or its parts: --part train=FILE --part test=FILE")
    if manifest is None:
        named = [_part(text) for text in parts]
        home = named[0].path.resolve().parent.name
        return [Source(source.path, source.part, source.corpus or home) for source in named]
    return _folder(manifest) if manifest.is_dir() else [Source(manifest)]


def _part(text: str) -> Source:
    name, mark, path = text.partition("=")
    corpus, _, word = name.rpartition("/")
    if not mark or not path or word.lower() not in PART_WORDS:
        raise Unusable(f"--part {text!r}: write train=FILE, validation=FILE or test=FILE, or CORPUS/test=FILE")
    return Source(Path(path), PART_WORDS[word.lower()], corpus or None)


def _folder(folder: Path) -> list[Source]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        told = {PART_WORDS[word] for word in re.split("[^a-z]+", path.stem.lower()) if word in PART_WORDS}
        if path.suffix.lower() not in SUFFIXES or len(told) != 1:
            continue
        part = told.pop()
        if part in found:
            raise Unusable(f"{folder}: {found[part].name} and {path.name} are both {part}; name one with --part")
        found[part] = path
    if not found:
        raise Unusable(f"{folder}: no table ({', '.join(SUFFIXES)}) with train, dev or test in its name; use --part")
    return [Source(path, part, folder.resolve().name) for part, path in found.items()]


def load(files: Sequence[Source], chosen: dict[str, str], speaker_from: re.Pattern | None = None) -> Table:
    """Read the files into one table.

    Args:
        chosen: our column -> theirs, where the names do not say (`columns.chosen_columns`).
        speaker_from: finds the speaker in an utterance's id or path: the group `speaker`, else the first group, else
            the whole match.

    Raises:
        Unusable: a file cannot be read or holds nothing to audit; the message names it.
    """
    remarks: dict[str, list[str]] = {}
    read_as: dict[str, str] = {}
    frames = []
    for source in files:
        frame = _columns(source, chosen, read_as)
        frame = _identified(frame, source, len(files) > 1, remarks)
        frame["corpus"] = frame["corpus"].fillna(source.corpus or source.path.stem)
        frames.append(_parted(frame, source, remarks))
    rows = pd.concat(frames, ignore_index=True)
    excluded = rows["exclude_reason"].notna()
    if excluded.any():
        remarks[f"rows that the table itself excludes, and that are left out: {int(excluded.sum()):,}"] = []
        rows = rows[~excluded].reset_index(drop=True)
    if rows.empty:
        raise Unusable(f"{files[0].path}: no usable row")
    if speaker_from is not None:
        rows["speaker_id"] = _speakers(rows, speaker_from, remarks)
    known = _known(rows, files[0].path)
    for column in ("family", "lexical_control"):
        ours = [getattr(known.get(name), column, None) for name in rows["corpus"]]
        rows[column] = rows[column].fillna(pd.Series(ours, rows.index, "str"))
    official = {name for name, corpus in known.items() if corpus.official_splits}
    for name in sorted(official & set(rows.loc[rows["split"].notna() & rows["split_source"].isna(), "corpus"])):
        remarks.setdefault("taken to be parted as published, so that speakers in common are a note", []).append(name)
    told = [f"{', '.join(names)}: {remark}" if names else remark for remark, names in remarks.items()]
    return Table(rows, official, read_as, told)


def _columns(source: Source, chosen: dict[str, str], read_as: dict[str, str]) -> pd.DataFrame:
    """One file's columns under our names and in our types."""
    table = read(source.path)
    try:
        found = recognise(list(table.columns), chosen)
    except Unusable as error:
        raise Unusable(f"{source.path}: {error}") from None
    if table.empty:
        raise Unusable(f"{source.path}: no rows")
    if not {"utterance_id", "source_path", "speaker_id", "transcription"} & set(found):
        raise Unusable(
            f"{source.path}: no column for a path, an id, a speaker or a text among {listed(list(table.columns))}; "
            "say which it is: --columns path=…,speaker=…,emotion=…"
        )
    frame = pd.DataFrame(index=table.index)
    for ours in (*COLUMNS, *_ALSO):
        names = found.get(ours, [])
        read_as |= {ours: "+".join(names)} if names else {}
        texts = [table[name].astype("str") for name in names] or [pd.Series(None, table.index, "str")]
        joined = texts[0].str.cat(texts[1:], sep="/") if len(texts) > 1 else texts[0]
        frame[ours] = joined.str.strip().replace("", None)
    for ours in _NUMERIC:
        frame[ours] = _numbers(frame[ours], whole=schema.COLUMNS[ours] == "Int64")
    if frame["duration"].astype("float64").median() > LONGEST_MEDIAN:
        frame["duration"] = pd.Series(pd.NA, frame.index, "Float64")
    frame["language"] = frame["language"].where(frame["language"].str.fullmatch("[a-z]{2,3}").fillna(False))
    frame["audio_ok"] = frame["audio_ok"].str.lower() != "false"
    return frame


def _numbers(texts: pd.Series, whole: bool) -> pd.Series:
    """Numbers, of seconds also as 00:20:57,256; what is none is missing."""
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    clock = texts.str.extract(r"^(\d{1,4}):(\d\d):(\d\d(?:[.,]\d{1,9})?)$")
    hours, minutes, seconds = (pd.to_numeric(clock[n].str.replace(",", "."), errors="coerce") for n in range(3))
    numbers = numbers.fillna(hours * 3600 + minutes * 60 + seconds).where(lambda n: n.abs() < 1e9)
    return numbers.round().astype("Int64") if whole else numbers.astype("Float64")


def _identified(frame: pd.DataFrame, source: Source, several: bool, remarks: dict[str, list[str]]) -> pd.DataFrame:
    """Give every row an id that means the same in every file; numbers that count the rows or turns of a file do not."""
    ids = frame["utterance_id"]
    numbers = bool(ids.notna().any() and ids.dropna().str.fullmatch("[0-9]+").all())
    if numbers and (several or ids.duplicated().mean() > 0.5):
        remarks.setdefault("ids that only count the rows or turns are not used as ids", []).append(source.path.name)
        ids = pd.Series(None, frame.index, "str")
    place = source.path.name + "#" + pd.Series(range(1, len(frame) + 1), frame.index).astype("str")
    stretch = frame["start"].isna()
    frame["utterance_id"] = ids.fillna(frame["source_path"].where(stretch)).fillna(place)
    dialogue = frame["dialogue_id"]
    if several and dialogue.notna().any() and dialogue.dropna().str.fullmatch("[0-9]+").all():
        remarks.setdefault("dialogues are numbers, taken to count anew in each file", []).append(source.path.name)
        frame["dialogue_id"] = source.path.name + "#" + dialogue
    return frame


def _parted(frame: pd.DataFrame, source: Source, remarks: dict[str, list[str]]) -> pd.DataFrame:
    if source.part is not None:
        frame["split"] = source.part
        return frame
    told = frame["split"].str.lower()
    if told.notna().any() and told.dropna().str.fullmatch("[0-9]+").all() and frame["fold"].isna().all():
        frame["fold"] = _numbers(told, whole=True)
        told = pd.Series(None, frame.index, "str")
    part = told.str.replace(r"[\W_0-9]+", "", regex=True).map(PART_WORDS).astype("str")
    strange = frame.loc[part.isna() & told.notna(), "split"].unique()
    if len(strange):
        said = f"parts that are none of train, validation and test are not audited: {listed(list(strange), EXAMPLES)}"
        remarks.setdefault(said, []).append(source.path.name)
    frame["split"] = part
    return frame


def _speakers(rows: pd.DataFrame, pattern: re.Pattern, remarks: dict[str, list[str]]) -> pd.Series:
    found = [_speaker(pattern, *names) for names in zip(rows["utterance_id"], rows["source_path"], strict=True)]
    missing = sum(name is None for name in found)
    if missing == len(found):
        raise Unusable(
            f"--speaker-from {pattern.pattern!r}: matches no id and no path, such as {rows['utterance_id'][0]!r}"
        )
    if missing:
        example = rows["utterance_id"][found.index(None)]
        remarks[f"--speaker-from: no match in {missing:,} of {len(found):,} rows, such as {example!r}"] = []
    return pd.Series(found, rows.index, "str")


def _speaker(pattern: re.Pattern, *names: object) -> str | None:
    for name in names:
        if isinstance(name, str) and (match := pattern.search(name)):
            return match["speaker"] if "speaker" in pattern.groupindex else match[1] if pattern.groups else match[0]
    return None


def _known(rows: pd.DataFrame, path: Path) -> dict[str, Corpus]:
    """The table's corpora that this project reads, by the table's name for them."""
    names = rows["corpus"].unique()
    if len(names) > MANY_CORPORA:
        raise Unusable(f"{path}: {len(names):,} corpora; name the column that holds them with --columns corpus=…")
    ours = {_plain(name): corpus for corpus in CORPORA.values() for name in (corpus.name, *corpus.folders)}
    ours |= {_plain(name): corpus for name, corpus in as_synthetic(CORPORA).items()}
    return {name: ours[_plain(name)] for name in names if _plain(name) in ours}


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
