"""Leaks through recordings: utterances that are listed twice, and recordings that occur twice."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from mer.dataset.audit.columns import PART_NAMES, PART_PAIRS, join_corpora
from mer.dataset.audit.findings import BREACH, WARNING, Finding, examples
from mer.dataset.audit.recording_paths import MEDIA_SUFFIXES
from mer.dataset.identity.duplicates import NEAR_DUPLICATE, SAME_AUDIO, SAME_FILE

_TEST_LEAK = "the training data contains tested recordings, so the score partly measures memory"
_SELECTION_LEAK = "selection on the validation part uses test data"
_VALIDATION_LEAK = "selection on the validation part uses training data"
_SEPARATION_ADVICE = (
    "remove one of the corpora, or give them one family. Until then, no study tests them as unseen corpora unless "
    "evaluation.accept_duplicates names them."
)


@dataclass(frozen=True)
class _Duplicates:
    """Rows that are copies of one another, in one set of corpora.

    Attributes:
        kind: the beginning of the findings' kind.
        corpora: the corpora, joined by " + ".
        rows: the rows with copies; a column `group` names the copies of one recording.
        all_rows: all rows of these corpora.
        advice: the remedy.
    """

    kind: str
    corpora: str
    rows: pd.DataFrame
    all_rows: pd.DataFrame
    advice: str


def listed_twice(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield utterances that have several rows, and validation parts that equal the test part."""
    named = rows.dropna(subset=["utterance_id"])
    key = named["corpus"].fillna("") + "\x1f" + named["utterance_id"]
    duplicates = named.assign(group=key)[key.duplicated(keep=False)]
    for corpus, group in duplicates.groupby("corpus", sort=True):
        members = rows[rows["corpus"] == corpus]
        sets = {part: set(members.loc[members["split"] == part, "utterance_id"].dropna())
                for part in ("validation", "test")}  # fmt: skip
        if sets["test"] and sets["test"] == sets["validation"]:
            yield Finding(
                "validation is test",
                BREACH,
                corpus,
                len(sets["test"]),
                len(sets["test"]),
                examples(group["utterance_id"]),
                f"The validation part and the test part contain the same {len(sets['test'])} utterances.",
                f"{_SELECTION_LEAK}; the score is the best of many and overestimates performance.",
                "take validation speakers out of the training part.",
            )
            group = group[~group["split"].isin(["validation"])]
            group = group[group["group"].duplicated(keep=False)]
        yield from _repeated(group, rows, "utterance", "list the utterance once.")


def same_audio(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield different utterances with the same recording: by their samples, by the file, or by its path alone."""
    once = rows[~rows.duplicated(["corpus", "utterance_id"]) | rows["utterance_id"].isna()]
    is_recording = once["source_path"].str.lower().str.endswith(MEDIA_SUFFIXES, na=False)
    file = once["audio_sha256"].fillna((once["corpus"] + "\x1f" + once["source_path"]).where(is_recording))
    segment = file + _edges(once)
    samples = once.groupby(segment)["samples_sha256"].transform("first")  # one file has one digest, if any row has it
    key = samples.fillna(once["samples_sha256"]).fillna(segment)
    duplicates = once.assign(group=key)[key.notna() & key.duplicated(keep=False)]
    yield from _repeated(duplicates, rows, SAME_AUDIO, "keep one copy; if the labels differ, find out which is right.")


def _edges(rows: pd.DataFrame) -> pd.Series:
    return "\x1f" + rows["start"].astype("str").fillna("") + "\x1f" + rows["end"].astype("str").fillna("")


def shared_files(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield files of which two families use different segments, and videos that they use with different audio."""
    segment = rows["audio_sha256"] + _edges(rows)
    same_segment = segment.notna() & (rows.groupby(segment)["family"].transform("nunique") > 1)  # see `same_audio`
    for column in ("audio_sha256", "video_sha256"):
        named = rows.assign(group=rows[column])[~same_segment].dropna(subset=["group"])
        shared = named[named.groupby("group")["family"].transform("nunique") > 1]
        for corpora, group in _by_corpora(shared):
            all_rows = rows[rows["corpus"].isin(corpora.split(" + "))]
            advice = f"cut the file, or {_SEPARATION_ADVICE}"
            if finding := _across_families(_Duplicates(SAME_FILE, corpora, group, all_rows, advice)):
                yield finding


def near_duplicates(rows: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[Finding]:
    """Yield recordings that are copies of one another without being identical.

    Args:
        pairs: columns first, second: row numbers, as from `find_near_duplicates` of these rows.
    """
    first, second = (rows.loc[pairs[name].to_numpy()].reset_index(drop=True) for name in ("first", "second"))
    same = (first["source_path"] == second["source_path"]) & (first["start"].fillna(-1) == second["start"].fillna(-1))
    for digest in ("samples_sha256", "audio_sha256"):
        same |= (first[digest] == second[digest]) & first[digest].notna()
    duplicates = pd.concat([first[~same], second[~same]]).assign(group=lambda t: t.index.astype("str")).sort_index()
    advice = f"listen to the examples and keep one copy, or {_SEPARATION_ADVICE}"
    yield from _repeated(duplicates, rows, NEAR_DUPLICATE, advice)


def _by_corpora(duplicates: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each set of corpora that contains copies of one another, and its rows."""
    yield from duplicates.groupby(duplicates.groupby("group")["corpus"].transform(join_corpora), sort=True)


def _repeated(duplicates: pd.DataFrame, rows: pd.DataFrame, kind: str, advice: str) -> Iterator[Finding]:
    """Yield the findings about copies, for each set of corpora that contains them.

    Args:
        duplicates: the rows with copies; a column `group` names the copies of one recording.
        rows: all rows, for the totals.
        kind: the beginning of the findings' kind.
    """
    for corpora, group in _by_corpora(duplicates):
        copies = _Duplicates(kind, corpora, group, rows[rows["corpus"].isin(corpora.split(" + "))], advice)
        checks = (_across_parts, _across_folds, _across_families)
        findings = [finding for check in checks if (finding := check(copies))]
        yield from findings or [_harmless(copies)]
        yield from _two_labels(copies)


def _harmless(copies: _Duplicates) -> Finding:
    group = copies.rows
    return Finding(
        f"{copies.kind} listed twice" if copies.kind == "utterance" else f"{copies.kind} twice",
        WARNING,
        copies.corpora,
        len(group),
        len(copies.all_rows),
        examples(group["utterance_id"]),
        f"{group['group'].nunique()} of them occur in {len(group)} rows, all in the same part, fold and family.",
        "the copies count twice in training or in the score.",
        copies.advice,
    )


def _across_parts(copies: _Duplicates) -> Finding | None:
    group = copies.rows
    for source, target, severity in PART_PAIRS:
        in_source = group["group"].isin(group.loc[group["split"] == source, "group"])
        affected = in_source & (group["split"] == target)
        if not affected.any():
            continue
        count, total = int(affected.sum()), int((copies.all_rows["split"] == target).sum())
        leak = _SELECTION_LEAK if target == "test" else _VALIDATION_LEAK
        meaning = _TEST_LEAK if (source, target) == ("train", "test") else leak
        sentence = f"{count:,} of the {total:,} rows of the {target} part have a copy in the {PART_NAMES[source]} part."
        return Finding(f"{copies.kind} across parts", severity, copies.corpora, count, total,
                       examples(group.loc[affected, "utterance_id"]), sentence, f"{meaning}.",
                       copies.advice)  # fmt: skip
    return None


def _across_folds(copies: _Duplicates) -> Finding | None:
    in_folds = copies.rows[copies.rows["fold"].notna()]
    affected = in_folds.groupby(["group", "corpus"])["fold"].transform("nunique") > 1
    if not affected.any():
        return None
    count, total = int(affected.sum()), int(copies.all_rows["fold"].notna().sum())
    sentence = f"{count:,} of {total:,} rows have a copy in another fold of their corpus."
    return Finding(f"{copies.kind} across folds", BREACH, copies.corpora, count, total,
                   examples(in_folds.loc[affected, "utterance_id"]), sentence, f"{_TEST_LEAK}.",
                   copies.advice)  # fmt: skip


def _across_families(copies: _Duplicates) -> Finding | None:
    group = copies.rows
    affected = group.groupby("group")["family"].transform("nunique") > 1
    if not affected.any():
        return None
    count, total, recordings = int(affected.sum()), len(copies.all_rows), group.loc[affected, "group"].nunique()
    return Finding(
        f"{copies.kind} across families",
        BREACH,
        copies.corpora,
        count,
        total,
        examples(group.loc[affected, "utterance_id"]),
        f"{count:,} of {total:,} rows have a copy in another family "
        f"({recordings:,} recording{'' if recordings == 1 else 's'}).",
        "whichever family is held out, these recordings are in the training data of another family.",
        copies.advice,
    )


def _two_labels(copies: _Duplicates) -> Iterator[Finding]:
    """Yield copies with different labels. One label of a recording is wrong; near-duplicates may be two recordings."""
    group = copies.rows
    affected = group.groupby("group")["emotion"].transform("nunique") > 1
    if affected.any():
        recordings = group.loc[affected, "group"].nunique()
        yield Finding(
            f"{copies.kind}, two labels",
            WARNING if copies.kind == NEAR_DUPLICATE else BREACH,
            copies.corpora,
            recordings,
            group["group"].nunique(),
            examples(group.loc[affected, "utterance_id"]),
            f"{recordings} of the repeated recordings have different emotions.",
            "at least one label is wrong, and no system can predict both.",
            "find out which label the corpus's own lists give; remove what remains in doubt.",
        )
