"""Transcripts that a recogniser writes, once for each recording; they are stored by the content of the recording."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
from mer.media.speech_recognition import Transcript
from mer.params import schema

VERSION = 3
COLUMNS = ["utterance_id", "corpus", "language", "transcription", "text_source", "recognised_language",
           "language_probability", "reason"]  # fmt: skip
"""The columns of the table of transcripts. `language` is that of the corpus. `recognised_language` is the one that the
recogniser detected, with its probability; both are null if it detects none."""
NO_WORDS = "no words recognised"
"""The reason of a recording in which the recogniser finds no words."""


class RecognisedTexts(Store):
    """The transcripts of one recogniser: a store whose lists contain texts and whose arrays are empty."""

    shard = 64
    """The largest number of transcripts per shard. Recognition may take as long as the recordings last."""
    more: ClassVar = {"text": "str", "recognised_language": "str", "language_probability": "float64"}

    def add(self, keys: Sequence[str], texts: Sequence[Transcript | None], errors: Sequence[str | None]) -> None:
        """Add one shard; a transcript that is None has an error instead."""
        columns = {
            "text": pd.Series([t and t.text for t in texts], dtype="str"),
            "recognised_language": pd.Series([t and t.language for t in texts], dtype="str"),
            "language_probability": pd.Series([t and t.language_probability for t in texts], dtype="float64"),
            "error": pd.Series(errors, dtype="str"),
        }
        listing = pd.DataFrame({"key": list(keys), "row": [-1 if t is None else 0 for t in texts], **columns})
        self.append(listing, lambda path: np.save(path, np.empty((0, 0), np.float32), allow_pickle=False))

    def transcripts(self, keys: Sequence[str]) -> pd.DataFrame:
        """Return text, language and its probability of each key, a row each; the text is null if there is none."""
        return self.index()[list(self.more)].reindex(keys)


def transcribe(manifest: pd.DataFrame, raw: Path, folder: Path, p: schema.Params, resources: Resources) -> pd.DataFrame:
    """Transcribe the recordings whose recognised text an input reads.

    An input reads it if the corpus has no text, and with `transcript: recognised` always. The rows are usable ones and
    turns that are context of them. Recordings whose kind of text is masked are left out, and languages that the
    recogniser does not know.

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
    table = table.assign(transcription=empty, text_source=empty, recognised_language=empty,
                         language_probability=np.nan, reason=_unsupported_languages(table["language"], p.transcripts)
                         )  # fmt: skip
    rows = table[table["reason"].isna()]
    if len(rows):
        store, keys = RecognisedTexts(folder, spec(p.transcripts, p.data)), audio.keys(rows)
        audio.extract(rows, raw, store, _compute(p.transcripts, resources), resources.jobs)
        recognised = store.transcripts(keys).set_axis(rows.index)
        table.loc[rows.index, "transcription"] = recognised["text"]
        for column in ("recognised_language", "language_probability"):
            table.loc[rows.index, column] = recognised[column]
        table.loc[rows.index, "reason"] = store.errors(keys)
        table.loc[table["transcription"].notna(), "text_source"] = source(store.spec)
    return table[COLUMNS].reset_index(drop=True)


def fill_in(manifest: pd.DataFrame, recognised: pd.DataFrame) -> pd.DataFrame:
    """Return the manifest with transcripts for rows without text, and with their `text_source`.

    Its column `recognised` has the transcripts of all rows, which inputs with `transcript: recognised` read.
    """
    transcripts = recognised.dropna(subset="transcription").set_index("utterance_id")
    rows = manifest["utterance_id"].isin(transcripts.index) & _without_text(manifest)
    filled = manifest.assign(recognised=manifest["utterance_id"].map(transcripts["transcription"]).astype("str"))
    for column in ("transcription", "text_source"):
        filled.loc[rows, column] = filled.loc[rows, "utterance_id"].map(transcripts[column])
    return filled


def notices(recognised: pd.DataFrame) -> list[str]:
    """Return sentences about recordings of languages that the recogniser does not know or does not detect.

    Args:
        recognised: as from `transcribe`.

    >>> row = {"corpus": "emodb", "language": "de", "transcription": "Yes", "recognised_language": "en", "reason": None}
    >>> notices(pd.DataFrame([row]))
    ['transcripts: in 1 of 1 recordings of emodb another language than de is detected']
    """
    sentences = []
    refused = recognised[recognised["reason"].str.contains("recognises English only", regex=False, na=False)]
    for corpus, rows in refused.groupby("corpus"):
        languages = ", ".join(sorted(rows["language"].fillna("unknown").unique()))
        sentences.append(f"transcripts: {len(rows):,} recordings of {corpus} have none, because the recogniser knows "
                         f"English only and their language is {languages}")  # fmt: skip
    detected = recognised.dropna(subset=["recognised_language", "language"])
    for (corpus, language), rows in detected.groupby(["corpus", "language"]):
        if others := int((rows["recognised_language"] != language).sum()):
            sentences.append(f"transcripts: in {others:,} of {len(rows):,} recordings of {corpus} another language "
                             f"than {language} is detected")  # fmt: skip
    return sentences


def spec(section: schema.Transcripts, data: schema.Data) -> dict:
    """Return everything that determines a transcript except the recording."""
    decoding = recordings.spec(data.min_seconds, data.max_seconds)
    model = speech_recognition.version() if section.recogniser == "pocketsphinx" else _model(section)
    own = {"context": section.context} if section.recogniser == "whisper" else {}
    return {"extractor": section.recogniser, "version": VERSION, "model": model, **own, **decoding}


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
    """Return the rows whose recognised text an input reads."""
    has_recording = np.array([key not in (None, SILENCE) for key in audio.keys(manifest)], bool)
    is_read, without = np.zeros(len(manifest), bool), _without_text(manifest)
    for one in texts:
        needed = manifest["exclude_reason"].isna() | (manifest["dialogue_id"].notna() & (one.context > 0))
        needed &= manifest["lexical_control"].isin(list(one.lexical_control))
        is_read |= needed.to_numpy(bool) & (without | (one.transcript == "recognised"))
    return manifest[is_read & has_recording]


def _unsupported_languages(languages: pd.Series, section: schema.Transcripts) -> pd.Series:
    """Return why the recogniser cannot transcribe each language; null if it can."""
    known = _known_languages(section) if len(languages) else None
    if known is None:
        return pd.Series(None, languages.index, "str")
    name = " ".join(filter(None, (section.recogniser, section.model)))
    reasons = f"{name} recognises English only, and the language is " + languages.fillna("unknown")
    return reasons.mask(languages.isin(known)).astype("str")


def _known_languages(section: schema.Transcripts) -> tuple[str, ...] | None:
    """Return the languages that a recogniser knows; None if it detects them."""
    if section.recogniser == "pocketsphinx":
        return (speech_recognition.LANGUAGE,)
    from mer.features import pretrained

    return pretrained.whisper_languages(section.model, section.revision)


def _compute(section: schema.Transcripts, resources: Resources) -> VectorFunction:
    recognise = RECOGNISERS[section.recogniser](section, resources)

    def compute(recordings: Sequence[np.ndarray]) -> list[Transcript | Unavailable]:
        transcripts = recognise(recordings)
        texts = cleaned(pd.Series([one.text for one in transcripts], dtype=object))
        return [replace(one, text=text) if text else Unavailable(NO_WORDS)
                for one, text in zip(transcripts, texts, strict=True)]  # fmt: skip

    return compute


def _pocketsphinx(section: schema.Transcripts, resources: Resources):
    recognise = speech_recognition.open_pocketsphinx()

    def recognise_all(recordings: Sequence[np.ndarray]) -> list[Transcript]:
        with ThreadPoolExecutor(max(1, resources.jobs)) as pool:
            return [Transcript(text) for text in pool.map(recognise, recordings)]

    return recognise_all


def _whisper(section: schema.Transcripts, resources: Resources):
    from mer.features import pretrained

    def recognise_all(recordings: Sequence[np.ndarray]) -> list[Transcript]:
        return pretrained.transcribe_whisper(
            recordings, section.model, section.revision, resources.device, section.context
        )

    return recognise_all


RECOGNISERS = {"pocketsphinx": _pocketsphinx, "whisper": _whisper}
"""Name of a recogniser -> the function that opens it, from `transcripts` and the resources."""
