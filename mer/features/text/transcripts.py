"""Transcripts of recordings whose corpus has none: recognised once and stored by the content of the recording."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from mer import files
from mer.features import audio
from mer.features.audio.recordings import SILENCE
from mer.features.extractor import Resources, Unavailable, VectorFunction
from mer.features.store import Store
from mer.features.text.dialogue import cleaned
from mer.media import recordings, speech_recognition
from mer.params import schema

VERSION = 1
COLUMNS = ["utterance_id", "corpus", "language", "transcription", "text_source", "reason"]
"""The columns of the table of transcripts."""


class RecognisedTexts(Store):
    """The transcripts of one recogniser: a store whose lists contain texts and whose arrays are empty."""

    shard = 64
    """The largest number of transcripts per shard. Recognition may take as long as the recordings last."""
    more: ClassVar = {"text": "str"}

    def add(self, keys: Sequence[str], texts: Sequence[str | None], errors: Sequence[str | None]) -> None:
        """Add one shard; a text that is None has an error instead."""
        columns = {"text": pd.Series(texts, dtype="str"), "error": pd.Series(errors, dtype="str")}
        listing = pd.DataFrame({"key": list(keys), "row": [-1 if t is None else 0 for t in texts], **columns})
        self.append(listing, lambda path: np.save(path, np.empty((0, 0), np.float32), allow_pickle=False))

    def texts(self, keys: Sequence[str]) -> list[str | None]:
        """Return the transcript of each key; None if there is none."""
        return [None if pd.isna(text) else str(text) for text in self.index()["text"].reindex(keys)]


def transcribe(manifest: pd.DataFrame, raw: Path, folder: Path, p: schema.Params, resources: Resources) -> pd.DataFrame:
    """Transcribe the recordings without text whose text an input reads.

    These are usable rows and turns that are context of them. Recordings whose kind of text is masked are left out.

    Args:
        manifest: all rows.
        raw: the folder that the manifest's paths are relative to.
        folder: the folder of all stores.
        p: the sections `features`, `transcripts` and `data` of a study.

    Returns:
        a table of `COLUMNS` with a row per recording: its transcript and the recogniser (`pocketsphinx 5.1.1`), or the
        reason why there is none.

    Raises:
        RecordingChanged: a file has changed since the dataset was built.
    """
    recogniser, texts = p.transcripts.recogniser, [one for one in p.features.values() if one.modality == "text"]
    table = _rows_to_transcribe(manifest, texts) if recogniser != "none" else manifest.head(0)
    empty = pd.Series(None, table.index, "str")
    table = table.assign(
        transcription=empty, text_source=empty, reason=_unsupported_languages(table["language"], recogniser)
    )
    rows = table[table["reason"].isna()]
    if len(rows):
        store, keys = RecognisedTexts(folder, spec(p.transcripts, p.data)), audio.keys(rows)
        audio.extract(rows, raw, store, _compute(p.transcripts, resources), resources.jobs)
        table.loc[rows.index, "transcription"] = store.texts(keys)
        table.loc[rows.index, "reason"] = store.errors(keys)
        table.loc[table["transcription"].notna(), "text_source"] = source(store.spec)
    return table[COLUMNS].reset_index(drop=True)


def fill_in(manifest: pd.DataFrame, recognised: pd.DataFrame) -> pd.DataFrame:
    """Return the manifest with transcripts for rows without text, and with their `text_source`."""
    transcripts = recognised.dropna(subset="transcription").set_index("utterance_id")
    rows = manifest["utterance_id"].isin(transcripts.index) & _without_text(manifest)
    filled = manifest.copy()
    for column in ("transcription", "text_source"):
        filled.loc[rows, column] = filled.loc[rows, "utterance_id"].map(transcripts[column])
    return filled


def spec(section: schema.Transcripts, data: schema.Data) -> dict:
    """Return everything that determines a transcript except the recording."""
    decoding = recordings.spec(data.min_seconds, data.max_seconds)
    model = speech_recognition.version() if section.recogniser == "pocketsphinx" else _model(section)
    return {"extractor": section.recogniser, "version": VERSION, "model": model, **decoding}


def source(spec: dict) -> str:
    """Return the value of `text_source`.

    >>> source({"extractor": "pocketsphinx", "model": "5.1.1"})
    'pocketsphinx 5.1.1'
    """
    return f"{spec['extractor']} {spec['model']}"


def _model(section: schema.Transcripts) -> str:
    """Return the digest of a folder's files, or the name and revision of a model on the hub."""
    folder = files.from_root(section.model)
    if not folder.is_dir():
        return f"{section.model}@{section.revision or 'main'}"
    return files.digest({p.name: files.digest_file(p) for p in sorted(folder.iterdir()) if p.is_file()})[:16]


def _without_text(manifest: pd.DataFrame) -> np.ndarray:
    """Return which rows have no text; bool of shape (rows,)."""
    return np.array([text is None for text in cleaned(manifest["transcription"])], bool)


def _rows_to_transcribe(manifest: pd.DataFrame, texts: Sequence[schema.TextFeatures]) -> pd.DataFrame:
    """Return the rows whose recording is transcribed: those without text that an input reads."""
    has_recording = np.array([key not in (None, SILENCE) for key in audio.keys(manifest)], bool)
    is_read = np.zeros(len(manifest), bool)
    for one in texts:
        needed = manifest["exclude_reason"].isna() | (manifest["dialogue_id"].notna() & (one.context > 0))
        is_read |= (needed & manifest["lexical_control"].isin(list(one.lexical_control))).to_numpy(bool)
    return manifest[is_read & _without_text(manifest) & has_recording]


def _unsupported_languages(languages: pd.Series, recogniser: str) -> pd.Series:
    """Return why the recogniser cannot transcribe each language; null if it can."""
    supported = languages.eq(speech_recognition.LANGUAGE).fillna(False) | (recogniser != "pocketsphinx")
    reasons = "pocketsphinx recognises English only, and the language is " + languages.fillna("unknown")
    return reasons.mask(supported).astype("str")


def _compute(section: schema.Transcripts, resources: Resources) -> VectorFunction:
    recognise = RECOGNISERS[section.recogniser](section, resources)

    def compute(recordings: Sequence[np.ndarray]) -> list[str | Unavailable]:
        texts = cleaned(pd.Series(recognise(recordings), dtype=object))
        return [text or Unavailable("no words recognised") for text in texts]

    return compute


def _pocketsphinx(section: schema.Transcripts, resources: Resources):
    recognise = speech_recognition.open_pocketsphinx()

    def recognise_all(recordings: Sequence[np.ndarray]) -> list[str]:
        with ThreadPoolExecutor(max(1, resources.jobs)) as pool:
            return list(pool.map(recognise, recordings))

    return recognise_all


def _whisper(section: schema.Transcripts, resources: Resources):
    from mer.features import pretrained

    def recognise_all(recordings: Sequence[np.ndarray]) -> list[str]:
        return pretrained.transcribe_whisper(list(recordings), section.model, section.revision, resources.device)

    return recognise_all


RECOGNISERS = {"pocketsphinx": _pocketsphinx, "whisper": _whisper}
"""Name of a recogniser -> the function that opens it, from `transcripts` and the resources."""
