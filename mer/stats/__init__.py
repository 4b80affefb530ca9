"""Metrics and intervals: arrays in, numbers out. Knows numpy and scipy, and nothing of the rest of mer."""

from mer.stats.estimates import FEWEST_CLUSTERS, Estimate, effective_clusters, estimate
from mer.stats.intervals import Interval, combined, jackknife
from mer.stats.metrics import (
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

__all__ = [
    "FEWEST_CLUSTERS",
    "Interval",
    "chance_corrected",
    "classes_present",
    "cluster_confusions",
    "confusion",
    "effective_clusters",
    "jackknife",
    "macro_f1",
    "recalls",
    "restrict",
    "uar",
    "wa",
    "weighted_f1",
]
