"""Tables of the manifest: corpora, labels, splits and excluded utterances."""

from collections.abc import Sequence

import pandas as pd

from mer.dataset.manifest.labels import DROP, Policy
from mer.report.style.numbers import NO_VALUE
from mer.report.style.palette import EMOTIONS, in_order

PARTS = ("train", "validation", "test")
NOT_USED = "not used"
"""The column of clips, and the row of emotions, that belong to no class."""


def manifest_summary(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return one row per corpus: clips, speakers, hours, classes and sampling rates.

    Speakers, hours and classes are those of the usable clips.
    """
    rows = {corpus: _summary(part) for corpus, part in manifest.groupby("corpus", sort=True)}
    columns = ["clips", "usable", "excluded", "speakers (f/m)", "hours", "classes", "sampling rates"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("corpus")


def label_table(manifest: pd.DataFrame, classes: Sequence[str] = EMOTIONS) -> pd.DataFrame:
    """Return the number of clips of each native label of each corpus in each class.

    Args:
        manifest: all rows. `not used` counts those whose native label belongs to no class.
        classes: the classes of the policy, in the order of columns.
    """
    names = manifest["emotion"].astype(object).where(manifest["emotion"].notna(), NOT_USED)
    native = manifest["emotion_raw"].astype(object).where(manifest["emotion_raw"].notna(), "(none)")
    counts = pd.crosstab([manifest["corpus"].astype(object), native.rename("native label")], names)
    return counts[in_order(counts.columns, [*classes, NOT_USED])].rename_axis(columns=None)


def policy_table(policy: Policy) -> pd.DataFrame:
    """Return the policy of a study: each class with the standard emotion names that belong to it.

    The last row lists the names that belong to no class. Overrides of single corpora are not in this table.
    """
    targets = [*policy.classes, DROP]
    names = {target: [name for name, of in policy.rules.items() if of == target] for target in targets}
    shown = {NOT_USED if target == DROP else target: ", ".join(names[target]) or NO_VALUE for target in targets}
    return pd.Series(shown, name="emotions of corpora").rename_axis("class").to_frame()


def split_table(usable: pd.DataFrame, rules: dict[str, str], test_sets: dict[str, str]) -> pd.DataFrame:
    """Return the split of each corpus: its rule, clips and speakers (f/m) of each part, folds, test set.

    Args:
        usable: usable rows of the manifest.
        rules: corpus -> what it is split by, in words.
        test_sets: corpus -> the test set that contains its test part.
    """
    rows = {}
    for corpus, of_corpus in usable.groupby("corpus", sort=True):
        parts = [_clips_and_speakers(of_corpus[of_corpus["split"] == name]) for name in PARTS]
        n_folds = f"{of_corpus['fold'].nunique()}" if of_corpus["fold"].notna().any() else NO_VALUE
        no_part = of_corpus["split"].isna().sum()
        rows[corpus] = [rules[corpus], *parts, no_part, n_folds, test_sets.get(corpus, NO_VALUE)]
    columns = ["split by", *PARTS, "in no part", "folds", "test set"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("corpus")
    return frame if frame["in no part"].any() else frame.drop(columns="in no part")


def failure_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return unreadable recordings by corpus and reason, and what replaces them."""
    rows = manifest[manifest["audio_error"].notna()]
    replacement = rows["duration"].notna().map({True: "one second of silence", False: "text only"})
    replacement = replacement.where(rows["exclude_reason"].isna(), "excluded").rename("replaced by")
    keys = ["corpus", rows["audio_error"].rename("recording"), replacement]
    return rows.groupby(keys, sort=True)["source_path"].agg(utterances="size", example="first").reset_index()


def excluded_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the number of clips of each corpus that were excluded for each reason, with one path."""
    rows = manifest[manifest["exclude_reason"].notna()]
    grouped = rows.groupby(["corpus", "exclude_reason"], sort=True)["source_path"]
    return grouped.agg(clips="size", example="first").reset_index().rename(columns={"exclude_reason": "reason"})


def _clips_and_speakers(rows: pd.DataFrame) -> str:
    return f"{len(rows):,} of {_speakers(rows)}" if len(rows) else NO_VALUE


def _summary(rows: pd.DataFrame) -> list:
    usable = rows[rows["exclude_reason"].isna()]
    rates = sorted(int(rate) for rate in rows["sampling_rate"].dropna().unique() if rate > 0)
    return [
        len(rows),
        len(usable),
        len(rows) - len(usable),
        _speakers(usable),
        round(float(usable["duration"].sum()) / 3600, 2),
        usable["emotion"].nunique(),
        ", ".join(f"{rate / 1000:g} kHz" for rate in rates) or NO_VALUE,
    ]


def _speakers(rows: pd.DataFrame) -> str:
    genders = rows.dropna(subset=["speaker_id"]).groupby("speaker_id")["gender"].first()
    female, male = (int((genders == gender).sum()) for gender in ("female", "male"))
    return f"{len(genders)} ({female}/{male})" if female + male else str(len(genders))
