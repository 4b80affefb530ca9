"""Figures of feature vectors: how they differ between corpora and between emotions."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from mer.report.style.axes import empty_figure, new_figure, rows_height, set_title, violins
from mer.report.style.palette import COLOURS, emotion_styles, escape_mathtext, styles

_MAX_POINTS = 3000


def feature_map(points: ArrayLike, corpus: ArrayLike, emotion: ArrayLike) -> Figure:
    """Draw points of a plane twice, by corpus and by emotion. Of more than 3,000 points, evenly spaced ones are drawn.

    Args:
        points: (n, 2).
        corpus, emotion: names of each point, (n,); points without a name are not drawn.
    """
    points = np.asarray(points, float)
    keep = np.unique(np.linspace(0, len(points) - 1, min(len(points), _MAX_POINTS)).astype(int))
    figure, axes = new_figure(2)
    for ax, title, names in zip(axes, ("Clips by corpus", "Clips by emotion"), (corpus, emotion), strict=True):
        table = pd.DataFrame({"x": points[keep, 0], "y": points[keep, 1], "name": np.asarray(names, object)[keep]})
        present = {name for name in np.asarray(names, object) if isinstance(name, str)}
        _scatter(ax, table, emotion_styles(present) if ax is axes[1] else styles(sorted(present)))
        set_title(ax, title)
    return figure


def image_row(images: dict[str, NDArray]) -> Figure:
    """Draw images side by side, each with its name above.

    Args:
        images: name -> RGB of shape (height, width, 3).
    """
    figure, axes = new_figure(len(images), height=1.6)
    for ax, (name, image) in zip(np.atleast_1d(axes), images.items(), strict=True):
        ax.imshow(image)
        ax.axis("off")
        ax.set_title(escape_mathtext(name), fontsize=5)
    return figure


def dimension_map(corpus: ArrayLike, emotion: ArrayLike) -> Axes:
    """Draw how much of the variance of each dimension corpora and emotions explain (eta squared)."""
    import seaborn as sns

    corpus, emotion = np.asarray(corpus, float), np.asarray(emotion, float)
    ax = new_figure()[1]
    sns.scatterplot(x=corpus, y=emotion, s=12, alpha=0.6, color=COLOURS[2], linewidth=0, ax=ax)
    end = max(corpus.max(initial=0.01), emotion.max(initial=0.01)) * 1.05
    ax.plot([0, end], [0, end], color="black", linewidth=0.7, linestyle="--")
    ax.set(xlabel="variance between corpora", ylabel="variance between emotions", xlim=(0, end), ylim=(0, end))
    share = float((corpus > emotion).mean()) if len(corpus) else 0.0
    return set_title(ax, f"{share:.0%} of the dimensions vary more with the corpus than with the emotion.")


def value_distributions(values: dict[str, ArrayLike], corpus: ArrayLike) -> Figure | Axes:
    """Draw the distribution of some dimensions in each corpus, with quartiles.

    Args:
        values: name of a dimension -> its values, (n,).
        corpus: corpus of each value, (n,).
    """
    corpus = np.asarray(corpus, dtype=object)
    if not len(corpus) or not values:
        return empty_figure("There are no features.")
    figure, axes = new_figure(len(values), height=rows_height(len(set(corpus)), 0.5))
    for ax, (name, column) in zip(np.atleast_1d(axes), values.items(), strict=True):
        violins(ax, pd.DataFrame({"corpus": corpus, "value": np.asarray(column, float)}), "value")
        ax.tick_params(labelleft=ax is np.atleast_1d(axes)[0])
        ax.set_xlabel("")
        set_title(ax, name)
    return figure


def _scatter(ax: Axes, table: pd.DataFrame, looks: dict) -> None:
    import seaborn as sns

    ax.set(xticks=[], yticks=[])
    if not looks:
        return
    hue = {name: look.colour for name, look in looks.items()}
    markers = {name: look.marker for name, look in looks.items()}
    table = table[table["name"].isin(list(looks))]
    look = {"palette": hue, "markers": markers, "hue_order": list(hue), "style_order": list(hue), "s": 12}
    sns.scatterplot(table, x="x", y="y", hue="name", style="name", alpha=0.7, linewidth=0, ax=ax, **look)
    ax.set(xlabel="", ylabel="")
    handles, labels = ax.get_legend_handles_labels()
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "ncols": 3, "fontsize": 7, "frameon": False}
    ax.legend(handles, [escape_mathtext(label) for label in labels], **place)
