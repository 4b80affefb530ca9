"""What is wrong with transcripts: missing, garbled, or in another language than the corpus."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from mer.corpora import CORPORA
from mer.dataset.audit.findings import NOTE, WARNING, Finding
from mer.dataset.audit.measures.quality import by_corpus
from mer.dataset.audit.sentences.languages import COMMON, SCRIPTS
from mer.dataset.audit.sentences.shared_sentences import normal

TELLING = 3
"""different common words of another language, and none of its own, that make a line foreign. Two are not enough: 12 of
20,000 English lines (“No, just a barrel.”) would be Portuguese. Shorter lines go by their letters only."""
_GARBLED = re.compile(
    "�"  # what a decoder puts where it gives up
    "|[\x80-\x9f]"  # Windows-1252 read as Latin-1
    "|[ÂÃ][\u00a0-\u00bf\u0152-\u0178\u2013-\u2122]"  # UTF-8 of a letter read as Windows-1252
    "|â(?:€|\x80)"  # the same of a quotation mark or dash
    "|&(?:amp|quot|#39|lt|gt);"
)


def transcript_findings(manifest: pd.DataFrame) -> Iterator[Finding]:
    """Yield what is wrong with transcripts, for each corpus that has them."""
    rows = manifest.reindex(columns=["utterance_id", "corpus", "transcription", "language"]).astype("str")
    told = {name: corpus.language for name, corpus in CORPORA.items()}
    rows["language"] = rows["language"].fillna(rows["corpus"].map(told).astype("str"))
    text = rows["transcription"].fillna("")
    letters = text.map({line: any(map(str.isalnum, line)) for line in text.unique()}).astype(bool)
    rows = rows.assign(transcription=text, spoken=letters)
    rows = rows[rows.groupby("corpus")["spoken"].transform("mean") >= 0.5]
    yield from by_corpus(
        "missing transcript",
        NOTE,
        rows,
        ~rows["spoken"],
        lambda part: "have no words in a corpus that has transcripts.",
        "a text model sees nothing there, and answers by what it takes for usual.",
        "look into the corpus's list; else score systems with text on rows that have some.",
    )
    lines = rows[rows["spoken"]].drop_duplicates(["transcription", "language"])
    marks = pd.MultiIndex.from_frame(rows[["transcription", "language"]])
    for kind, test, what, meaning, advice in _TESTS:
        found = pd.MultiIndex.from_tuples(
            [(line, code) for line, code in zip(lines["transcription"], lines["language"], strict=True)
             if test(line, code)], names=marks.names)  # fmt: skip
        yield from by_corpus(
            kind,
            WARNING,
            rows,
            pd.Series(marks.isin(found), rows.index),
            lambda part, what=what: f"{what} (“{part['transcription'].iloc[0]:.60}”).",
            meaning,
            advice,
        )


def garbled(line: str) -> bool:
    """Whether letters were decoded wrongly somewhere on their way.

    >>> garbled("donâ€™t"), garbled("TÃ¼te"), garbled("Tüte"), garbled("Ânimo, Ã")
    (True, True, False, False)
    """
    return bool(_GARBLED.search(line))


def foreign(line: str, language: str | None) -> bool:
    """Whether a line is in another language: half of its letters or more are, or the common words among its words.

    Of a language that is not in the lists nothing is said.

    >>> foreign("Это случилось", "en"), foreign("I like Это", "en"), foreign("Kein Wort", "en")
    (True, False, False)
    >>> foreign("4:30", "en")
    False
    >>> foreign("Das will sie am Mittwoch nicht, und ich auch", "en")
    True
    """
    if language not in SCRIPTS:
        return False
    scripts = Counter(_script(letter) for letter in line if letter.isalpha())
    own = sum(count for script, count in scripts.items() if script in SCRIPTS[language])
    if 2 * own <= scripts.total() > 0:
        return True
    words = set(normal(line).split())
    if language not in COMMON or words & COMMON[language]:
        return False
    return max(len(words & common) for common in COMMON.values()) >= TELLING


def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]


_TESTS = (
    ("garbled transcript", lambda line, code: garbled(line),
     "hold letters that were decoded wrongly",
     "a text model sees words that nobody says; where one label's lines are garbled, it learns that.",
     "read the corpus's list in its own encoding."),
    ("foreign transcript", foreign,
     "are not in the language of their corpus",
     "a text model was made for another language, or sound and text are not of the same utterance.",
     "look into the corpus's list; set the corpus's language where it is wrong."),
)  # fmt: skip
