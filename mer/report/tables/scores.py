"""Tables of the results: systems by test corpora."""

from collections.abc import Sequence

import pandas as pd

from mer.evaluation.protocols.cells import WITH_SHARED_EPISODES
from mer.params.schema import SELECTED
from mer.report.style.numbers import NO_VALUE, chance, cluster_phrase, format_score, remark, select, short
from mer.report.style.symbols import SHORTCUT_SYMBOL, symbols
from mer.stats import chance_corrected

MEAN = "Mean (chance-corr.)"
"""The column of means over corpora."""
SHORTCUT = "best shortcut"
"""The row or column of the best shortcut classifier of each corpus."""
_EPISODES = {"left out": "within_family", "trained on": WITH_SHARED_EPISODES}
"""The treatment of episodes that training and test corpus share -> protocol."""
_SCORE_KEYS = ["system", "protocol", "answers", "train_corpora", "test_corpus"]


def pivot(
    results: pd.DataFrame, protocol: str, answers: str, metric: str = "UAR", shortcuts: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return systems × test corpora with entries like ".451 [.402, .501]", for one protocol and kind of predictions.

    The last column is the mean of the chance-corrected UAR over the corpora, whatever the metric: 0 is guessing,
    1 is perfect. If a system lacks a corpus, its mean states over how many corpora it is. If a system was trained on
    several sets of corpora, these become part of the row. Transductive systems are named so. Free predictions on
    another corpus state which share of them are classes that the corpus does not have. `scores.flag_legend` explains
    the symbols.

    Args:
        shortcuts: from `shortcut_comparison.compare_with_shortcuts`. It adds the best shortcut of each corpus as the
            last row, and ‡ to a UAR whose lower bound it reaches.

    Raises:
        ValueError: There are two results for one entry.
    """
    rows, uars = select(results, protocol, answers, metric), select(results, protocol, answers, "UAR")
    uars = uars[uars["classes"].notna()]  # without rows that are means over corpora themselves
    keys = _row_keys(rows)
    corpora = sorted(rows["test_corpus"].unique())
    if rows.empty:
        return pd.DataFrame(columns=[MEAN], index=pd.Index([], name="system"))
    _refuse_duplicates(rows, [*keys, "test_corpus"])
    wide = rows.assign(entry=_entries(rows, shortcuts)).pivot(index=keys, columns="test_corpus", values="entry")
    wide = wide.reindex(columns=corpora).fillna(NO_VALUE)
    means = {
        key: _mean(part, uars["test_corpus"].nunique())
        for key, part in uars.groupby(keys if len(keys) > 1 else keys[0])
    }
    wide[MEAN] = [means.get(key, NO_VALUE) for key in wide.index]
    if shortcuts is not None:
        best = _best_shortcuts(shortcuts[shortcuts["answers"] == answers], protocol).reindex(corpora).fillna(NO_VALUE)
        wide.loc[SHORTCUT if len(keys) == 1 else (SHORTCUT, NO_VALUE), :] = [*best, NO_VALUE]
    return wide.rename_axis(index=["system", "trained on"][: len(keys)], columns=None)


def within_family_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return systems × test corpora of restricted predictions of other corpora of the family, as `pivot`.

    The first rows are trained without the episodes that are tested, the others with them. The table is empty if no
    family has two corpora.
    """
    parts = {name: pivot(results, protocol, "restricted") for name, protocol in _EPISODES.items()}
    return pd.concat({name: part for name, part in parts.items() if len(part)} or parts, names=["shared episodes"])


def loco_table(
    results: pd.DataFrame, listeners: pd.DataFrame | None = None, shortcuts: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the UAR on held-out corpora: a row per system and kind of predictions, a column per corpus and the mean.

    Restricted predictions choose among the corpus's own classes, which are then assumed to be given; their chance
    differs. A system that could not predict all utterances states how many it predicted. The rows below the systems are
    facts of each corpus: chance, clips, speakers, classes, clusters of the intervals. The column of means is as in
    `pivot`.

    Args:
        listeners: columns corpus and UAR; adds a row with the UAR of human listeners.
        shortcuts: from `shortcut_comparison.compare_with_shortcuts`; adds a row with the best shortcut within each
            corpus, and ‡ to scores whose lower bound it reaches.
    """
    rows = select(results, "loco")
    corpora = sorted(rows["test_corpus"].unique())
    sizes = rows.groupby("test_corpus")[["n", "speakers", "classes"]].max()
    lines = {}
    for label in sorted(rows["label"].unique(), key=lambda name: (name != SELECTED, name)):
        for answers in ("free", "restricted"):
            part = rows[(rows["label"] == label) & (rows["answers"] == answers)]
            if len(part):
                lines[label, answers] = _loco_line(part, shortcuts, sizes, corpora)
    of_corpus = {"chance": {corpus: _chance(rows[rows["test_corpus"] == corpus]) for corpus in corpora}}
    if shortcuts is not None:
        of_corpus[SHORTCUT] = _best_shortcuts(shortcuts, "loco").to_dict()
    if listeners is not None and len(listeners):
        of_corpus["one listener"] = listeners.set_index("corpus")["UAR"].map(short).to_dict()
    of_corpus |= {{"n": "clips"}.get(name, name): sizes[name].map("{:,}".format).to_dict() for name in sizes}
    first = rows.drop_duplicates("test_corpus").set_index("test_corpus")
    of_corpus["intervals over"] = {corpus: cluster_phrase(first.loc[corpus]) for corpus in corpora}
    lines |= {(name, ""): [values.get(corpus, NO_VALUE) for corpus in corpora] + [""]
              for name, values in of_corpus.items() if corpora}  # fmt: skip
    index = pd.MultiIndex.from_tuples(lines, names=["system", "predictions"]) if lines else pd.Index([], name="system")
    return pd.DataFrame(list(lines.values()), index=index, columns=[*corpora, MEAN])


def _loco_line(part: pd.DataFrame, shortcuts: pd.DataFrame | None, sizes: pd.DataFrame, corpora: list[str]) -> list:
    """The entries of one system and kind of predictions, corpus by corpus, and their mean."""
    part = part.drop_duplicates("test_corpus")
    fewer = [
        f" (n = {n})" if n < sizes.loc[c, "n"] else "" for c, n in zip(part["test_corpus"], part["n"], strict=True)
    ]
    entries = _entries(part, shortcuts, fewer).set_axis(part["test_corpus"])
    known = part[part["classes"].notna()]
    return [*entries.reindex(corpora).fillna(NO_VALUE), _mean(known, len(corpora)) if len(known) else NO_VALUE]


def _refuse_duplicates(rows: pd.DataFrame, keys: list[str]) -> None:
    duplicates = rows[rows.duplicated(keys)]
    if len(duplicates):
        first = duplicates.iloc[0]
        raise ValueError(f"there are two results of {first['label']} on {first['test_corpus']}; select one of them")


def _entries(rows: pd.DataFrame, shortcuts: pd.DataFrame | None, fewer: Sequence[str] | None = None) -> pd.Series:
    """Each score with its interval, its symbols and its remarks."""
    if rows.empty:
        return pd.Series(dtype=object)
    texts = rows.apply(format_score, axis=1) + _shortcut_symbols(rows, shortcuts) + symbols(rows)
    return texts + (list(fewer) if fewer is not None else "") + rows.apply(remark, axis=1)


def _shortcut_symbols(rows: pd.DataFrame, shortcuts: pd.DataFrame | None) -> pd.Series:
    """The symbol after each score whose lower bound a shortcut reaches; only a UAR is compared."""
    reached = set()
    if shortcuts is not None:
        keys = shortcuts.loc[shortcuts["reached"], _SCORE_KEYS]
        reached = set(keys.itertuples(index=False, name=None))
    keys = rows[_SCORE_KEYS].itertuples(index=False, name=None)
    texts = [SHORTCUT_SYMBOL if key in reached else "" for key in keys]
    return pd.Series(texts, rows.index, object).where(rows["metric"] == "UAR", "")


def _best_shortcuts(shortcuts: pd.DataFrame, protocol: str) -> pd.Series:
    """Corpus -> name and UAR of its best shortcut, as it is compared with scores of a protocol."""
    scored = shortcuts[(shortcuts["protocol"] == protocol) & shortcuts["shortcut"].notna()]
    scored = scored.drop_duplicates("test_corpus").set_index("test_corpus")
    return scored["shortcut"].astype(object) + " " + scored["shortcut_UAR"].map(short)


def _chance(rows: pd.DataFrame) -> str:
    """UAR of guessing, followed by that of restricted predictions if it differs."""
    free, *others = dict.fromkeys(chance(rows.sort_values("answers", kind="stable")).map(short))
    return free + "".join(f" (restricted {other})" for other in others)


def _row_keys(rows: pd.DataFrame) -> list[str]:
    several = rows.duplicated(["label", "test_corpus"]).any()
    return ["label", "train_corpora"] if several else ["label"]


def _mean(rows: pd.DataFrame, n_corpora: int) -> str:
    values = pd.Series(chance_corrected(rows["value"].to_numpy(float), 1 / chance(rows).to_numpy(float)))
    scored = int(values.notna().sum())
    some = f" ({scored} of {n_corpora})" if 0 < scored < n_corpora else ""
    return short(values.mean()) + some + symbols(rows[["flagged", "accepted", "capped"]].any().to_frame().T).iloc[0]
