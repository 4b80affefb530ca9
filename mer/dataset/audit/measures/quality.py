"""Faults of recordings: unreadable, truncated, silent, clipped, mute channels, wrong segmentation."""

from collections.abc import Iterator

import pandas as pd

from mer.dataset.audit.faults import Fault, fault_findings
from mer.dataset.audit.findings import NOTE, WARNING, Finding

MIN_COMPLETE_SHARE = 0.99
"""The smallest share of a file, relative to its header, that counts as complete."""
SILENT_DB = -70.0
"""The level of the loudest frame below which a recording is silent, in dB of full scale. Whispering recorded at a
distance reaches -55 dB."""
FLAT_DB = 5.0
"""The smallest contrast between speech and noise in a recording of a second or more, in dB. Noise alone has 1 to 3."""
CLIPPED = 0.001
"""The share of samples at a ceiling from which clipping is reported. Smaller shares are inaudible."""
ABRUPT_DB = -6.0
"""The level of the last 20 ms relative to speech above which an end is abrupt. Words end more softly by themselves."""
DEAD_DB = -40.0
"""The level of one channel of a stereo file relative to the other below which it is mute."""
CANCELLED_DB = -20.0
"""The level of the mean over channels, relative to the loudest one, below which channels cancel. Unrelated channels
lose 3 dB, a mute one 6 dB."""
SHORT_SECONDS = 0.3
"""The duration below which a clip is reported as very short, in seconds."""
LONG_SECONDS, LONG_TIMES = 20.0, 10.0
"""The duration (seconds) and the multiple of the corpus's median that a very long clip exceeds."""

UNREADABLE = Fault(
    "unreadable recording",
    WARNING,
    lambda rows: f"cannot be read: {_most_frequent(rows['error'])}.",
    "models get silence or nothing for them.",
    "get these files again; until then they are left out, or silent, by data.audio_failure.",
)
CUT_OFF = Fault(
    "cut-off file",
    WARNING,
    lambda rows: f"end before their headers say; only {rows['complete_share'].min():.0%} of one file is present.",
    "a download or a copy was interrupted, and the missing part may contain the emotion.",
    "get these files again and compare checksums.",
)
SILENT = Fault(
    "silent recording",
    WARNING,
    lambda rows: (
        f"contain no speech above silence or noise (loudest frame: {rows['loudest_db'].max():.0f} dB of full scale)."
    ),
    "there is nothing to recognise; if silence depends on the label, models learn that.",
    "leave these clips out.",
)
CLIPPING = Fault(
    "clipping",
    NOTE,
    lambda rows: f"are clipped in {CLIPPED:.1%} of their samples or more, at most {rows['clipped'].max():.1%}.",
    "distortion occurs with loud speech, and therefore with some emotions; it is no voice quality.",
    "keep them, and check whether the shortcut “recording” is flagged.",
)
ABRUPT_END = Fault(
    "abrupt end",
    NOTE,
    lambda rows: (
        f"end as loudly as their speech (within {-ABRUPT_DB:.0f} dB): they were cut within a word, or end with a knock."
    ),
    "the last word may be missing, and with it the end of the intonation.",
    "listen to the examples; keep them if there are only a few.",
)
DEAD_CHANNEL = Fault(
    "dead channel",
    WARNING,
    lambda rows: "have one channel that is mute or constant.",
    "their mean over channels is 6 dB softer than that of other clips, which models can detect.",
    "keep the channel with speech, and check whether the shortcut “loudness” is flagged.",
)
CANCELLING_CHANNELS = Fault(
    "cancelling channels",
    WARNING,
    lambda rows: "have channels of opposite sign: their mean is almost silent.",
    "models get the mean over channels, which contains almost nothing.",
    "invert one channel, or keep one channel.",
)
DOUBLED_CHANNEL = Fault(
    "doubled channel",
    NOTE,
    lambda rows: "contain the same channel several times.",
    "nothing is lost; only a model that distinguishes mono from stereo could recognise these clips.",
    "nothing.",
)
VERY_SHORT = Fault(
    "very short clip",
    NOTE,
    lambda rows: f"are shorter than {SHORT_SECONDS:g} s; the shortest has {rows['seconds'].min():.2f} s.",
    "they contain hardly a syllable, from which neither systems nor people recognise emotion reliably.",
    "keep them in a published test part; otherwise leave them out.",
)
VERY_LONG = Fault(
    "very long clip",
    WARNING,
    lambda rows: (
        f"are longer than {LONG_SECONDS:g} s and {LONG_TIMES:g} times the median; the longest has "
        f"{rows['seconds'].max():.0f} s."
    ),
    "they were segmented wrongly: most of the recording is not the labelled utterance.",
    "leave them out of training; for a published test part, report this next to the score.",
)


def recording_findings(manifest: pd.DataFrame, measures: pd.DataFrame) -> Iterator[Finding]:
    """Yield faults of recordings, for each corpus.

    Args:
        manifest: rows with utterance_id and corpus.
        measures: the measures of these rows, as from `measure_recordings`.
    """
    rows = manifest[["utterance_id", "corpus"]].join(measures)
    rows = rows[rows["seconds"].notna() | rows["error"].notna()]
    dead = (rows["channels"] == 2) & (rows["weakest_db"] < DEAD_DB)
    for fault, affected in (
        (UNREADABLE, rows["error"].notna()),
        (CUT_OFF, rows["complete_share"] < MIN_COMPLETE_SHARE),
        (SILENT, silent(rows) & ~_cancelled(rows)),
        (CLIPPING, rows["clipped"] >= CLIPPED),
        (ABRUPT_END, (rows["end_db"] > ABRUPT_DB) & ~silent(rows)),
        (DEAD_CHANNEL, dead),
        (CANCELLING_CHANNELS, _cancelled(rows) & ~dead),
        (DOUBLED_CHANNEL, rows["alike"] == 1),
    ):
        yield from fault_findings(fault, rows, affected)


def length_findings(manifest: pd.DataFrame, seconds: pd.Series) -> Iterator[Finding]:
    """Yield clips that are too short or too long to be one utterance.

    Args:
        seconds: the duration of each row in seconds, null if unknown.
    """
    rows = manifest[["utterance_id", "corpus"]].assign(seconds=seconds)
    rows = rows[rows["seconds"].notna()]
    median = rows.groupby("corpus")["seconds"].transform("median")
    yield from fault_findings(VERY_SHORT, rows, rows["seconds"] < SHORT_SECONDS)
    long = (rows["seconds"] > LONG_SECONDS) & (rows["seconds"] > LONG_TIMES * median)
    yield from fault_findings(VERY_LONG, rows, long)


def silent(measures: pd.DataFrame) -> pd.Series:
    """Return which recordings contain no speech, by `SILENT_DB` and `FLAT_DB`; a mask."""
    flat = (measures["contrast_db"] < FLAT_DB) & (measures["seconds"] >= 1)
    return (measures["loudest_db"] < SILENT_DB) | flat


def _cancelled(rows: pd.DataFrame) -> pd.Series:
    audible = rows["loudest_db"] - rows["downmix_db"] >= SILENT_DB
    return (rows["channels"] > 1) & (rows["downmix_db"] < CANCELLED_DB) & audible


def _most_frequent(reasons: pd.Series) -> str:
    counts = reasons.value_counts()
    first = f"{counts.index[0]} ({counts.iloc[0]:,})"
    return first if len(counts) == 1 else f"{first}, and {len(counts) - 1} other reasons"
