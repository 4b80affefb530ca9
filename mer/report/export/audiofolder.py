"""The manifest as `metadata.csv` of an AudioFolder, which the package datasets of Hugging Face reads.

The file belongs into the folder of the corpora, `data.raw`. Then
`load_dataset("audiofolder", data_files={"recordings": "data/raw/**"})` reads all rows. With `data_dir="data/raw"` the
package would take folders of corpora called train or test for splits, and read only these. Rows are whole files, as
AudioFolder has them: of a file with several utterances, `start` and `end` say which part is meant.
"""

from pathlib import Path

import pandas as pd

from mer import files
from mer.dataset.manifest.schema import usable

NAME = "metadata.csv"
"""The name that AudioFolder prescribes."""
COLUMNS = ("utterance_id", "corpus", "speaker_id", "emotion", "emotion_raw", "split", "gender", "age", "language",
           "transcription", "start", "end", "duration")  # fmt: skip
"""The columns of the manifest that are written beside `file_name`."""


def write(folder: Path, manifest: pd.DataFrame) -> Path:
    """Write the usable rows with a recording, and return the path of the file.

    Args:
        folder: the folder, which is created.
        manifest: all rows.
    """
    rows = usable(manifest)
    rows = rows[rows["audio_sha256"].notna() & rows["audio_ok"]]
    table = rows[list(COLUMNS)]
    table.insert(0, "file_name", rows["source_path"])
    files.write_text(folder / NAME, table.to_csv(index=False))
    return folder / NAME
