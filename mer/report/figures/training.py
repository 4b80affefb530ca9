"""Learning curves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mer.report.style.axes import empty_figure, new_figure, set_title
from mer.report.style.palette import Style, escape_mathtext, in_order, styles


def training_curves(history: pd.DataFrame) -> Figure | Axes:
    """Draw each metric by epoch: a thin line per training and corpus, a thick line per corpus for their mean.

    A dot marks, for each training, the epoch at which the mean over corpora (corpus `mean`) is highest.

    Args:
        history: columns run, epoch, corpus (empty if the value concerns all corpora), metric, value.
    """
    rows = history.dropna(subset=["epoch", "value"])
    if rows.empty:
        return empty_figure("No training has been recorded.")
    corpus = rows["corpus"].astype(object)
    corpus = corpus.where(corpus.notna() & (corpus != ""), "all")
    rows = rows.assign(corpus=corpus, epoch=rows["epoch"].astype(float)).reset_index(drop=True)
    metrics, looks = list(rows["metric"].unique()), styles(in_order(corpus))
    figure, axes = new_figure(len(metrics))
    for ax, metric in zip(np.atleast_1d(axes), metrics, strict=True):
        _curves(ax, rows[rows["metric"] == metric], looks)
        ax.set(xlabel="epoch", ylabel="")
        set_title(ax, f"{metric[:1].upper()}{metric[1:]} by epoch")
        handles, labels = ax.get_legend_handles_labels()
        ax.get_legend().remove()
        if len(labels) > 1:  # outside, because the lines may be anywhere
            labels = [escape_mathtext(label) for label in labels]
            ax.legend(handles, labels, fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _curves(ax: Axes, rows: pd.DataFrame, looks: dict[str, Style]) -> None:
    import seaborn as sns

    names = [name for name in looks if name in set(rows["corpus"])]
    xy = {"x": "epoch", "y": "value", "hue": "corpus", "hue_order": names, "ax": ax}
    xy["palette"] = {name: looks[name].colour for name in names}
    sns.lineplot(rows, units="run", estimator=None, linewidth=0.5, alpha=0.3, legend=False, **xy)
    dashes = {name: _DASHES[looks[name].line] for name in names}
    sns.lineplot(rows, errorbar=None, style="corpus", style_order=names, dashes=dashes, linewidth=1.8, **xy)
    means = rows[rows["corpus"] == "mean"]
    if len(means):
        best = means.loc[means.groupby("run")["value"].idxmax()]
        ax.plot(best["epoch"], best["value"], "o", color=looks["mean"].colour, markersize=6)


_DASHES = {"-": "", "--": (4, 2), ":": (1, 1.5), "-.": (5, 1.5, 1, 1.5)}
"""The lengths of strokes and gaps of each line style, in multiples of the line width."""
