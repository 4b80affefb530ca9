"""Metrics, intervals and tests: arrays in, numbers out. Depends on NumPy and SciPy only."""

from mer.stats.calibration import (
    area_under_risk_coverage,
    calibration_error,
    certainties,
    reliability,
    risk_coverage,
)
from mer.stats.chance import permuted
from mer.stats.confusions import classes_present, cluster_confusions, confusion, recalls, restrict
from mer.stats.design import Design, Statistic, effective_clusters, sum_by_group
from mer.stats.estimates import MIN_CLUSTERS, Estimate, Groupings, estimate
from mer.stats.intervals import Interval, combined, interval, jackknife, p_value
from mer.stats.metrics import (
    CONFUSION_METRICS,
    METRICS,
    Metric,
    Number,
    chance_corrected,
    macro_f1,
    uar,
    wa,
    weighted_f1,
)
from mer.stats.multi_label import MULTI_LABEL_METRICS, constant_score
from mer.stats.paired import Comparison, Pair, compare, holm, sign_flip
from mer.stats.probabilities import estimate_probabilities
from mer.stats.rates import rate, rate_difference
from mer.stats.resampling import basic, percentile, ranks, resample

__all__ = [
    "CONFUSION_METRICS",
    "METRICS",
    "MIN_CLUSTERS",
    "MULTI_LABEL_METRICS",
    "Comparison",
    "Design",
    "Estimate",
    "Groupings",
    "Interval",
    "Metric",
    "Number",
    "Pair",
    "Statistic",
    "area_under_risk_coverage",
    "basic",
    "calibration_error",
    "certainties",
    "chance_corrected",
    "classes_present",
    "cluster_confusions",
    "combined",
    "compare",
    "confusion",
    "constant_score",
    "effective_clusters",
    "estimate",
    "estimate_probabilities",
    "holm",
    "interval",
    "jackknife",
    "macro_f1",
    "p_value",
    "percentile",
    "permuted",
    "ranks",
    "rate",
    "rate_difference",
    "recalls",
    "reliability",
    "resample",
    "restrict",
    "risk_coverage",
    "sign_flip",
    "sum_by_group",
    "uar",
    "wa",
    "weighted_f1",
]
