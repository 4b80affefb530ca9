"""Words for recordings whose corpus gives none: recognised once, kept by the content of the recording."""

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


class RecognisedTexts(Store):
    """What one recogniser heard; like a store of vectors, with texts in its lists instead."""

    shard = 64
    """recognising takes about as long as speaking: an interruption costs minutes, not an hour"""
    more: ClassVar = {"text": "str"}

    def add(self, keys: Sequence[str], texts: Sequence[str | None], errors: Sequence[str | None]) -> None:
        """Add some texts; one that is None goes with its error."""
        columns = {"text": pd.Series(texts, dtype="str"), "error": pd.Series(errors, dtype="str")}
        listing = pd.DataFrame({"key": list(keys), "row": [-1 if t is None else 0 for t in texts], **columns})
        self.append(listing, lambda place: np.save(place, np.empty((0, 0), np.float32), allow_pickle=False))

    def texts(self, keys: Sequence[str]) -> list[str | None]:
        """Return what was heard; None where nothing was."""
        found = self.index()["text"].reindex(keys)
        return [None if pd.isna(text) else str(text) for text in found]


def transcribe(manifest: pd.DataFrame, raw: Path, folder: Path, p: schema.Params, resources: Resources) -> pd.DataFrame:
    """Transcribe each recording that has no text and whose text an input may use.

    These are the usable rows and the turns that are context of them, but not read sentences that stay masked.

    Args:
        manifest: all rows.
        raw: the folder that the manifest's paths are relative to.
        folder: the folder of all stores.
        p: the sections `features`, `transcripts` and `data` of a study.

    Returns:
        `COLUMNS`, a row per recording that was asked: its words and what heard them (`pocketsphinx 5.1.1`), or the
        reason why there are none.

    Raises:
        RecordingChanged: a recording is not the one that the manifest describes any more.
    """
    recogniser, texts = p.transcripts.recogniser, [one for one in p.features.values() if one.modality == "text"]
    asked = _rows_to_transcribe(manifest, texts) if recogniser != "none" else manifest.head(0)
    empty = pd.Series(None, asked.index, "str")
    asked = asked.assign(
        transcription=empty, text_source=empty, reason=_unsupported_languages(asked["language"], recogniser)
    )
    heard = asked[asked["reason"].isna()]
    if len(heard):
        store, keys = RecognisedTexts(folder, spec(p.transcripts, p.data)), audio.keys(heard)
        audio.extract(heard, raw, store, _compute(p.transcripts, resources), resources.jobs)
        asked.loc[heard.index, "transcription"] = store.texts(keys)
        asked.loc[heard.index, "reason"] = store.errors(keys)
        asked.loc[asked["transcription"].notna(), "text_source"] = source(store.spec)
    return asked[COLUMNS].reset_index(drop=True)


def fill_in(manifest: pd.DataFrame, recognised: pd.DataFrame) -> pd.DataFrame:
    """Return the manifest with recognised words where the corpus gives none, and their `text_source`."""
    words = recognised.dropna(subset="transcription").set_index("utterance_id")
    here = manifest["utterance_id"].isin(words.index) & _without_text(manifest)
    filled = manifest.copy()
    for column in ("transcription", "text_source"):
        filled.loc[here, column] = filled.loc[here, "utterance_id"].map(words[column])
    return filled


def spec(section: schema.Transcripts, data: schema.Data) -> dict:
    """Return everything that determines what is heard besides the recording."""
    cut = recordings.spec(data.min_seconds, data.max_seconds)
    model = speech_recognition.version() if section.recogniser == "pocketsphinx" else _model(section)
    return {"extractor": section.recogniser, "version": VERSION, "model": model, **cut}


def source(spec: dict) -> str:
    """Return what stands in `text_source`.

    >>> source({"extractor": "pocketsphinx", "model": "5.1.1"})
    'pocketsphinx 5.1.1'
    """
    return f"{spec['extractor']} {spec['model']}"


def _model(section: schema.Transcripts) -> str:
    """The digest of what lies in a folder, or the name and revision of what lies on the hub."""
    folder = files.from_root(section.model)
    if not folder.is_dir():
        return f"{section.model}@{section.revision or 'main'}"
    return files.digest({p.name: files.digest_file(p) for p in sorted(folder.iterdir()) if p.is_file()})[:16]


def _without_text(manifest: pd.DataFrame) -> np.ndarray:
    """Which rows have no words, bool of shape (rows,)."""
    return np.array([text is None for text in cleaned(manifest["transcription"])], bool)


def _rows_to_transcribe(manifest: pd.DataFrame, texts: Sequence[schema.TextFeatures]) -> pd.DataFrame:
    """Rows whose recording is transcribed: those that one of the inputs reads."""
    recorded = np.array([key not in (None, SILENCE) for key in audio.keys(manifest)], bool)
    read = np.zeros(len(manifest), bool)
    for one in texts:
        needed = manifest["exclude_reason"].isna() | (manifest["dialogue_id"].notna() & (one.context > 0))
        read |= (needed & manifest["lexical_control"].isin(list(one.lexical_control))).to_numpy(bool)
    return manifest[read & _without_text(manifest) & recorded]


def _unsupported_languages(languages: pd.Series, recogniser: str) -> pd.Series:
    """Why the recogniser is not asked; null where it is."""
    known = languages.eq(speech_recognition.LANGUAGE).fillna(False) | (recogniser != "pocketsphinx")
    reasons = "pocketsphinx knows English only, the language is " + languages.fillna("not known")
    return reasons.mask(known).astype("str")


def _compute(section: schema.Transcripts, resources: Resources) -> VectorFunction:
    hear = _pocketsphinx(resources) if section.recogniser == "pocketsphinx" else _whisper(section, resources)

    def compute(sounds: Sequence[np.ndarray]) -> list[str | Unavailable]:
        return [text or Unavailable("no words recognised") for text in cleaned(pd.Series(hear(sounds), dtype=object))]

    return compute


def _pocketsphinx(resources: Resources):
    recognise = speech_recognition.open_pocketsphinx()

    def hear(sounds: Sequence[np.ndarray]) -> list[str]:
        with ThreadPoolExecutor(max(1, resources.jobs)) as pool:
            return list(pool.map(recognise, sounds))

    return hear


def _whisper(section: schema.Transcripts, resources: Resources):
    from mer.features import pretrained

    def hear(sounds: Sequence[np.ndarray]) -> list[str]:
        return pretrained.transcribe_whisper(list(sounds), section.model, section.revision, resources.device)

    return hear
