"""Recordings, arrays and texts that are named one by one, as rows of a manifest from which a study's code extracts."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from mer import files
from mer.media import Unreadable, audio, video
from mer.media.recording_files import SUFFIXES, recordings_in
from mer.params.features import Input

TABLE_SUFFIXES = {".csv": ",", ".tsv": "\t"}
"""The suffixes of tables of texts, with the character between their cells."""
TEXT_COLUMNS = ("text", "transcription", "transcript", "sentence")
"""The names of columns that hold texts; the first one that a table has is read."""
MAX_CHANNELS = 64
"""The largest number of channels of an array. An array with more has its axes in the wrong order."""
CORPUS = "files"
"""The corpus of all rows."""
EMPTY_ROW = {
    "exclude_reason": None, "source_path": None, "audio_sha256": None, "audio_ok": True, "duration": None,
    "video_path": None, "video_sha256": None, "start": None, "end": None, "corpus": CORPUS, "dialogue_id": None,
    "turn_index": None, "speaker_id": "", "lexical_control": "free", "transcription": None,
}  # fmt: skip
"""The columns of the manifest that extraction reads."""


def manifest_rows(sources: Sequence, section: Input, sampling_rate: int | None, column: str | None, folder: Path,
                  max_seconds: float) -> pd.DataFrame:  # fmt: skip
    """Return a row per recording or text: the columns of a manifest, and `file`, `row`, `seconds`.

    A row that cannot be read has the reason in `exclude_reason`.

    Args:
        sources: paths of files and folders; arrays, for audio; strings that are the texts themselves, for text.
        section: the parameters of the input.
        sampling_rate: the sampling rate of arrays, in Hz.
        column: the column of tables that holds the texts; None for the first of `TEXT_COLUMNS`.
        folder: a folder for temporary files.
        max_seconds: the longest recording.

    Raises:
        ValueError: there is nothing to extract, an array has no sampling rate or the wrong shape, or a table has no
            such column.
    """
    rows = []
    for number, source in enumerate(sources):
        if section.modality == "text":
            rows += _text_rows(source, number, section, column)
        elif isinstance(source, str | Path):
            rows += [_recording_row(path, section.modality, max_seconds) for path in _files(Path(source))]
        else:
            if section.modality != "audio":
                raise ValueError(f"array {number}: arrays are audio, and the extractor reads {section.modality}; give "
                                 "files")  # fmt: skip
            path = write_array(np.asarray(source), number, sampling_rate, folder)
            rows.append(_recording_row(path, section.modality, max_seconds) | {"file": f"array {number}"})
    if not rows:
        raise ValueError("there is nothing to extract: name files or folders, or give arrays or texts")
    table = pd.DataFrame([{**EMPTY_ROW, "row": None, "seconds": None, **row} for row in rows])
    table["turn_index"] = pd.to_numeric(table["turn_index"], errors="coerce")
    return table.assign(utterance_id=[str(n) for n in range(len(table))]).astype(
        {"start": "Float64", "end": "Float64", "audio_sha256": "str", "video_sha256": "str", "exclude_reason": "str"}
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if not (recordings := list(recordings_in(path))):
        raise ValueError(f"{path}: no recording in this folder; recordings end in {' '.join(sorted(SUFFIXES))}")
    return recordings


def _recording_row(path: Path, modality: str, max_seconds: float) -> dict:
    row = {"file": str(path), "source_path": str(path.absolute()), "video_path": str(path.absolute())}
    try:
        if not path.is_file():
            return row | {"exclude_reason": "the file does not exist"}
        if modality == "audio":
            seconds, digest = audio.header(path).seconds, "audio_sha256"
        else:
            seconds, digest = video.seconds(path), "video_sha256"
        return row | {digest: files.digest_file(path), "seconds": seconds and min(seconds, max_seconds)}
    except Unreadable as error:
        return row | {"exclude_reason": error.reason}
    except OSError as error:
        return row | {"exclude_reason": f"cannot be read ({error.strerror or error})"}


def write_array(samples: np.ndarray, number: int, rate: int | None, folder: Path) -> Path:
    """Write an array to a file, so that it is decoded as recordings are. 16-bit and float32 values do not change.

    Args:
        samples: shape (samples,) or (samples, channels): floating point in [-1, 1], or integers of 16 or 32 bits.
        number: the number of the array, for messages and the name of the file.
        rate: the sampling rate, in Hz.
        folder: the folder of the file.

    Raises:
        ValueError: the sampling rate is missing, or the array has another shape or type.
    """
    name = f"array {number}"
    if rate is None:
        raise ValueError(f"{name}: needs its sampling rate in Hz: sr or sampling_rate")
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not 1 <= samples.shape[1] <= MAX_CHANNELS):
        raise ValueError(f"{name}: has shape {samples.shape}; expected (samples,) or (samples, channels)")
    if samples.dtype.kind == "f":
        samples, kind = samples.astype(np.float32), "FLOAT"
    elif samples.dtype in (np.int16, np.int32):
        kind = "PCM_16" if samples.dtype == np.int16 else "PCM_32"
    else:
        raise ValueError(f"{name}: has type {samples.dtype}; expected floating point in [-1, 1], int16 or int32")
    path = folder / f"{number}.wav"
    soundfile.write(path, samples, rate, subtype=kind)
    return path


def _text_rows(source: object, number: int, section: Input, column: str | None) -> Iterator[dict]:
    if not isinstance(source, str | Path):
        raise ValueError(f"item {number}: the extractor reads text; give strings, or paths of files")
    if isinstance(source, str):
        yield {"file": f"text {number}", "transcription": source}
        return
    path = source
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name text files, or tables with a column of texts")
    try:
        if path.suffix.lower() not in TABLE_SUFFIXES:
            yield {"file": str(path), "transcription": path.read_text(encoding="utf-8-sig")}
            return
        table = pd.read_csv(path, sep=TABLE_SUFFIXES[path.suffix.lower()], dtype="str", keep_default_na=False)
    except OSError as error:
        yield {"file": str(path), "exclude_reason": f"cannot be read ({error.strerror or error})"}
        return
    except ValueError as error:  # UnicodeDecodeError and pandas' errors are of this type
        yield {"file": str(path), "exclude_reason": f"not readable as UTF-8 text ({' '.join(str(error).split())})"}
        return
    yield from _table_rows(path, table, section, column)


def _table_rows(path: Path, table: pd.DataFrame, section: Input, column: str | None) -> Iterator[dict]:
    """Yield the rows of a table. Its rows are the turns of one dialogue unless it has a column `dialogue_id`."""
    column = column or next((name for name in TEXT_COLUMNS if name in table), TEXT_COLUMNS[0])
    if column not in table:
        raise ValueError(f"{path}: has no column {column!r}; its columns are {', '.join(map(str, table.columns))}")
    speaker = next((name for name in ("speaker_id", "speaker") if name in table), None)
    if section.speakers != "none" and speaker is None:
        raise ValueError(f"{path}: `speakers` is {section.speakers!r}, which needs a column `speaker`")
    for number, cells in enumerate(table.to_dict("records"), start=1):
        yield {
            "file": str(path), "row": number, "transcription": cells[column],
            "dialogue_id": f"{path} {cells.get('dialogue_id', '')}", "turn_index": cells.get("turn_index", number),
            "speaker_id": f"{CORPUS}_{cells[speaker]}" if speaker else "",
        }  # fmt: skip
