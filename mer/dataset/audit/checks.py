"""All checks of the audit: `run_audit` serves step 01 and the command `python -m mer.dataset audit`."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mer.dataset.audit.columns import with_all_columns
from mer.dataset.audit.copies import repeated_recordings
from mer.dataset.audit.copies.near_duplicates import file_digests, find_near_duplicates
from mer.dataset.audit.findings import Finding, by_severity
from mer.dataset.audit.measures import label_errors, quality
from mer.dataset.audit.measures.known_defects import known_defect_findings
from mer.dataset.audit.measures.recording_measures import measure_recordings
from mer.dataset.audit.sentences import revealing_words, shared_sentences, transcript_errors
from mer.dataset.audit.shortcuts import scores as shortcuts
from mer.dataset.audit.shortcuts.shortcut_findings import shortcut_findings
from mer.dataset.audit.speakers import families, shared_speakers, similar_names
from mer.dataset.identity.duplicates import NO_DUPLICATES
from mer.dataset.identity.recording_digests import samples_digests

RECORDING_COLUMNS = ("source_path", "audio_sha256", "samples_sha256", "start", "end")
"""The columns that identify recordings."""


@dataclass(frozen=True)
class RecordingFolder:
    """The recordings of a table and how they are read.

    Attributes:
        folder: the folder to which the paths are relative.
        cache: the folder in which measures and digests are cached. None caches nothing, and no digest of the manifest
            is trusted for a file that exists.
        jobs: the number of threads.
        progress: whether progress bars are shown.
    """

    folder: Path
    cache: Path | None = None
    jobs: int = 1
    progress: bool = True


@dataclass(frozen=True)
class Audit:
    """The results of all checks, and the list of checks that could not run.

    Attributes:
        findings: the findings, the worst first.
        shortcuts: the scores of shortcuts, as from `shortcut_scores`.
        pairs: near-duplicate recordings, as from `find_near_duplicates`.
        unreadable: columns row, reason: recordings that could not be read.
        unchecked: the checks that could not run, and why, one sentence each.
    """

    findings: list[Finding]
    shortcuts: pd.DataFrame
    pairs: pd.DataFrame
    unreadable: pd.DataFrame
    unchecked: list[str]


def run_audit(
    manifest: pd.DataFrame, official: set[str], clusters: Mapping[str, str], recordings: RecordingFolder | None = None
) -> Audit:
    """Run all checks: for leaks, shortcuts and faults.

    Args:
        manifest: usable rows, numbered from 0.
        official: corpora whose published split is kept.
        clusters: corpus -> the column over which its intervals are computed.
        recordings: the recordings of the rows; None skips all checks that read recordings.
    """
    pairs, measures = NO_DUPLICATES, None
    unreadable = pd.DataFrame({"row": pd.Series(dtype="int64"), "reason": pd.Series(dtype="str")})
    if recordings is not None:
        near = find_near_duplicates(manifest, recordings.folder, recordings.jobs)
        pairs, unreadable = near.pairs, near.unreadable
        if recordings.cache is None:  # with a cache, the manifest was just built and has the digests of these files
            manifest = _with_digests(manifest, recordings)
        measures = measure_recordings(
            manifest, recordings.folder, recordings.cache, recordings.jobs, progress=recordings.progress
        )
    measured = pd.DataFrame(index=manifest.index) if measures is None else measures
    scores = shortcuts.shortcut_scores(manifest, measured, clusters)
    findings = [
        *find_leaks(manifest, official, pairs),
        *find_faults(manifest, measures),
        *shortcut_findings(scores),
    ]
    unchecked = [*unchecked_columns(manifest), *_unmeasured(manifest, measures), *_unscored(manifest, measures, scores)]
    return Audit(by_severity(findings), scores, pairs, unreadable, unchecked)


def _with_digests(manifest: pd.DataFrame, recordings: RecordingFolder) -> pd.DataFrame:
    """Return the rows with digests of files and recordings; null if a path leads nowhere or out of the folder."""
    rows = manifest.reindex(columns=list(dict.fromkeys([*manifest.columns, *RECORDING_COLUMNS])))
    folder, jobs = recordings.folder, recordings.jobs
    files = pd.Series(file_digests(rows["source_path"].tolist(), folder, jobs), rows.index, "str")
    samples = samples_digests(rows.assign(audio_sha256=files), folder, jobs=jobs, progress=recordings.progress)
    stated = rows[["audio_sha256", "samples_sha256"]].astype("str")
    return rows.assign(
        audio_sha256=stated["audio_sha256"].fillna(files), samples_sha256=samples.fillna(stated["samples_sha256"])
    )


def find_leaks(manifest: pd.DataFrame, official: set[str], pairs: pd.DataFrame = NO_DUPLICATES) -> list[Finding]:
    """Return what may inflate a score of this manifest, the worst first.

    Args:
        manifest: usable rows. Columns that a foreign table lacks may be missing; `unchecked_columns` lists the checks
            that need them.
        official: corpora whose own split is kept. Speakers that a published split shares are a note, not a breach;
            this does not hold for the split of a user's table (`split_source`).
        pairs: near-duplicate recordings of these rows, from `find_near_duplicates`.
    """
    rows = with_all_columns(manifest)
    official = official - set(rows.loc[rows["split_source"] == "own", "corpus"])
    transcripts = shared_sentences.transcripts(rows)
    return by_severity(
        itertools.chain(
            shared_speakers.across_parts(rows, official),
            shared_speakers.across_folds(rows),
            similar_names.possible_same_speaker(rows, official),
            families.split_families(rows),
            families.speakers_in_train_and_test(rows),
            families.family_speakers_across_parts(rows, official),
            families.shared_names(rows),
            repeated_recordings.listed_twice(rows),
            repeated_recordings.same_audio(rows),
            repeated_recordings.shared_files(rows),
            repeated_recordings.near_duplicates(rows, pairs),
            shared_sentences.shared_sentences(transcripts),
            revealing_words.label_words(transcripts),
            revealing_words.revealing_words(transcripts),
            revealing_words.one_emotion_sentences(rows, transcripts),
        )
    )


def find_faults(manifest: pd.DataFrame, measures: pd.DataFrame | None = None) -> list[Finding]:
    """Return faults of recordings, transcripts and labels, the worst first.

    Args:
        manifest: usable rows.
        measures: the measures of these rows, as from `measure_recordings`; None skips the checks that need them.
    """
    measured = pd.DataFrame(index=manifest.index) if measures is None else measures
    findings = [
        transcript_errors.transcript_findings(manifest),
        known_defect_findings(manifest),
        quality.length_findings(manifest, shortcuts.seconds(manifest, measured)),
    ]
    if measures is not None:
        findings += [quality.recording_findings(manifest, measures), label_errors.label_findings(manifest, measures)]
    return by_severity(itertools.chain(*findings))


def unchecked_columns(manifest: pd.DataFrame) -> Iterator[str]:
    """Yield the checks that could not run because columns are missing or empty, so that a missing finding is not
    mistaken for a clean result."""
    rows = with_all_columns(manifest)
    needs = {
        "split": "parts (train, validation, test), and everything that they may share",
        "speaker_id": "speakers",
        "emotion": "labels, and words and sentences that reveal them",
        "transcription": "texts",
        "audio_sha256": "identical audio under different names",
        "samples_sha256": "the same recording in different files",
    }
    for column, check in needs.items():
        missing = int(rows[column].isna().sum())
        if column == "split":
            missing = int((rows["split"].isna() & rows["fold"].isna()).sum())
        if column == "samples_sha256" and missing < len(rows):  # silence and rows of text only have none
            continue
        if missing == len(rows):
            yield f"{check}: the table has no such values"
        elif missing:
            yield f"{check}: {missing:,} of {len(rows):,} rows have no value"


def _unmeasured(manifest: pd.DataFrame, measures: pd.DataFrame | None) -> Iterator[str]:
    """Yield the checks that could not run because recordings were not measured."""
    if measures is None:
        yield (
            "near-duplicate recordings, labels that recordings contradict, shortcuts in the audio (loudness, silence, "
            "sample values, hum, noise, …) and damaged recordings: these checks need --audio FOLDER"
        )
        if shortcuts.seconds(manifest, pd.DataFrame(index=manifest.index)).isna().all():
            yield "durations: the table has no such values"
        return
    missing = int(measures["seconds"].isna().sum())
    if missing:
        yield f"faults, copies and shortcuts: {missing:,} of {len(measures):,} recordings could not be measured"


def _unscored(manifest: pd.DataFrame, measures: pd.DataFrame | None, scores: pd.DataFrame) -> Iterator[str]:
    """Yield the corpora in which no shortcut has an interval."""
    relevant = scores[scores["shortcut"] == "loudness"] if measures is not None else scores
    scored = set(relevant.loc[relevant["low"].notna(), "corpus"])
    unscored = sorted(set(manifest["corpus"].dropna()) - scored)
    if unscored:
        yield (
            f"shortcuts within {', '.join(unscored)}: there is no test part or fold, there are fewer than two classes "
            "or too few speakers for an interval, or no values to predict from"
        )
