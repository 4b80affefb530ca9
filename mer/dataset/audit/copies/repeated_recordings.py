"""Leaks through recordings: utterances that are listed twice, and audio that occurs twice, exactly or nearly."""

from collections.abc import Iterator

import pandas as pd

from mer.dataset.audit.findings import BREACH, WARNING, Finding, examples
from mer.dataset.audit.tables.columns import NOUNS, PARTS, joined

MEDIA = (".aac", ".aif", ".aiff", ".avi", ".flac", ".m4a", ".mkv", ".mov", ".mp3", ".mp4", ".oga", ".ogg", ".opus",
         ".sph", ".wav", ".webm", ".wma")  # fmt: skip
"""suffixes by which a path names a recording and not the list that the utterance is on"""

AUDIO, FILE, NEAR = "same audio", "same file", "near-duplicate"
"""how the kinds of findings begin that are about one recording under several names"""
ACROSS_FAMILIES = tuple(f"{what} across families" for what in (AUDIO, FILE, NEAR))
"""kinds of findings because of which no study tests the corpus as a stranger, unless it accepts that"""

_TRAINED = "the model has heard what it is tested on, so that the score is in part one of memory"
_CHOSEN = "what is chosen on the validation part is chosen by its score on the test part"
_APART = (
    "leave one of the corpora out, or give them one family. Until then no study tests them as strangers, unless "
    "evaluation.accept_duplicates names them."
)
_SPOILED = "what is chosen on the validation part is chosen with data that was trained on"


def listed_twice(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield utterances that have more than one row, and validation parts that are the test part."""
    named = rows.dropna(subset=["utterance_id"])
    key = named["corpus"].fillna("") + "\x1f" + named["utterance_id"]
    twins = named.assign(group=key)[key.duplicated(keep=False)]
    for corpus, group in twins.groupby("corpus", sort=True):
        part = rows[rows["corpus"] == corpus]
        sets = {name: set(part.loc[part["split"] == name, "utterance_id"].dropna()) for name in ("validation", "test")}
        if sets["test"] and sets["test"] == sets["validation"]:
            yield Finding(
                "validation is test",
                BREACH,
                corpus,
                len(sets["test"]),
                len(sets["test"]),
                examples(group["utterance_id"]),
                f"The validation part and the test part list the same {len(sets['test'])} utterances.",
                f"{_CHOSEN}; the score is the best of many tries and not an estimate.",
                "take validation speakers out of the training part.",
            )
            group = group[~group["split"].isin(["validation"])]
            group = group[group["group"].duplicated(keep=False)]
        yield from _several(group, rows, "utterance", "list the utterance once.")


def same_audio(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield different utterances whose recordings are the same: by their samples, by the file, or by its path alone."""
    once = rows[~rows.duplicated(["corpus", "utterance_id"]) | rows["utterance_id"].isna()]
    recording = once["source_path"].str.lower().str.endswith(MEDIA, na=False)
    file = once["audio_sha256"].fillna((once["corpus"] + "\x1f" + once["source_path"]).where(recording))
    place = file + _stretch(once)
    samples = once.groupby(place)["samples_sha256"].transform("first")  # one file has one digest, wherever it is told
    key = samples.fillna(once["samples_sha256"]).fillna(place)
    twins = once.assign(group=key)[key.notna() & key.duplicated(keep=False)]
    yield from _several(twins, rows, AUDIO, "keep one copy; where the labels differ, look which is right.")


def _stretch(rows: pd.DataFrame) -> pd.Series:
    return "\x1f" + rows["start"].astype("str").fillna("") + "\x1f" + rows["end"].astype("str").fillna("")


def shared_files(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield files that two families name for other sound: stretches of one file, or a film dubbed."""
    sound = rows["audio_sha256"] + _stretch(rows)
    heard = sound.notna() & (rows.groupby(sound)["family"].transform("nunique") > 1)  # the same audio, which is told
    for column in ("audio_sha256", "video_sha256"):
        named = rows.assign(group=rows[column])[~heard].dropna(subset=["group"])
        shared = named[named.groupby("group")["family"].transform("nunique") > 1]
        where = shared.groupby("group")["corpus"].transform(joined)
        for corpora, group in shared.groupby(where, sort=True):
            among = rows[rows["corpus"].isin(corpora.split(" + "))]
            if found := _across_families(group, among, FILE, corpora, f"cut the file; else {_APART}"):
                yield found


def near_audio(rows: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[Finding]:
    """Yield recordings that are copies of one another without being identical.

    Args:
        pairs: columns first, second: row numbers, as `near.pairs` returns them for the rows in order.
    """
    one, other = (rows.loc[pairs[name].to_numpy()].reset_index(drop=True) for name in ("first", "second"))
    same = (one["source_path"] == other["source_path"]) & (one["start"].fillna(-1) == other["start"].fillna(-1))
    for digest in ("samples_sha256", "audio_sha256"):
        same |= (one[digest] == other[digest]) & one[digest].notna()
    twins = pd.concat([one[~same], other[~same]]).assign(group=lambda t: t.index.astype("str")).sort_index()
    yield from _several(twins, rows, NEAR, f"listen to the examples and keep one copy; else {_APART}")


def _several(twins: pd.DataFrame, rows: pd.DataFrame, what: str, advice: str) -> Iterator[Finding]:
    """Yield what goes wrong with rows that come in groups of equals, for each set of corpora that they lie in.

    Args:
        twins: rows with a column `group`.
        rows: all rows, to say how many are concerned.
        what: stands before every kind.
    """
    where = twins.groupby("group")["corpus"].transform(joined)
    for corpora, group in twins.groupby(where, sort=True):
        among = rows[rows["corpus"].isin(corpora.split(" + "))]
        found = [
            finding
            for finding in (
                _across_parts(group, among, what, corpora, advice),
                _across_folds(group, among, what, corpora, advice),
                _across_families(group, among, what, corpora, advice),
            )
            if finding
        ]
        yield from found
        if not found:
            yield Finding(
                f"{what} listed twice" if what == "utterance" else f"{what} twice",
                WARNING,
                corpora,
                len(group),
                len(among),
                examples(group["utterance_id"]),
                f"{group['group'].nunique()} of them in {len(group)} rows, on the same side of every boundary.",
                "the copies weigh twice in training or in the score.",
                advice,
            )
        yield from _two_labels(group, what, corpora)


def _across_parts(group: pd.DataFrame, among: pd.DataFrame, what: str, where: str, advice: str) -> Finding | None:
    for source, target, severity in PARTS:
        sides = {name: group["group"].isin(group.loc[group["split"] == name, "group"]) for name in (source, target)}
        hit = sides[source] & (group["split"] == target)
        if not hit.any():
            continue
        count, of = int(hit.sum()), int((among["split"] == target).sum())
        meaning = _TRAINED if source == "train" and target == "test" else _CHOSEN if target == "test" else _SPOILED
        text = f"{count:,} of the {of:,} rows of the {target} part have a copy in the {NOUNS[source]} part."
        return Finding(f"{what} across parts", severity, where, count, of,
                       examples(group.loc[hit, "utterance_id"]), text, f"{meaning}.", advice)  # fmt: skip
    return None


def _across_folds(group: pd.DataFrame, among: pd.DataFrame, what: str, where: str, advice: str) -> Finding | None:
    folded = group[group["fold"].notna()]
    hit = folded.groupby(["group", "corpus"])["fold"].transform("nunique") > 1
    if not hit.any():
        return None
    count, of = int(hit.sum()), int(among["fold"].notna().sum())
    text = f"{count:,} of {of:,} rows have a copy in another fold of their corpus."
    return Finding(f"{what} across folds", BREACH, where, count, of,
                   examples(folded.loc[hit, "utterance_id"]), text, f"{_TRAINED}.", advice)  # fmt: skip


def _across_families(group: pd.DataFrame, among: pd.DataFrame, what: str, where: str, advice: str) -> Finding | None:
    hit = group.groupby("group")["family"].transform("nunique") > 1
    if not hit.any():
        return None
    count, groups = int(hit.sum()), group.loc[hit, "group"].nunique()
    text = f"{count:,} of {len(among):,} rows have a copy in another family ({groups:,} recordings)."
    return Finding(
        f"{what} across families",
        BREACH,
        where,
        count,
        len(among),
        examples(group.loc[hit, "utterance_id"]),
        text,
        f"{groups} in several families: whichever of them is held out, its recordings are trained on in another one.",
        advice,
    )


def _two_labels(group: pd.DataFrame, what: str, where: str) -> Iterator[Finding]:
    """A recording with two labels is wrong in one; two that are nearly the same may be two recordings."""
    hit = group.groupby("group")["emotion"].transform("nunique") > 1
    if hit.any():
        groups = group.loc[hit, "group"].nunique()
        yield Finding(
            f"{what}, two labels",
            WARNING if what == NEAR else BREACH,
            where,
            groups,
            group["group"].nunique(),
            examples(group.loc[hit, "utterance_id"]),
            f"Occurring more than once, with different emotions: {groups}.",
            "at least one label is wrong, and no system can be right about both.",
            "look up which label the corpus's own lists give; leave out what stays in doubt.",
        )
