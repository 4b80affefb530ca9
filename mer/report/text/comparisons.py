"""What comparisons of systems, metrics and splits say: sentences, and tables that people read."""

import numpy as np
import pandas as pd

from mer.evaluation.comparison.comparison import BETTER, DIFFER, MEAN, MODELS, WORSE
from mer.evaluation.comparison.sensitivity import SPLIT_PAIRS
from mer.evaluation.scores.scores import METRICS
from mer.report.style.numbers import NOTHING, bounds, marks, over, short

SHOWN = (BETTER, WORSE, DIFFER, "shown")
"""verdicts of a difference that holds"""


def difference_sentence(table: pd.DataFrame, level: float, why_not: str = "") -> str:
    """Say which systems differ from the reference over all corpora, and where so few speakers cannot show anything.

    Args:
        table: as from `comparison.compare`.
        level: a difference is shown where the adjusted p is at most this.
        why_not: why it is empty.
    """
    rows = table.dropna(subset=["p"])
    if rows.empty:
        return f"Nothing is compared: {why_not or 'no two systems were tested on the same clips'}."
    whole = rows[rows["test_corpus"] == MEAN]
    asked, where = (whole, MEAN) if len(whole) else (rows, rows["test_corpus"].iloc[0])
    asked = asked.sort_values("difference", ascending=False)
    told = [
        f"{row['system']} {_word(row['verdict'])} ({signed(row)}, p {_p(row['p_holm'], '= ')})"
        for _, row in asked.iterrows()
    ]
    sentence = f"Against {asked['reference'].iloc[0]}, {where}: {'; '.join(told)}."
    if (asked["of"] == MODELS).any():
        sentence += " With one seed of a network only these trained models are compared, not systems."
    small = rows[(rows["smallest_p"] > level) & (rows["test_corpus"] != MEAN)]
    if len(small):
        names, least = ", ".join(sorted(set(small["test_corpus"]))), _p(small["smallest_p"].min())
        sentence += (
            f" Hardly anything could be shown on {names}: with so few speakers, {_asked(rows)} give no p < {least}."
        )
    return sentence


def difference_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per corpus and system: both scores, the difference, the p-values and the verdict."""
    shown = pd.DataFrame(
        {
            "UAR": table["value"].map(short) + _of_means(table),
            "ref.": table["reference_value"].map(short) + _of_means(table),
            "difference": [signed(row) for _, row in table.iterrows()],
            "p (Holm)": table["p_holm"].map(_p),
            "smallest p": table["smallest_p"].map(_p),
            "verdict": table["verdict"],
            "speakers": table["speakers"],
            "intervals over": [over(row) for _, row in table.iterrows()],
        }
    )
    shown.index = pd.MultiIndex.from_frame(table[["test_corpus", "system"]], names=["held out", "system"])
    return _means_last(shown)


def rank_table(ranks: pd.DataFrame) -> pd.DataFrame:
    """Return a row per system: its mean, its rank with where that lies on resampled speakers, how often it leads."""
    known = ranks["rank"].notna()
    place = [f"{r:g} [{low:g}, {high:g}]" for r, low, high in ranks[["rank", "low", "high"]].to_numpy(float)]
    return pd.DataFrame(
        {
            "mean (chance-corr.)": (ranks["value"].map(short) + _marks(ranks)).to_numpy(),
            "rank": np.where(known, place, NOTHING),
            "leads in": np.where(known, [f"{share:.0%}" for share in ranks["first"]], NOTHING),
            "corpora": ranks["corpora"].to_numpy(),
            "note": ranks["note"].to_numpy(),
        },
        index=pd.Index(ranks["system"], name="system"),
    )


def resample_sentence(ranks: pd.DataFrame, again: pd.DataFrame, draws: int, seconds: float) -> str:
    """Say what other resamples move, and how long they took.

    Args:
        ranks, again: as from `ranking.ranked`, with two seeds.
    """
    if ranks["first"].notna().sum() == 0:
        return "No corpus has been held out: there is nothing to resample."
    moved = 100 * (ranks.set_index("system")["first"] - again.set_index("system")["first"]).abs().max()
    return (
        f"{draws:,} resamples of the speakers of the whole study took {seconds:.1f} s on this machine; with another "
        f"{draws:,}, how often a system leads moves by {moved:.1f} points at most."
    )


def metric_sentence(table: pd.DataFrame) -> str:
    """Say on how many corpora another metric would name another winner.

    Args:
        table: as from `card.metrics`, of one protocol.
    """
    if table["system"].nunique() < 2:
        return "With one system no metric names another winner."
    always = table[table["first_by"] == " ".join(METRICS)]["test_corpus"].nunique()
    corpora = table["test_corpus"].nunique()
    return f"On {corpora - always or 'none'} of {corpora} corpora the system that leads depends on the metric."


def metric_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per corpus and system: the four metrics, the points between them, and by which it leads."""
    shown = pd.DataFrame({name.replace("_", " "): table[name].map(short) for name in METRICS})
    shown["spread"] = table["points"].map("{:.1f}".format)
    shown["leads by"] = [", ".join(names.split()).replace("_", " ") or NOTHING for names in table["first_by"]]
    shown.index = pd.MultiIndex.from_frame(table[["test_corpus", "system"]], names=["held out", "system"])
    return shown.sort_index()


def inflation_sentence(table: pd.DataFrame, system: str) -> str:
    """Say by how much a random split flatters a system.

    Args:
        table: as from `card.inflation`.
    """
    rows = table[(table["system"] == system) & table["points"].notna()]
    means = rows[rows["test_corpus"] == MEAN]
    rows = means if len(means) else rows
    if rows.empty:
        return f"{system} has not been tested under two kinds of split."
    told = [
        f"{row['split']} over {row['than']}: {_points(row)}" for _, row in rows.iterrows() if row["split"] == "random"
    ]
    return f"What a random split adds for {system}, {rows['test_corpus'].iloc[0]}, in points: {'; '.join(told)}."


def inflation_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per system and corpus, a column per pair of splits: the points between them, interval, verdict."""
    cells = [_points(row) if pd.notna(row["points"]) else row["verdict"] for _, row in table.iterrows()]
    frame = table.assign(cell=cells + _of_means(table), step=table["split"] + " − " + table["than"])
    wide = frame.pivot(index=["system", "test_corpus"], columns="step", values="cell")
    wide = wide.reindex(columns=[f"{a} − {b}" for a, b in SPLIT_PAIRS]).rename_axis(columns=None)
    wide = wide.rename_axis(index=["system", "corpus"])
    return pd.concat([_means_last(part, 1) for _, part in wide.groupby("system", sort=False)]) if len(wide) else wide


def gap_sentence(scored: pd.DataFrame, gaps: pd.DataFrame) -> str:
    """Say which gaps between slices hold, and how many slices are too small to be scored."""
    if scored.empty:
        return "No corpus is parted by gender, age, language or duration."
    shown = gaps[gaps["verdict"] == "shown"]
    told = [
        f"{row['test_corpus']}, {row['slice']} against {row['than']} ({signed(row, 'gap')})"
        for _, row in shown.iterrows()
    ]
    few = int((scored["note"] != "").sum())
    first = f"Gaps that hold: {'; '.join(told)}." if told else f"None of {len(gaps)} gaps is shown."
    return f"{first} {few} of {len(scored)} slices are listed and not scored."


def gap_table(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return a row per gap: which slice against which, by how much, speakers who are in both, and the verdict."""
    cells = [signed(row, "gap") for _, row in gaps.iterrows()]
    named = gaps.rename(columns={"test_corpus": "held out", "than": "against", "shared_speakers": "in both"})
    rows = named.assign(gap=cells).astype({"speakers": "Int64", "in both": "Int64"})
    rows = rows.set_index(["held out", "attribute", "slice"]).sort_index()
    return rows[["against", "gap", "speakers", "in both", "classes", "verdict"]]


def slice_table(scored: pd.DataFrame) -> pd.DataFrame:
    """Return a row per slice: its UAR, or why it has none."""
    cells = [
        f"{short(row['value'])} {bounds(row['low'], row['high'], row['speakers'], why=row['why_none'])}"
        if not row["note"]
        else row["note"]
        for _, row in scored.iterrows()
    ]
    rows = scored.assign(UAR=cells, over=[over(row) for _, row in scored.iterrows()])
    rows = rows.rename(columns={"test_corpus": "held out", "over": "intervals over"})
    rows = rows.set_index(["held out", "attribute", "slice"])
    rows = rows.sort_index(key=lambda names: names.str.replace("under ", "0 "))  # under 2 s stands before 2 to 4 s
    return rows[["UAR", "n", "speakers", "classes", "intervals over"]]


def signed(row: pd.Series, column: str = "difference") -> str:
    """Write a difference with its sign and its interval.

    >>> signed(pd.Series({"difference": 0.021, "low": -0.01, "high": 0.052}))
    '+.021 [-.010, .052]'
    """
    if pd.isna(row[column]):
        return NOTHING
    return f"{_plus(row[column])}{short(row[column])} {bounds(row['low'], row['high'])}"


def _marks(table: pd.DataFrame) -> pd.Series:
    """The marks of a table that has them (`numbers.displayed`)."""
    return marks(table) if "flagged" in table else pd.Series("", table.index, dtype=object)


def _of_means(table: pd.DataFrame) -> pd.Series:
    """The marks of means over corpora; those of one corpus stand after its name."""
    return _marks(table).where(table["test_corpus"] == MEAN, "")


def _word(verdict: str) -> str:
    if verdict == DIFFER:
        return "differs (these trained models only)"
    return verdict if verdict in SHOWN else "not shown to differ"


def _means_last(frame: pd.DataFrame, level: int = 0) -> pd.DataFrame:
    means = frame.index.get_level_values(level) == MEAN
    return pd.concat([frame[~means].sort_index(), frame[means]])


def _points(row: pd.Series) -> str:
    interval = f"[{row['low']:z.1f}, {row['high']:z.1f}]" if pd.notna(row["low"]) else "no interval"
    return f"{row['points']:+z.1f} {interval}, {row['verdict']}"


def _plus(value: float) -> str:
    return "+" if value > 0 else ""


def _p(value: float, equals: str = "") -> str:
    if pd.isna(value):
        return NOTHING
    return "< .001" if value < 0.001 else equals + short(value)


def _asked(rows: pd.DataFrame) -> str:
    asked = int((rows["test_corpus"] != MEAN).sum())
    return f"{asked} questions" if asked != 1 else "one question"
