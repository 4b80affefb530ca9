"""Errors of transcripts: missing, garbled, or in another language than the corpus."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from mer.corpora import CORPORA
from mer.dataset.audit.faults import Fault, fault_findings
from mer.dataset.audit.findings import NOTE, WARNING, Finding
from mer.dataset.audit.sentences.languages import COMMON, SCRIPTS
from mer.dataset.identity.sentences import normalised

MIN_FOREIGN_WORDS = 3
"""The number of different common words of another language, with none of its own, that make a sentence foreign. With
two, 12 of 20,000 English sentences (“No, just a barrel.”) would be Portuguese. Shorter sentences are classified by
their letters only."""
_GARBLED = re.compile(
    "�"  # the character that a decoder writes if it fails
    "|[\x80-\x9f]"  # Windows-1252 read as Latin-1
    "|[ÂÃ][\u00a0-\u00bf\u0152-\u0178\u2013-\u2122]"  # UTF-8 of a letter read as Windows-1252
    "|â(?:€|\x80)"  # the same of a quotation mark or dash
    "|&(?:amp|quot|#39|lt|gt);"
)

MISSING = Fault(
    "missing transcript",
    NOTE,
    lambda rows: "have no text in a corpus with transcripts.",
    "text models get nothing for them, and predict the class that is most probable without text.",
    "check the corpus's list; otherwise test systems with text on rows that have some.",
)
GARBLED = Fault(
    "garbled transcript",
    WARNING,
    lambda rows: f"contain letters that were decoded wrongly ({_quoted(rows)}).",
    "text models get words that do not exist; if this depends on the label, they learn it.",
    "read the corpus's list in its own encoding.",
)
FOREIGN = Fault(
    "foreign transcript",
    WARNING,
    lambda rows: f"are not in the language of their corpus ({_quoted(rows)}).",
    "text models are made for another language, or audio and text belong to different utterances.",
    "check the corpus's list, and correct the corpus's language if it is wrong.",
)


def transcript_findings(manifest: pd.DataFrame) -> Iterator[Finding]:
    """Yield errors of transcripts, for each corpus that has transcripts.

    Args:
        manifest: rows; of the columns utterance_id, corpus, transcription and language, missing ones are null.
    """
    rows = manifest.reindex(columns=["utterance_id", "corpus", "transcription", "language"]).astype("str")
    published = {name: corpus.language for name, corpus in CORPORA.items()}
    rows["language"] = rows["language"].fillna(rows["corpus"].map(published).astype("str"))
    text = rows["transcription"].fillna("")
    letters = text.map({entry: any(map(str.isalnum, entry)) for entry in text.unique()}).astype(bool)
    rows = rows.assign(transcription=text, has_text=letters)
    rows = rows[rows.groupby("corpus")["has_text"].transform("mean") >= 0.5]
    yield from fault_findings(MISSING, rows, ~rows["has_text"])
    texts = rows[rows["has_text"]].drop_duplicates(["transcription", "language"])
    pairs = list(zip(texts["transcription"], texts["language"], strict=True))
    keys = pd.MultiIndex.from_frame(rows[["transcription", "language"]])
    for fault, is_faulty in ((GARBLED, lambda text, language: garbled(text)), (FOREIGN, foreign)):
        faulty = pd.MultiIndex.from_tuples([pair for pair in pairs if is_faulty(*pair)], names=keys.names)
        yield from fault_findings(fault, rows, pd.Series(keys.isin(faulty), rows.index))


def garbled(text: str) -> bool:
    """Return whether letters were decoded wrongly.

    >>> garbled("donâ€™t"), garbled("TÃ¼te"), garbled("Tüte"), garbled("Ânimo, Ã")
    (True, True, False, False)
    """
    return bool(_GARBLED.search(text))


def foreign(text: str, language: str | None) -> bool:
    """Return whether a text is in another language, by at least half of its letters or by its common words.

    Args:
        language: the ISO 639-1 code of the corpus. The result is False for languages that `languages` does not list.

    >>> foreign("Это случилось", "en"), foreign("I like Это", "en"), foreign("Kein Wort", "en")
    (True, False, False)
    >>> foreign("4:30", "en")
    False
    >>> foreign("Das will sie am Mittwoch nicht, und ich auch", "en")
    True
    """
    if language not in SCRIPTS:
        return False
    scripts = Counter(_script(letter) for letter in text if letter.isalpha())
    own_letters = sum(count for script, count in scripts.items() if script in SCRIPTS[language])
    if 2 * own_letters <= scripts.total() > 0:
        return True
    words = set(normalised(text).split())
    if language not in COMMON or words & COMMON[language]:
        return False
    return max(len(words & common) for common in COMMON.values()) >= MIN_FOREIGN_WORDS


def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]


def _quoted(rows: pd.DataFrame) -> str:
    return f"“{rows['transcription'].iloc[0]:.60}”"
