"""Figures of calibration: what each protocol would claim, reliability, and risk against coverage."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mer import stats
from mer.evaluation.comparison.claims import PROTOCOL_NAMES
from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.scores import probabilities
from mer.evaluation.scores.confusions import Scoring
from mer.report.style.axes import add_legend, empty_figure, new_figure, rows_height, set_title
from mer.report.style.forest import forest
from mer.report.style.numbers import short
from mer.report.style.palette import escape_mathtext, styles

PANELS = {"UAR": "UAR", "ECE": "calibration error"}
"""Metric -> the label of its axis in `claim_dots`."""


def claim_dots(claims: pd.DataFrame, system: str) -> Figure | Axes:
    """Draw UAR and calibration error of one system under each protocol, a row per corpus, with intervals.

    Args:
        claims: from `claims.claims`.
    """
    rows = claims[claims["system"] == system].dropna(subset=["value"])
    if rows.empty:
        return empty_figure(f"{system} has no predictions whose protocols can be compared.")
    corpora = sorted(set(rows["test_corpus"]) - {MEAN}) + [MEAN] * (MEAN in set(rows["test_corpus"]))
    looks = styles(PROTOCOL_NAMES[name] for name in PROTOCOL_NAMES if name in set(rows["protocol"]))
    figure, axes = new_figure(len(PANELS), rows_height(len(corpora), 0.25 + 0.1 * len(looks)))
    points = rows.assign(row=rows["test_corpus"], group=rows["protocol"].map(PROTOCOL_NAMES), filled=True)
    for ax, (metric, label) in zip(axes, PANELS.items(), strict=True):
        forest(ax, points[points["metric"] == metric], looks, corpora)
        ax.set(xlim=(0, 1 if metric == "UAR" else None), xlabel=label)
    axes[1].set_yticklabels([])
    set_title(axes[0], f"{system}: {_claim_title(rows)}")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def _claim_title(rows: pd.DataFrame) -> str:
    """The highest and the lowest claim about the mean UAR."""
    means = rows[(rows["test_corpus"] == MEAN) & (rows["metric"] == "UAR")].set_index("protocol")["value"]
    if len(means) < 2:
        return "one protocol"
    names = (PROTOCOL_NAMES[means.idxmax()], PROTOCOL_NAMES[means.idxmin()])
    return f"{short(means.max())} by {names[0]}, {short(means.min())} by {names[1]}."


def reliability_diagram(predictions: pd.DataFrame, system: str, scoring: Scoring, answers: str = "restricted") -> Axes:
    """Draw accuracy against certainty of one system, a line per protocol; below the diagonal, it is too certain.

    Corpora and seeds are pooled.

    Args:
        predictions: as from `scores.predictions`, of any protocols.
        scoring: classes and clusters.
        answers: free or restricted.
    """
    pooled = _pooled(predictions, system, scoring, answers)
    if not pooled:
        return empty_figure(f"{system} has no predictions.")
    ax, looks = new_figure()[1], styles(pooled)
    ax.plot([0, 1], [0, 1], color="grey", linestyle=":", label="calibrated")
    for name, (truth, values) in pooled.items():
        certainty, accuracy, _ = stats.reliability(truth, values)
        style = looks[name]
        ax.plot(certainty, accuracy, color=style.colour, marker=style.marker, linestyle=style.line, label=name)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"certainty ({answers} predictions)", ylabel="share that is right")
    add_legend(ax)
    last, (truth, values) = list(pooled.items())[-1]
    certainty, right = (each.mean() for each in stats.certainties(truth, values))
    return set_title(ax, f"{escape_mathtext(last)}: {certainty:.0%} certain on average, {right:.0%} right.")


def risk_curves(predictions: pd.DataFrame, system: str, scoring: Scoring, answers: str = "restricted") -> Axes:
    """Draw the share of errors among the most certain predictions of one system, a line per protocol.

    Args:
        predictions, scoring, answers: as for `reliability_diagram`.
    """
    pooled = _pooled(predictions, system, scoring, answers)
    if not pooled:
        return empty_figure(f"{system} has no predictions.")
    ax, looks = new_figure()[1], styles(pooled)
    for name, (truth, values) in pooled.items():
        coverage, risk = stats.risk_coverage(truth, values)
        shown = coverage >= min(1.0, 20 / len(truth))  # fewer than 20 predictions say nothing
        ax.plot(coverage[shown], risk[shown], color=looks[name].colour, linestyle=looks[name].line, label=name)
    ax.set(xlim=(0, 1), ylim=(0, None), xlabel=f"share that is predicted, most certain first ({answers} predictions)",
           ylabel="share of errors among them")  # fmt: skip
    add_legend(ax)
    last, (truth, values) = list(pooled.items())[-1]
    coverage, risk = stats.risk_coverage(truth, values)
    half = risk[int(np.searchsorted(coverage, 0.5))]
    title = f"{escape_mathtext(last)}: {risk[-1]:.0%} errors, {half:.0%} in the more certain half."
    return set_title(ax, title)


def _pooled(
    predictions: pd.DataFrame, system: str, scoring: Scoring, answers: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name of a protocol -> classes, (rows,), and probabilities, (rows, classes), of all corpora and seeds."""
    pooled = {}
    for protocol, name in PROTOCOL_NAMES.items():
        own = predictions[(predictions["system"] == system) & (predictions["protocol"] == protocol)]
        parts = [probabilities.read(part, answers, scoring) for _, part in own.groupby("test_corpus", sort=True)]
        if parts:
            truth = np.concatenate([np.tile(part.truth, len(part.values)) for part in parts])
            pooled[name] = truth, np.concatenate([part.values.reshape(-1, len(scoring.classes)) for part in parts])
    return pooled
