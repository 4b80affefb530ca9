"""Write the recordings that Parquet files of the Hugging Face hub hold into files, with a list beside them.

CAMEO (amu-cai/CAMEO, arXiv 2505.11051) and most audio data sets of the hub have this form: a column `audio` of bytes
and path, and columns such as `emotion`, `speaker_id`, `transcription` and `dataset`. Each value of `dataset` becomes a
folder of its own, because each is a corpus.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TextIO

from mer import files
from mer.corpora.own import parquet
from mer.corpora.own.audio_folder import FILE_NAME, SUFFIXES

AUDIO, LIST = "audio", "metadata.jsonl"
"""The names of the folder of recordings and of the list beside it."""
CORPUS_COLUMNS = ("dataset", "corpus")
"""The columns each of whose values is a corpus."""
SIGNATURES = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3", b"\xff\xfb": ".mp3",
              b"\xff\xf3": ".mp3"}  # fmt: skip
"""The first bytes of a recording -> the suffix of its file."""
MAX_NAME = 100
"""The longest name of a file, in letters."""


@dataclass
class UnpackedCorpus:
    """A corpus that was written.

    Attributes:
        folder: its folder.
        recordings, missing: the number of recordings, and of rows without one.
        names: the names of files that were given.
    """

    folder: Path
    recordings: int = 0
    missing: int = 0
    names: set[str] = field(default_factory=set)


def unpack(sources: list[Path], out: Path) -> list[UnpackedCorpus]:
    """Write the recordings of Parquet files and a list for each corpus.

    Args:
        sources: Parquet files, or folders with some.
        out: the folder, which must not exist or be empty. It appears when all is written.

    Raises:
        ValueError: there is no Parquet file, one has no embedded recordings, or `out` holds something.
        OSError: a file cannot be read or written.
    """
    shards = [path for source in sources for path in _shards(source)]
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{files.to_root(out)} is not empty; name another folder, or delete it to unpack again")
    partial = out.with_name(f".{out.name}.partial")
    _remove(partial)
    corpora: dict[str, UnpackedCorpus] = {}
    try:
        for shard in shards:
            _unpack_shard(shard, partial, corpora)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    finally:
        _remove(partial)
    for corpus in corpora.values():
        corpus.folder = out / corpus.folder.relative_to(partial)
    return list(corpora.values())


def _shards(source: Path) -> Iterator[Path]:
    found = sorted(source.rglob(f"*{parquet.SUFFIX}")) if source.is_dir() else [source]
    if not found or not all(path.is_file() for path in found):
        raise ValueError(f"{source}: there is no Parquet file")
    return iter(found)


def _unpack_shard(shard: Path, out: Path, corpora: dict[str, UnpackedCorpus]) -> None:
    file = parquet.open_file(shard)
    if (column := parquet.recordings_column(file.schema_arrow)) is None:
        raise ValueError(f"{shard}: no column holds recordings; name the file itself as the table of a corpus")
    lists: dict[str, TextIO] = {}
    try:
        for row in parquet.texts(file, column):
            recording = row.pop(column) or {}
            name = next((row[key] for key in CORPUS_COLUMNS if row.get(key)), "")
            corpus = corpora.setdefault(name, UnpackedCorpus(out / _plain(name) if name else out))
            if name not in lists:
                (corpus.folder / AUDIO).mkdir(parents=True, exist_ok=True)
                lists[name] = (corpus.folder / LIST).open("a", encoding="utf-8")
            path = _write(corpus, recording, row)
            lists[name].write(json.dumps({FILE_NAME: path, **row}, ensure_ascii=False) + "\n")
    finally:
        for stream in lists.values():
            stream.close()


def _write(corpus: UnpackedCorpus, recording: dict, row: dict[str, str]) -> str:
    """Write a recording, and return its path below the folder of the corpus; empty if there is none."""
    data = recording.get("bytes")
    if not data:
        corpus.missing += 1
        return ""
    original = PurePosixPath(str(recording.get("path") or row.get("file_id") or ""))
    stem, number = _plain(original.stem)[:MAX_NAME] or "recording", 1
    suffix = next((end for start, end in SIGNATURES.items() if data.startswith(start)), original.suffix.lower())
    suffix = suffix if suffix in SUFFIXES else ".wav"
    name = f"{stem}{suffix}"
    while name.casefold() in corpus.names:  # some file systems do not distinguish case
        number += 1
        name = f"{stem}-{number}{suffix}"
    corpus.names.add(name.casefold())
    (corpus.folder / AUDIO / name).write_bytes(data)
    corpus.recordings += 1
    return f"{AUDIO}/{name}"


def _plain(name: str) -> str:
    """A name with letters that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-") or ("unnamed" if name else "")


def _remove(folder: Path) -> None:
    import shutil

    if folder.exists():
        shutil.rmtree(folder)
