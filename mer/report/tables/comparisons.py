"""Tables of differences: between systems, metrics, splits and slices."""

import numpy as np
import pandas as pd

from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.comparison.sensitivity import SPLIT_PAIRS
from mer.report.style.numbers import NO_VALUE, bounds, cluster_phrase, short
from mer.report.style.symbols import symbols
from mer.report.text.comparisons import format_p, signed, signed_points
from mer.stats import CONFUSION_METRICS


def difference_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per corpus and system: both scores, the difference, the p-values and the verdict."""
    shown = pd.DataFrame(
        {
            "UAR": table["value"].map(short) + _symbols_of_means(table),
            "ref.": table["reference_value"].map(short) + _symbols_of_means(table),
            "difference": [signed(row) for _, row in table.iterrows()],
            "p (Holm)": table["p_holm"].map(format_p),
            "smallest p": table["smallest_p"].map(format_p),
            "verdict": table["verdict"],
            "speakers": table["speakers"],
            "intervals over": [cluster_phrase(row) for _, row in table.iterrows()],
        }
    )
    shown.index = pd.MultiIndex.from_frame(table[["test_corpus", "system"]], names=["held out", "system"])
    return _means_last(shown)


def rank_table(ranks: pd.DataFrame) -> pd.DataFrame:
    """Return one row per system: mean, rank with its interval over resampled speakers, how often it leads."""
    ranked = ranks["rank"].notna()
    texts = [f"{rank:g} [{low:g}, {high:g}]" for rank, low, high in ranks[["rank", "low", "high"]].to_numpy(float)]
    return pd.DataFrame(
        {
            "mean (chance-corr.)": (ranks["value"].map(short) + _symbols(ranks)).to_numpy(),
            "rank": np.where(ranked, texts, NO_VALUE),
            "leads in": np.where(ranked, [f"{share:.0%}" for share in ranks["first"]], NO_VALUE),
            "corpora": ranks["corpora"].to_numpy(),
            "note": ranks["note"].to_numpy(),
        },
        index=pd.Index(ranks["system"], name="system"),
    )


def metric_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per corpus and system: the score under each metric, their range, the metrics by which it leads."""
    shown = pd.DataFrame({metric.title: table[name].map(short) for name, metric in CONFUSION_METRICS.items()})
    shown["range"] = table["points"].map("{:.1f}".format)
    shown["leads by"] = [
        ", ".join(CONFUSION_METRICS[name].title for name in names.split()) or NO_VALUE for names in table["best_by"]
    ]
    shown.index = pd.MultiIndex.from_frame(table[["test_corpus", "system"]], names=["held out", "system"])
    return shown.sort_index()


def inflation_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per system and corpus, one column per pair of splits: points with interval and verdict."""
    entries = [signed_points(row) if pd.notna(row["points"]) else row["verdict"] for _, row in table.iterrows()]
    frame = table.assign(entry=entries + _symbols_of_means(table), step=table["split"] + " − " + table["than"])
    wide = frame.pivot(index=["system", "test_corpus"], columns="step", values="entry")
    wide = wide.reindex(columns=[f"{a} − {b}" for a, b in SPLIT_PAIRS]).rename_axis(columns=None)
    wide = wide.rename_axis(index=["system", "corpus"])
    return pd.concat([_means_last(part, 1) for _, part in wide.groupby("system", sort=False)]) if len(wide) else wide


def gap_table(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return one row per gap: both slices, the difference, speakers who are in both, and the verdict."""
    texts = [signed(row, "gap") for _, row in gaps.iterrows()]
    renamed = gaps.rename(columns={"test_corpus": "held out", "than": "against", "shared_speakers": "in both"})
    rows = renamed.assign(gap=texts).astype({"speakers": "Int64", "in both": "Int64"})
    rows = rows.set_index(["held out", "attribute", "slice"]).sort_index()
    return rows[["against", "gap", "speakers", "in both", "classes", "verdict"]]


def slice_table(scored: pd.DataFrame) -> pd.DataFrame:
    """Return one row per slice: its UAR, or the reason why it is not scored."""
    rows = scored.assign(UAR=[_slice_score(row) for _, row in scored.iterrows()])
    rows["intervals over"] = [cluster_phrase(row) for _, row in scored.iterrows()]
    rows = rows.rename(columns={"test_corpus": "held out"}).set_index(["held out", "attribute", "slice"])
    rows = rows.sort_index(key=lambda names: names.str.replace("under ", "0 "))  # "under 2 s" before "2 to 4 s"
    return rows[["UAR", "n", "speakers", "classes", "intervals over"]]


def _slice_score(row: pd.Series) -> str:
    if row["note"]:
        return row["note"]
    return f"{short(row['value'])} {bounds(row['low'], row['high'], row['speakers'], reason=row['why_none'])}"


def _symbols(table: pd.DataFrame) -> pd.Series:
    """The symbols of a table that has flags (`symbols.for_display`)."""
    return symbols(table) if "flagged" in table else pd.Series("", table.index, dtype=object)


def _symbols_of_means(table: pd.DataFrame) -> pd.Series:
    """The symbols of means over corpora; those of one corpus follow its name."""
    return _symbols(table).where(table["test_corpus"] == MEAN, "")


def _means_last(frame: pd.DataFrame, level: int = 0) -> pd.DataFrame:
    means = frame.index.get_level_values(level) == MEAN
    return pd.concat([frame[~means].sort_index(), frame[means]])
