"""Tables that people read, from the manifest and from the tidy table of results."""

from collections.abc import Sequence

import pandas as pd

from mer.report.style.numbers import NOTHING, cell, guessing, marks, over, remark, select, short
from mer.report.style.palette import in_order
from mer.stats import chance_corrected

MEAN = "Mean (chance-corr.)"
REACHED = " ‡"
"""after a score: a shortcut reaches its lower bound (`words.shortcut_legend`)"""
SHORTCUT = "best shortcut"
PARTS = ("train", "validation", "test")
_SCORE = ["system", "protocol", "answers", "train_corpora", "test_corpus"]


def pivot(
    results: pd.DataFrame, protocol: str, answers: str, metric: str = "UAR", shortcuts: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return systems × test corpora, cells like ".451 [.402, .501]", for one protocol and kind of answers.

    The last column is the mean of the chance-corrected UAR over the corpora, whatever the metric shown: 0 is
    guessing, 1 perfect. A system that lacks a corpus says over how many its mean is. If a system was trained
    in several ways, the training corpora become part of the row. Transductive systems are called that. Free answers to
    another corpus say which share of them are classes that it does not have. `words.mark_legend` says what marks mean.
    `shortcuts` (as from `shortcut_flags.beside`) adds the best shortcut of each corpus as the last row and, where it
    reaches the lower bound of a UAR, marks that with ‡.

    Raises:
        ValueError: two results claim one cell.
    """
    rows, uars = select(results, protocol, answers, metric), select(results, protocol, answers, "UAR")
    uars = uars[uars["classes"].notna()]  # without rows that are means over corpora themselves
    keys = _row_keys(rows)
    corpora = sorted(rows["test_corpus"].unique())
    if rows.empty:
        return pd.DataFrame(columns=[MEAN], index=pd.Index([], name="system"))
    twice = rows[rows.duplicated([*keys, "test_corpus"])]
    if len(twice):
        raise ValueError(f"two results of {twice.iloc[0]['label']} on {twice.iloc[0]['test_corpus']}: which one?")
    wide = rows.assign(cell=_cells(rows, shortcuts)).pivot(index=keys, columns="test_corpus", values="cell")
    wide = wide.reindex(columns=corpora).fillna(NOTHING)
    means = {
        key: _mean(part, uars["test_corpus"].nunique())
        for key, part in uars.groupby(keys if len(keys) > 1 else keys[0])
    }
    wide[MEAN] = [means.get(key, NOTHING) for key in wide.index]
    if shortcuts is not None:
        told = _best_shortcuts(shortcuts[shortcuts["answers"] == answers], protocol).reindex(corpora).fillna(NOTHING)
        wide.loc[SHORTCUT if len(keys) == 1 else (SHORTCUT, NOTHING), :] = [*told, NOTHING]
    return wide.rename_axis(index=["system", "trained on"][: len(keys)], columns=None)


def loco_table(
    results: pd.DataFrame, listeners: pd.DataFrame | None = None, shortcuts: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return one row per held-out corpus: its size, chance, and each system's UAR with free and restricted answers.

    Restricted answers choose among the corpus's own classes, which are then assumed known: chance is another. A system
    that could not see all utterances says how many it saw. `listeners` (columns corpus, UAR) adds how well people do,
    `shortcuts` (as from `shortcut_flags.beside`) what scores best within the corpus without hearing an emotion; scores
    whose lower bound it reaches are marked with ‡.
    """
    rows = select(results, "loco")
    facts = rows.groupby("test_corpus")[["n", "speakers", "classes"]].max()
    facts["chance"] = [_chances(rows[rows["test_corpus"] == corpus]) for corpus in facts.index]
    if "clusters" in rows:
        facts["intervals over"] = rows.drop_duplicates("test_corpus").set_index("test_corpus").apply(over, axis=1)
    if shortcuts is not None:
        facts[SHORTCUT] = _best_shortcuts(shortcuts, "loco").reindex(facts.index)
    for answers in ("free", "restricted"):
        for label, part in rows[rows["answers"] == answers].groupby("label", sort=True):
            part = part.drop_duplicates("test_corpus").set_index("test_corpus", drop=False)
            fewer = [f" (n = {n})" if n < facts.loc[c, "n"] else "" for c, n in part["n"].items()]
            cells = _cells(part, shortcuts, fewer)
            facts[f"{label}, {answers}"] = cells.reindex(facts.index)
    if listeners is not None and len(listeners):
        people = listeners.set_index("corpus")["UAR"].map(short)
        facts["one listener"] = people.reindex(facts.index)
    texts = facts.columns[4:]
    facts[texts] = facts[texts].astype(object).fillna(NOTHING)
    return facts.rename_axis("held out")


def manifest_summary(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return one row per corpus: clips, speakers, hours, classes and sampling rates.

    Speakers, hours and classes are those of the usable clips.
    """
    parts = {corpus: _summary(part) for corpus, part in manifest.groupby("corpus", sort=True)}
    columns = ["clips", "usable", "excluded", "speakers (f/m)", "hours", "classes", "sampling rates"]
    return pd.DataFrame.from_dict(parts, orient="index", columns=columns).rename_axis("corpus")


def label_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return corpus and native label × class: how many clips each native label gave to each class.

    `not used` counts clips whose native label belongs to no class.
    """
    names = manifest["emotion"].astype(object).where(manifest["emotion"].notna(), "not used")
    native = manifest["emotion_raw"].astype(object).where(manifest["emotion_raw"].notna(), "(none)")
    counts = pd.crosstab([manifest["corpus"].astype(object), native.rename("native label")], names)
    order = [*in_order(set(counts.columns) - {"not used"}), *(["not used"] if "not used" in counts else [])]
    return counts.reindex(columns=order).rename_axis(columns=None)


def part_table(usable: pd.DataFrame, rules: dict[str, str], test_sets: dict[str, str]) -> pd.DataFrame:
    """Return how each corpus is parted: by which rule, clips and speakers (f/m) of each part, folds, test set.

    Args:
        rules: corpus -> by what it is parted, in words.
        test_sets: corpus -> the test set that its test part belongs to.
    """
    rows = {}
    for corpus, part in usable.groupby("corpus", sort=True):
        cells = [rules[corpus], *(_clips_and_speakers(part[part["split"] == name]) for name in PARTS)]
        between = part["split"].isna().sum()
        folds = f"{part['fold'].nunique()}" if part["fold"].notna().any() else NOTHING
        rows[corpus] = [*cells, between, folds, test_sets.get(corpus, NOTHING)]
    columns = ["parted by", *PARTS, "between", "folds", "test set"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("corpus")
    return frame if frame["between"].any() else frame.drop(columns="between")


def failure_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return recordings that cannot be read, by corpus and reason, and what became of their utterances."""
    rows = manifest[manifest["audio_error"].notna()]
    fate = rows["duration"].notna().map({True: "a second of silence", False: "words only"})
    fate = fate.where(rows["exclude_reason"].isna(), "left out").rename("kept as")
    grouped = rows.groupby(["corpus", rows["audio_error"].rename("recording"), fate], sort=True)["source_path"]
    return grouped.agg(utterances="size", example="first").reset_index()


def excluded_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return how many clips each corpus lost for each reason, with the path of one of them."""
    rows = manifest[manifest["exclude_reason"].notna()]
    grouped = rows.groupby(["corpus", "exclude_reason"], sort=True)["source_path"]
    return grouped.agg(clips="size", example="first").reset_index().rename(columns={"exclude_reason": "reason"})


def _cells(rows: pd.DataFrame, shortcuts: pd.DataFrame | None, fewer: Sequence[str] | None = None) -> pd.Series:
    """Each score with its interval, its remarks and its marks."""
    if rows.empty:
        return pd.Series(dtype=object)
    said = rows.apply(cell, axis=1) + _reached(rows, shortcuts) + marks(rows)
    return said + (list(fewer) if fewer is not None else "") + rows.apply(remark, axis=1)


def _reached(rows: pd.DataFrame, shortcuts: pd.DataFrame | None) -> pd.Series:
    """The mark of a shortcut after each score that it reaches; only a UAR is compared."""
    reached = set()
    if shortcuts is not None:
        keys = shortcuts.loc[shortcuts["reached"], _SCORE]
        reached = set(keys.itertuples(index=False, name=None))
    asked = rows[_SCORE].itertuples(index=False, name=None)
    found = [REACHED if key in reached else "" for key in asked]
    return pd.Series(found, rows.index, object).where(rows["metric"] == "UAR", "")


def _best_shortcuts(shortcuts: pd.DataFrame, protocol: str) -> pd.Series:
    """Corpus -> name and UAR of its best shortcut, as the scores of a protocol are compared with it."""
    known = shortcuts[(shortcuts["protocol"] == protocol) & shortcuts["shortcut"].notna()]
    known = known.drop_duplicates("test_corpus").set_index("test_corpus")
    return known["shortcut"].astype(object) + " " + known["shortcut_UAR"].map(short)


def _chances(rows: pd.DataFrame) -> str:
    """UAR of guessing; that of restricted answers after it, where it is another."""
    free, *others = dict.fromkeys(guessing(rows.sort_values("answers", kind="stable")).map(short))
    return free + "".join(f" (restricted {other})" for other in others)


def _row_keys(rows: pd.DataFrame) -> list[str]:
    several = rows.duplicated(["label", "test_corpus"]).any()
    return ["label", "train_corpora"] if several else ["label"]


def _mean(rows: pd.DataFrame, corpora: int) -> str:
    values = pd.Series(chance_corrected(rows["value"].to_numpy(float), 1 / guessing(rows).to_numpy(float)))
    known = int(values.notna().sum())
    some = f" ({known} of {corpora})" if 0 < known < corpora else ""
    return short(values.mean()) + some + marks(rows[["flagged", "accepted"]].any().to_frame().T).iloc[0]


def _clips_and_speakers(rows: pd.DataFrame) -> str:
    return f"{len(rows):,} of {_speakers(rows)}" if len(rows) else NOTHING


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
        ", ".join(f"{rate / 1000:g} kHz" for rate in rates) or NOTHING,
    ]


def _speakers(rows: pd.DataFrame) -> str:
    genders = rows.dropna(subset=["speaker_id"]).groupby("speaker_id")["gender"].first()
    female, male = (int((genders == gender).sum()) for gender in ("female", "male"))
    return f"{len(genders)} ({female}/{male})" if female + male else str(len(genders))
