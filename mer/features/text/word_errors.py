"""Word errors of a recogniser on recordings whose sentence is known, by corpus, class, intensity and speaker."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd

from mer.dataset.identity import sentences
from mer.features.text.transcripts import NO_WORDS
from mer.stats import rate, rate_difference

COLUMNS = ["corpus", "by", "group", "recordings", "speakers", "words", "errors", "rate", "low", "high", "exact",
           "empty", "difference", "difference_low", "difference_high"]  # fmt: skip
"""The columns of the table of word errors. `rate` is the word error rate: replaced, left out and inserted words per
spoken word. It exceeds 1 if more words are inserted than were spoken. `exact` is the share of recordings without an
error, and `empty` that of recordings in which no words were recognised; their words count as left out. `difference` is
the rate minus that of the corpus's other recordings, over the same speakers."""
GROUPINGS = {"class": "emotion", "intensity": "emotion_intensity", "speaker": "speaker_id"}
"""Name of a grouping -> the column of the manifest."""


def count_errors(manifest: pd.DataFrame, recognised: pd.DataFrame) -> pd.DataFrame:
    """Return a row per recording whose sentence is known and that was transcribed.

    Args:
        manifest: rows as from step 01; `transcription` is the corpus's own text.
        recognised: as from `transcripts.transcribe`.

    Returns:
        the columns corpus, speaker_id, emotion, emotion_intensity, language, `words` (number of spoken words),
        `errors` and `empty`. A recording that could not be read, or whose language the recogniser does not know, has
        no row.
    """
    transcribed = recognised[recognised["transcription"].notna() | recognised["reason"].eq(NO_WORDS)]
    rows = manifest.dropna(subset="transcription").merge(
        transcribed[["utterance_id", "transcription"]], on="utterance_id", suffixes=("", "_recognised")
    )
    spoken = [
        normalised(text, language) for text, language in zip(rows["transcription"], rows["language"], strict=True)
    ]
    recognised = [normalised(text, language) if isinstance(text, str) else ""
             for text, language in zip(rows["transcription_recognised"], rows["language"], strict=True)]  # fmt: skip
    counted = rows.reindex(columns=["corpus", "speaker_id", "emotion", "emotion_intensity", "language"]).assign(
        words=[len(text.split()) for text in spoken],
        errors=[edit_distance(*pair) for pair in zip(spoken, recognised, strict=True)],
        empty=[not text for text in recognised],
    )
    return counted[counted["words"] > 0].reset_index(drop=True)


def table(counted: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return `COLUMNS`: a row for each corpus, and for each of its classes, intensities and speakers.

    Intervals are over speakers. Speakers have none.

    Args:
        counted: as from `count_errors`.
        confidence: level of the intervals, in (0, 1).
    """
    table = [row for _, rows in counted.groupby("corpus") for row in _rows_of_corpus(rows, confidence)]
    return pd.DataFrame(table, columns=COLUMNS)


def edit_distance(reference: str, recognised: str) -> int:
    """Return the number of inserted, deleted and replaced words between two texts (Levenshtein's distance of words).

    >>> edit_distance("kids are talking by the door", "kids talking by the big door")
    2
    """
    expected, transcribed = reference.split(), recognised.split()
    row = list(range(len(transcribed) + 1))
    for i, word in enumerate(expected, start=1):
        above, row = row, [i]
        for j, other in enumerate(transcribed, start=1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (word != other)))
    return row[-1]


def normalised(text: str, language: str | None) -> str:
    """Return the words of a text in the form in which they are compared.

    English is normalised as in Radford et al. [2023, appendix C], by the code of transformers: without case,
    punctuation, hesitations and annotations in brackets; contractions are written in full, numbers in digits. British
    spellings stay. In other languages, case and punctuation are removed (`dataset.identity.sentences.normalised`).

    >>> normalised("It's eleven o'clock.", "en") == normalised("it is 11 o'clock", "en")
    True
    >>> normalised("Das schwarze Stück, bitte!", "de")
    'das schwarze stück bitte'
    """
    if language != "en":
        return sentences.normalised(text)
    return " ".join(_english()(text.replace("’", "'")).split())  # the code knows one kind of apostrophe


@lru_cache(maxsize=1)
def _english():
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return EnglishTextNormalizer({})


def _rows_of_corpus(rows: pd.DataFrame, confidence: float) -> Iterator[dict]:
    yield _row(rows, rows.head(0), "corpus", rows["corpus"].iloc[0], confidence)
    for by, column in GROUPINGS.items():
        if by == "intensity" and rows[column].nunique() < 2:
            continue
        for group, own in rows.groupby(column):
            yield _row(own, rows.drop(own.index), by, str(group), confidence)


def _row(own: pd.DataFrame, others: pd.DataFrame, by: str, group: str, confidence: float) -> dict:
    """Return one row of the table: some recordings of a corpus, compared with its other ones."""
    sums = by_speaker(own, own["speaker_id"].unique())
    interval = rate(*sums, confidence)
    values = {
        "corpus": own["corpus"].iloc[0], "by": by, "group": group, "recordings": len(own), "speakers": len(sums[0]),
        "words": int(sums[1].sum()), "errors": int(sums[0].sum()), "rate": interval.point, "low": interval.low,
        "high": interval.high, "exact": float((own["errors"] == 0).mean()), "empty": float(own["empty"].mean()),
    }  # fmt: skip
    if len(others):
        speakers = pd.unique(pd.concat([own["speaker_id"], others["speaker_id"]]))
        less = rate_difference(*by_speaker(own, speakers), *by_speaker(others, speakers), confidence)
        values |= {"difference": less.point, "difference_low": less.low, "difference_high": less.high}
    return values


def by_speaker(rows: pd.DataFrame, speakers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return errors and words of each speaker."""
    sums = rows.groupby("speaker_id")[["errors", "words"]].sum().reindex(speakers, fill_value=0)
    return sums["errors"].to_numpy(), sums["words"].to_numpy()
