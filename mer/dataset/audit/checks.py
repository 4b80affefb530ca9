"""Everything that is found in a manifest, by every check there is: `everything` is the audit of step 01 and of the
command."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mer.dataset.audit.copies import repeated_recordings
from mer.dataset.audit.copies.near_duplicates import digests, near_pairs
from mer.dataset.audit.findings import Finding, worst_first
from mer.dataset.audit.measures import label_errors, quality
from mer.dataset.audit.measures.known_defects import known_findings
from mer.dataset.audit.measures.recording_measures import listen
from mer.dataset.audit.sentences import revealing_words, shared_sentences, transcript_errors
from mer.dataset.audit.shortcuts import scores as shortcuts
from mer.dataset.audit.speakers import families, shared_speakers, similar_names
from mer.dataset.audit.tables.columns import complete
from mer.dataset.identity import duplicates
from mer.dataset.identity.recording_digests import samples_digests

NEEDED = ("source_path", "audio_sha256", "samples_sha256", "start", "end")
"""columns by which recordings are told apart"""


@dataclass(frozen=True)
class Audit:
    """What was found, and what was not looked for.

    Attributes:
        findings: the worst first.
        shortcuts: what scores without hearing an emotion, as from `shortcut_scores`.
        pairs: recordings that are nearly the same, as from `near_pairs`.
        unheard: columns row, reason: recordings that could not be read.
        unchecked: what could not be looked for, and why, one sentence each.
    """

    findings: list[Finding]
    shortcuts: pd.DataFrame
    pairs: pd.DataFrame
    unheard: pd.DataFrame
    unchecked: list[str]


def everything(
    manifest: pd.DataFrame,
    official: set[str],
    clusters: Mapping[str, str],
    folder: Path | None,
    cache: Path | None = None,
    jobs: int = 1,
    *,
    progress: bool = True,
) -> Audit:
    """Look for all that can be looked for: leaks, shortcuts and faults.

    Args:
        manifest: usable rows, numbered from 0.
        official: corpora whose published split is kept.
        clusters: corpus -> the column over which its intervals are computed.
        folder: the folder that the recordings' paths are relative to; None listens to none.
        cache: the folder in which measures and digests of recordings are kept; None keeps none, and believes no digest
            that the manifest has of a file that is there.
        jobs: threads.
        progress: whether to show how far it is.
    """
    pairs, heard = duplicates.NONE, None
    unheard = pd.DataFrame({"row": pd.Series(dtype="int64"), "reason": pd.Series(dtype="str")})
    if folder is not None:
        near = near_pairs(manifest, folder, jobs)
        pairs, unheard = near.pairs, near.unheard
        if cache is None:  # with one, the manifest was built beside it, and its digests are those of these files
            manifest = _digested(manifest, folder, jobs, progress)
        heard = listen(manifest, folder, cache, jobs, progress=progress)
    scores = shortcuts.shortcut_scores(
        manifest, pd.DataFrame(index=manifest.index) if heard is None else heard, clusters
    )
    found = [
        *find_leaks(manifest, official, pairs),
        *find_faults(manifest, heard),
        *shortcuts.shortcut_findings(scores),
    ]
    untold = [*_unchecked(complete(manifest)), *_unheard(manifest, heard), *_unscored(manifest, heard, scores)]
    return Audit(worst_first(found), scores, pairs, unheard, untold)


def _digested(manifest: pd.DataFrame, folder: Path, jobs: int, progress: bool) -> pd.DataFrame:
    """The rows, with digests of files and recordings; null where a path leads nowhere, or out of the folder."""
    rows = manifest.reindex(columns=list(dict.fromkeys([*manifest.columns, *NEEDED])))
    files = pd.Series(digests(rows["source_path"].tolist(), folder, jobs), rows.index, "str")
    samples = samples_digests(rows.assign(audio_sha256=files), folder, jobs=jobs, progress=progress)
    given = rows[["audio_sha256", "samples_sha256"]].astype("str")
    return rows.assign(
        audio_sha256=given["audio_sha256"].fillna(files), samples_sha256=samples.fillna(given["samples_sha256"])
    )


def find_leaks(manifest: pd.DataFrame, official: set[str], pairs: pd.DataFrame = duplicates.NONE) -> list[Finding]:
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
    spoken = shared_sentences.with_lines(rows)
    return worst_first(
        itertools.chain(
            shared_speakers.across_parts(rows, official),
            shared_speakers.across_folds(rows),
            similar_names.several_names(rows, official),
            families.torn(rows),
            families.on_both_sides(rows),
            families.kin_across_parts(rows, official),
            families.namesakes(rows),
            repeated_recordings.listed_twice(rows),
            repeated_recordings.same_audio(rows),
            repeated_recordings.shared_files(rows),
            repeated_recordings.near_audio(rows, pairs),
            shared_sentences.shared_lines(spoken),
            revealing_words.label_words(spoken),
            revealing_words.telltale_words(spoken),
            revealing_words.one_emotion_sentences(rows, spoken),
        )
    )


def find_faults(manifest: pd.DataFrame, heard: pd.DataFrame | None = None) -> list[Finding]:
    """Return what is broken or doubtful in recordings, transcripts and labels, the worst first.

    Args:
        manifest: usable rows.
        heard: what `listen` returns for them; None: nothing was listened to, and what needs that is not looked for.
    """
    known = pd.DataFrame(index=manifest.index) if heard is None else heard
    found = [
        transcript_errors.transcript_findings(manifest),
        known_findings(manifest),
        quality.length_findings(manifest, shortcuts.seconds(manifest, known)),
    ]
    if heard is not None:
        found += [quality.recording_findings(manifest, heard), label_errors.label_findings(manifest, heard)]
    return worst_first(itertools.chain(*found))


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


def _unheard(manifest: pd.DataFrame, heard: pd.DataFrame | None) -> Iterator[str]:
    """What was not listened for."""
    if heard is None:
        yield (
            "near-duplicates among the recordings, labels that recordings contradict, shortcuts in their sound "
            "(loudness, silence, samples, hum, noise, …), and whether they are broken; all of it takes --audio FOLDER"
        )
        if shortcuts.seconds(manifest, pd.DataFrame(index=manifest.index)).isna().all():
            yield "lengths of clips: the table does not say"
        return
    missing = int(heard["seconds"].isna().sum())
    if missing:
        yield f"recordings, and so faults, copies and shortcuts: {missing:,} of {len(heard):,} could not be heard"


def _unscored(manifest: pd.DataFrame, heard: pd.DataFrame | None, scores: pd.DataFrame) -> Iterator[str]:
    """Where no shortcut could be judged."""
    measured = scores[scores["shortcut"] == "loudness"] if heard is not None else scores
    judged = set(measured.loc[measured["low"].notna(), "corpus"])
    left = sorted(set(manifest["corpus"].dropna()) - judged)
    if left:
        yield (
            f"shortcuts within {', '.join(left)}: there is no part or fold to test on, fewer than two classes, too few "
            "speakers for an interval, or nothing that could be looked up"
        )
