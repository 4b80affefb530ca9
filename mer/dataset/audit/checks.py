"""Everything that is found in a manifest, by every check there is."""

import itertools
from collections.abc import Iterator

import pandas as pd

from mer.dataset.audit import (
    families,
    names,
    outliers,
    people,
    quality,
    recordings,
    shortcuts,
    texts,
    transcripts,
    words,
)
from mer.dataset.audit.finding import Finding, table, worst_first
from mer.dataset.audit.known_defects import known_findings
from mer.dataset.audit.rows import complete

NO_PAIRS = pd.DataFrame({"first": pd.Series(dtype="int64"), "second": pd.Series(dtype="int64")})


def find_leaks(manifest: pd.DataFrame, official: set[str], pairs: pd.DataFrame = NO_PAIRS) -> list[Finding]:
    """Return what could make a score of this manifest better than it is, the worst first.

    Args:
        manifest: usable rows; columns that a foreign table lacks may be missing, and what needs them is not checked
            (`unchecked` says so).
        official: corpora whose own split is kept. What it shares is told and no breach where it is published; not
            where it is one's own (`split_source`).
        pairs: recordings that are nearly the same, from `near_pairs` of the same rows.
    """
    rows = complete(manifest)
    official = official - set(rows.loc[rows["split_source"] == "own", "corpus"])
    spoken = texts.with_lines(rows)
    return worst_first(
        itertools.chain(
            people.across_parts(rows, official),
            people.across_folds(rows),
            names.several_names(rows, official),
            families.torn(rows),
            families.on_both_sides(rows),
            families.kin_across_parts(rows, official),
            families.namesakes(rows),
            recordings.listed_twice(rows),
            recordings.same_audio(rows),
            recordings.shared_files(rows),
            recordings.near_audio(rows, pairs),
            texts.shared_lines(spoken),
            words.label_words(spoken),
            words.telltale_words(spoken),
            words.one_emotion_sentences(rows, spoken),
        )
    )


def find_faults(manifest: pd.DataFrame, heard: pd.DataFrame | None = None) -> list[Finding]:
    """Return what is broken or doubtful in recordings, transcripts and labels, the worst first.

    Args:
        manifest: usable rows.
        heard: what `listen` returns for them; None: nothing was listened to, and what needs that is not looked for.
    """
    found = [transcripts.transcript_findings(manifest), known_findings(manifest)]
    if heard is not None:
        found += [
            quality.recording_findings(manifest, heard),
            quality.length_findings(manifest, shortcuts.seconds(manifest, heard)),
            outliers.label_findings(manifest, heard),
        ]
    return worst_first(itertools.chain(*found))


def leaks(manifest: pd.DataFrame, official: set[str], pairs: pd.DataFrame = NO_PAIRS) -> pd.DataFrame:
    """Return the findings of `find_leaks` as a table."""
    return table(find_leaks(manifest, official, pairs))


def unchecked(manifest: pd.DataFrame) -> list[str]:
    """Return what could not be looked for, one sentence each: silence about a leak must not read as its absence."""
    return list(_unchecked(complete(manifest)))


def _unchecked(rows: pd.DataFrame) -> Iterator[str]:
    needs = {
        "split": "parts (train, validation, test), and so everything that they might share",
        "speaker_id": "speakers",
        "emotion": "labels, and so words and sentences that give them away",
        "transcription": "texts",
        "audio_sha256": "identical audio under different names",
        "samples_sha256": "the same recording in another file",
    }
    for column, what in needs.items():
        missing = int(rows[column].isna().sum())
        if column == "split":
            missing = int((rows["split"].isna() & rows["fold"].isna()).sum())
        if column == "samples_sha256" and missing < len(rows):  # silence has none, nor have words
            continue
        if missing == len(rows):
            yield f"{what}: the table does not say"
        elif missing:
            yield f"{what}: {missing:,} of {len(rows):,} rows do not say"
