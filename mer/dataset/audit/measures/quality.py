"""What is broken in recordings: unreadable, cut off, silent, clipped, mute channels, wrong cuts."""

from collections.abc import Callable, Iterator

import pandas as pd

from mer.dataset.audit.findings import NOTE, WARNING, Finding, examples

CUT_OFF = 0.99
"""share of a file that must be there, of what its header promises"""
SILENT_DB = -70.0
"""level of the loudest frame; people who were recorded at a distance whisper at -55"""
FLAT_DB = 5.0
"""by which speech must rise above the noise, in a clip of a second or more; noise alone does by 1 to 3"""
CLIPPED = 0.001
"""share of samples at a ceiling: less is not heard"""
ABRUPT_DB = -6.0
"""level of the last 20 ms relative to speech; words that end by themselves are softer by then"""
DEAD_DB = -40.0
"""level of one channel of a stereo file relative to the other"""
CANCELLED_DB = -20.0
"""level of the mean over channels relative to the loudest one; unrelated channels lose 3 dB, a mute one 6"""
SHORT_SECONDS = 0.3
LONG_SECONDS, LONG_TIMES = 20.0, 10.0
"""longer than this, and this many times as long as the corpus's median"""


def recording_findings(manifest: pd.DataFrame, heard: pd.DataFrame) -> Iterator[Finding]:
    """Yield what is wrong with recordings, for each corpus.

    Args:
        manifest: rows.
        heard: what `listen` returns for them.
    """
    rows = manifest[["utterance_id", "corpus"]].join(heard)
    rows = rows[rows["seconds"].notna() | rows["error"].notna()]
    yield from by_corpus(
        "unreadable recording",
        WARNING,
        rows,
        rows["error"].notna(),
        lambda part: f"cannot be read: {_most(part['error'])}.",
        "nothing can be heard there: models see silence or nothing.",
        "get these files anew; until then they are left out, or silent, by data.audio_failure.",
    )
    yield from by_corpus(
        "cut-off file",
        WARNING,
        rows,
        rows["there"] < CUT_OFF,
        lambda part: f"end before their headers say; {part['there'].min():.0%} of one is there.",
        "a download or a copy was interrupted: the emotion may be in what is missing.",
        "get these files anew and compare checksums.",
    )
    yield from by_corpus(
        "silent recording",
        WARNING,
        rows,
        silent(rows) & ~_cancelled(rows),
        lambda part: (
            f"hold no speech that rises above silence or noise (loudest: "
            f"{part['loudest_db'].max():.0f} dB of full scale)."
        ),
        "there is nothing to recognise; where silence goes with a label, a model learns that.",
        "leave these clips out.",
    )
    yield from by_corpus(
        "clipping",
        NOTE,
        rows,
        rows["clipped"] >= CLIPPED,
        lambda part: f"are clipped in {CLIPPED:.1%} of their samples or more, at most {part['clipped'].max():.1%}.",
        "distortion comes with loud speech and so with some emotions; it is no voice quality.",
        "keep them; look whether the shortcut “recording” scores.",
    )
    yield from by_corpus(
        "abrupt end",
        NOTE,
        rows,
        (rows["end_db"] > ABRUPT_DB) & ~silent(rows),
        lambda part: (
            f"end as loud as their speech (within {-ABRUPT_DB:.0f} dB): cut within a word, or closed with a knock."
        ),
        "the last word may be missing, and with it the end of the melody.",
        "listen to the examples; keep them if it is single clips.",
    )
    yield from _channel_findings(rows)


def silent(heard: pd.DataFrame) -> pd.Series:
    """Return which recordings hold no speech, by `SILENT_DB` and `FLAT_DB`; a mask."""
    flat = (heard["contrast_db"] < FLAT_DB) & (heard["seconds"] >= 1)
    return (heard["loudest_db"] < SILENT_DB) | flat


def _cancelled(rows: pd.DataFrame) -> pd.Series:
    audible = rows["loudest_db"] - rows["downmix_db"] >= SILENT_DB
    return (rows["channels"] > 1) & (rows["downmix_db"] < CANCELLED_DB) & audible


def _channel_findings(rows: pd.DataFrame) -> Iterator[Finding]:
    dead = (rows["channels"] == 2) & (rows["weakest_db"] < DEAD_DB)
    yield from by_corpus(
        "dead channel",
        WARNING,
        rows,
        dead,
        lambda part: "have one channel that is mute or constant.",
        "the mean over channels is 6 dB softer there than elsewhere, which models can hear.",
        "keep the channel that speaks; look whether the shortcut “loudness” scores.",
    )
    yield from by_corpus(
        "cancelling channels",
        WARNING,
        rows,
        _cancelled(rows) & ~dead,
        lambda part: "have channels of opposite sign: their mean is all but silent.",
        "models hear the mean over channels, and so nearly nothing.",
        "turn one channel's sign, or keep one channel.",
    )
    yield from by_corpus(
        "doubled channel",
        NOTE,
        rows,
        rows["alike"] == 1,
        lambda part: "hold the same channel several times.",
        "nothing is lost; only what tells mono from stereo could tell these clips apart.",
        "nothing.",
    )


def length_findings(manifest: pd.DataFrame, seconds: pd.Series) -> Iterator[Finding]:
    """Yield clips that are too short or too long to be one utterance.

    Args:
        seconds: of each row, null where it is not known.
    """
    rows = manifest[["utterance_id", "corpus"]].assign(seconds=seconds)
    rows = rows[rows["seconds"].notna()]
    median = rows.groupby("corpus")["seconds"].transform("median")
    yield from by_corpus(
        "very short clip",
        NOTE,
        rows,
        rows["seconds"] < SHORT_SECONDS,
        lambda part: f"are shorter than {SHORT_SECONDS:g} s, down to {part['seconds'].min():.2f} s.",
        "hardly a syllable: no system and no person can be sure of an emotion there.",
        "keep them in a published test part; elsewhere leave them out.",
    )
    yield from by_corpus(
        "very long clip",
        WARNING,
        rows,
        (rows["seconds"] > LONG_SECONDS) & (rows["seconds"] > LONG_TIMES * median),
        lambda part: (
            f"are longer than {LONG_SECONDS:g} s and {LONG_TIMES:g} times the median, up to "
            f"{part['seconds'].max():.0f} s."
        ),
        "they were cut wrongly: most of what is heard is not the utterance that was labelled.",
        "leave them out of training; in a published test part say so beside the score.",
    )


def by_corpus(
    kind: str,
    severity: str,
    rows: pd.DataFrame,
    hit: pd.Series,
    what: Callable[[pd.DataFrame], str],
    meaning: str,
    advice: str,
) -> Iterator[Finding]:
    """Yield a finding for each corpus with rows that are hit.

    Args:
        hit: a mask; null is no.
        what: a corpus's hit rows -> the rest of the sentence “3 of 10 clips …”.
    """
    for corpus, part in rows[hit.fillna(False).astype(bool)].groupby("corpus", sort=True):
        of = int((rows["corpus"] == corpus).sum())
        told = f"{len(part):,} of {of:,} clips {what(part)}"
        yield Finding(kind, severity, corpus, len(part), of, examples(part["utterance_id"]), told, meaning, advice)


def _most(reasons: pd.Series) -> str:
    counts = reasons.value_counts()
    first = f"{counts.index[0]} ({counts.iloc[0]:,})"
    return first if len(counts) == 1 else f"{first}, and {len(counts) - 1} other reasons"
