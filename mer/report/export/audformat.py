"""The manifest as an audformat database (https://audeering.github.io/audformat/): `db.yaml` and a CSV file per table.

Whole files are in the table `files`, parts of files in the table `segments`. Paths are those below `data.raw`: the
database belongs into that folder. `mer.corpora` reads it as a corpus of one's own.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml

from mer import csv_tables, files
from mer.corpora import Corpus
from mer.dataset.manifest.schema import usable

FOLDER = "audformat"
"""The folder of the database."""
COLUMNS = {"corpus": "corpus", "speaker": "speaker_id", "emotion": "emotion", "label": "emotion_raw", "split": "split",
           "gender": "gender", "age": "age", "language": "language", "text": "transcription"}  # fmt: skip
"""Column of the database -> column of the manifest."""


def write(folder: Path, study: str, manifest: pd.DataFrame, classes: Sequence[str], corpora: Sequence[Corpus]) -> Path:
    """Write the usable rows with a recording, and return the path of `db.yaml`.

    Args:
        folder: the folder, in which `FOLDER` is created.
        study: the name of the study.
        manifest: all rows.
        classes: the classes of the policy.
        corpora: the corpora of the manifest.
    """
    rows = usable(manifest)
    rows = rows[rows["audio_sha256"].notna() & rows["audio_ok"]]
    part = rows["start"].notna() | rows["end"].notna()
    tables = {"files": _table(rows[~part]), "segments": _segments(rows[part])}
    tables = {name: table for name, table in tables.items() if len(table)}
    for name, table in tables.items():
        csv_tables.write(folder / FOLDER / f"db.{name}.csv", table)
    header = _header(study, classes, corpora, tables)
    files.write_text(folder / FOLDER / "db.yaml", yaml.safe_dump(header, sort_keys=False, allow_unicode=True))
    return folder / FOLDER / "db.yaml"


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows[list(COLUMNS.values())].set_axis(list(COLUMNS), axis=1)
    table.insert(0, "file", _paths(rows))
    return table.drop_duplicates("file")  # several speakers of one file have segments


def _segments(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows[list(COLUMNS.values())].set_axis(list(COLUMNS), axis=1)
    for place, (name, values) in enumerate((("file", _paths(rows)), ("start", _times(rows["start"].fillna(0.0))),
                                            ("end", _times(rows["end"])))):  # fmt: skip
        table.insert(place, name, values)
    return table.drop_duplicates(["file", "start", "end"])


def _paths(rows: pd.DataFrame) -> pd.Series:
    return rows["source_path"].map(csv_tables.inert_path)


def _times(seconds: pd.Series) -> pd.Series:
    """Times as pandas writes them, such as `0 days 00:00:01.500000`; to the microsecond."""
    times = pd.to_timedelta(seconds.astype(float).round(6), unit="s")
    return times.map(str)


def _header(study: str, classes: Sequence[str], corpora: Sequence[Corpus], tables: dict[str, pd.DataFrame]) -> dict:
    schemes = {name: {"dtype": "str"} for name in COLUMNS}
    schemes |= {"emotion": {"dtype": "str", "labels": list(classes)}, "age": {"dtype": "int", "minimum": 0}}
    columns = {name: {"scheme_id": name} for name in COLUMNS}
    kinds = {"files": "filewise", "segments": "segmented"}
    return {
        "name": study,
        "description": f"One row per utterance of {', '.join(one.title for one in corpora)}",
        "source": " ".join(dict.fromkeys(one.citation for one in corpora)),
        "usage": "research",
        "languages": [],
        "license": "; ".join(dict.fromkeys(one.licence for one in corpora)),
        "schemes": schemes,
        "tables": {name: {"type": kinds[name], "columns": columns} for name in tables},
    }
