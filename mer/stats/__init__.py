"""Metrics and intervals: arrays in, numbers out. Knows numpy and scipy, and nothing of the rest of mer."""

from mer.stats.chance import permuted
from mer.stats.estimates import (
    FEWEST_CLUSTERS,
    Design,
    Estimate,
    Statistic,
    Ways,
    effective_clusters,
    estimate,
    gathered,
)
from mer.stats.intervals import Interval, combined, interval, jackknife, p_value
from mer.stats.metrics import (
    Number,
    chance_corrected,
    classes_present,
    cluster_confusions,
    confusion,
    macro_f1,
    recalls,
    restrict,
    uar,
    wa,
    weighted_f1,
)
from mer.stats.paired import Comparison, compare, holm, sign_flip
from mer.stats.resampling import basic, percentile, ranks, resample

__all__ = [
    "FEWEST_CLUSTERS",
    "Comparison",
    "Design",
    "Estimate",
    "Interval",
    "Number",
    "Statistic",
    "Ways",
    "basic",
    "chance_corrected",
    "classes_present",
    "cluster_confusions",
    "combined",
    "compare",
    "confusion",
    "effective_clusters",
    "estimate",
    "gathered",
    "holm",
    "interval",
    "jackknife",
    "macro_f1",
    "p_value",
    "percentile",
    "permuted",
    "ranks",
    "recalls",
    "resample",
    "restrict",
    "sign_flip",
    "uar",
    "wa",
    "weighted_f1",
]
