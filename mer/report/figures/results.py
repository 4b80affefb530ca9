"""One function per figure; each returns matplotlib axes, and draws a sentence where there is nothing to draw."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from mer.dataset.audit.shortcuts.severities import WARNING_SHARE
from mer.report.style.axes import canvas, entitle, heat_map, legend_beside, name_rows, nothing, rows_height
from mer.report.style.numbers import ACCEPTED, BREACH, NOTHING, guessing, marks, select, short
from mer.report.style.palette import COLOURS, HATCHES, Style, emotion_styles, in_order, plain, styles
from mer.stats import chance_corrected, recalls

OTHERS = "all others (LOCO)"
_DOTS = 3000


def class_counts(manifest: pd.DataFrame) -> Axes:
    """Draw the clips of each corpus by class, as shares; the number of clips stands beside each bar."""
    rows = manifest.dropna(subset=["emotion"])
    if rows.empty:
        return nothing(canvas()[1], "No clip has a label.")
    counts = pd.crosstab(rows["corpus"].astype(object), rows["emotion"].astype(object))
    looks = emotion_styles(counts.columns)
    ends = {name: f" {total:,}" for name, total in counts.sum(axis=1).items()}
    ax = _bars(counts[list(looks)], [(look.colour, look.hatch) for look in looks.values()], ends)
    return entitle(ax, "Corpora hold different classes, in different shares.")


def split_sizes(manifest: pd.DataFrame) -> Axes:
    """Draw the clips of each corpus by split; beside each bar the speakers in train/validation/test."""
    rows = manifest.dropna(subset=["split"])
    if rows.empty:
        return nothing(canvas()[1], "No clip is in a split.")
    order = ["train", "validation", "test"]
    keys = [rows["corpus"].astype(object), rows["split"].astype(object)]
    counts = pd.crosstab(*keys).reindex(columns=order, fill_value=0)
    speakers = rows["speaker_id"].groupby(keys).nunique().unstack(fill_value=0)
    speakers = speakers.reindex(columns=order, fill_value=0)
    ends = {name: " " + "/".join(map(str, numbers)) for name, numbers in speakers.T.items()}
    ax = _bars(counts, list(zip((COLOURS[2], COLOURS[8], COLOURS[5]), HATCHES, strict=False)), ends)
    return entitle(ax, "Clips of each split; the numbers are speakers in train/validation/test.")


def duration_distribution(manifest: pd.DataFrame) -> Axes:
    """Draw the durations of each corpus: box from the first to the third quartile, whiskers from 1 to 99 %."""
    rows = manifest[manifest["duration"] > 0]
    if rows.empty:
        return nothing(canvas()[1], "No clip has a duration.")
    groups = {name: part.to_numpy(float) for name, part in rows.groupby("corpus")["duration"]}
    ax = canvas(height=rows_height(len(groups)))[1]
    _boxes(ax, list(groups.values()))
    name_rows(ax, list(groups))
    ax.set(xscale="log", xlabel="duration in seconds")
    ax.xaxis.set_major_formatter("{x:g}")
    return entitle(ax, "How long clips are differs between corpora.")


def matrix_heatmap(results: pd.DataFrame, system: str, answers: str) -> Axes:
    """Draw training × test corpora: the number is the UAR, the colour the chance-corrected UAR, grey is none.

    Trained and tested on the same corpus is grouped cross-validation within it; the last row is LOCO.
    """
    rows = select(results, answers=answers)
    rows = rows[(rows["system"] == system) & rows["protocol"].isin(["cross_corpus", "in_corpus", "loco"])]
    if rows.empty:
        return nothing(canvas()[1], f"{system} has no results across corpora.")
    rows = rows.assign(train=rows["train_corpora"].where(rows["protocol"] != "loco", OTHERS).astype(object))
    tests = sorted(rows["test_corpus"].unique())
    trains = sorted(set(rows["train"]) - {OTHERS}) + [OTHERS] * (OTHERS in set(rows["train"]))
    rows = rows.drop_duplicates(["train", "test_corpus"])
    uars, among = (_matrix(rows.assign(among=1 / guessing(rows)), c, trains, tests) for c in ("value", "among"))
    ax = canvas(height=rows_height(len(trains), 0.4) + 0.6)[1]
    colour = np.clip(chance_corrected(uars, np.nan_to_num(among)), 0, 1)
    heat_map(ax, colour, np.vectorize(short)(uars), trains, _marked(tests, rows))
    ax.set(xlabel="tested on", ylabel="trained on")
    return entitle(ax, f"UAR of {system}, {answers} answers; the colour is chance-corrected." + explained(rows))


def loco_forest(results: pd.DataFrame, answers: str = "free") -> Axes:
    """Draw the UAR on each held-out corpus, a point and interval per system; the grey tick is chance."""
    rows = select(results, "loco", answers).dropna(subset=["value"])
    if rows.empty:
        return nothing(canvas()[1], "No corpus has been held out.")
    corpora, looks = sorted(rows["test_corpus"].unique()), styles(sorted(rows["label"].unique()))
    ax = canvas(height=rows_height(len(corpora), 0.2 + 0.18 * len(looks)))[1]
    offsets = np.linspace(-0.3, 0.3, len(looks)) if len(looks) > 1 else [0.0]
    for offset, (label, look) in zip(offsets, looks.items(), strict=True):
        part = rows[rows["label"] == label]
        y = [corpora.index(name) + offset for name in part["test_corpus"]]
        ax.hlines(y, part["low"], part["high"], color=look.colour, linewidth=1.5)
        ax.scatter(part["value"], y, color=look.colour, marker=look.marker, s=30, zorder=3, label=plain(label))
    guesses = guessing(rows).groupby(rows["test_corpus"]).first().reindex(corpora).to_numpy(float)
    y = np.arange(len(corpora))
    ax.vlines(guesses, y - 0.42, y + 0.42, color="grey", linestyle=":", linewidth=2, label="chance")
    name_rows(ax, _marked(corpora, rows))
    ax.set(xlim=(0, 1), xlabel=f"UAR, {answers} answers")
    legend_beside(ax)
    return entitle(ax, "Each corpus was held out of everything before its one test." + explained(rows))


def shortcut_forest(scores: pd.DataFrame) -> Axes:
    """Draw what each shortcut scores in each corpus, chance-corrected: 0 is guessing, 1 perfect.

    A shortcut is filled where it is flagged; it is a warning where its whole interval lies beyond the dashed line.

    Args:
        scores: corpus, shortcut, UAR, low, high, chance, flagged; one row each.
    """
    if scores.empty:
        return nothing(canvas()[1], "Nothing could be scored without hearing an emotion.")
    corpora, looks = list(dict.fromkeys(scores["corpus"])), styles(dict.fromkeys(scores["shortcut"]))
    ax = canvas(height=rows_height(len(corpora), 0.2 + 0.07 * len(looks)))[1]
    offsets = np.linspace(-0.35, 0.35, len(looks)) if len(looks) > 1 else [0.0]
    for offset, (name, look) in zip(offsets, looks.items(), strict=True):
        part = scores[scores["shortcut"] == name]
        y = [corpora.index(corpus) + offset for corpus in part["corpus"]]
        point, low, high = (
            chance_corrected(part[c].to_numpy(float), 1 / part["chance"]) for c in ("UAR", "low", "high")
        )
        ax.hlines(y, low, high, color=look.colour, linewidth=1.5)
        fill = [look.colour if flagged else "white" for flagged in part["flagged"]]
        ax.scatter(point, y, c=fill, edgecolors=look.colour, marker=look.marker, s=26, zorder=3, label=plain(name))
    ax.axvline(0, color="grey", linestyle=":", linewidth=2, label="chance")
    ax.axvline(WARNING_SHARE, color="grey", linestyle="--", linewidth=1, label="warned beyond")
    name_rows(ax, corpora)
    ax.set(xlabel="chance-corrected UAR")
    legend_beside(ax)
    return entitle(ax, "What scores without hearing an emotion; filled where it is flagged.")


def confusion_heatmap(confusion: ArrayLike, classes: list[str], predictions: pd.DataFrame | None = None) -> Axes:
    """Draw what each class was recognised as, in shares of its clips; classes that nobody spoke are grey.

    Args:
        predictions: those that are counted, to say which breaches touch their corpora.
    """
    counts = np.asarray(confusion, float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    ax = canvas(height=rows_height(len(classes), 0.4) + 0.4)[1]
    names = [f"{name} ({int(total):,})" for name, total in zip(classes, totals[:, 0], strict=True)]
    heat_map(ax, shares, np.vectorize(lambda share: short(share, 2))(shares), names, list(classes))
    ax.set(xlabel="answered", ylabel="spoken (clips)")
    known = recalls(counts)
    if np.isnan(known).all():
        return entitle(ax, "Nothing has been answered yet.")
    easiest = classes[int(np.nanargmax(known))]
    against = "" if predictions is None else explained(predictions, mark=False)
    return entitle(ax, f"{easiest.capitalize()} is recognised most often ({short(np.nanmax(known), 2)}).{against}")


def feature_map(points: ArrayLike, corpus: ArrayLike, emotion: ArrayLike) -> Figure:
    """Draw points of a plane (n, 2) twice: by corpus and by emotion. Of many points, evenly spaced ones."""
    points = np.asarray(points, float)
    keep = np.unique(np.linspace(0, len(points) - 1, min(len(points), _DOTS)).astype(int))
    figure, axes = canvas(2)
    titles = {"corpus": "What clips look like by corpus …", "emotion": "… and by emotion."}
    for ax, (kind, title), names in zip(axes, titles.items(), (corpus, emotion), strict=True):
        names = np.asarray(names, dtype=object)
        known = {name for name in names if isinstance(name, str)}
        looks = emotion_styles(known) if kind == "emotion" else styles(sorted(known))
        for name, look in looks.items():
            chosen = points[keep][names[keep] == name]
            style = {"s": 7, "alpha": 0.7, "color": look.colour, "marker": look.marker, "linewidths": 0}
            ax.scatter(*chosen.T, label=plain(name), **style)
        ax.set(xticks=[], yticks=[])
        entitle(ax, title)
        if looks:
            ax.legend(fontsize=7, frameon=False, markerscale=2, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 0))
    return figure


def worth_heatmap(values: pd.DataFrame, why_not: str = "") -> Axes:
    """Draw what each training corpus adds to the UAR on each target; a row is a target, and sums to its whole gain.

    Args:
        values: target, player, value, flagged, accepted; one row each.
        why_not: why there are none.
    """
    if values.empty:
        return nothing(canvas()[1], f"Not computed: {why_not or 'no corpus is tested on what another one trains'}.")
    table = values.pivot(index="target", columns="player", values="value")
    ax = canvas(height=rows_height(len(table), 0.4) + 0.4)[1]
    shares = table.to_numpy(float)
    labels = np.vectorize(lambda value: "" if np.isnan(value) else f"{value:+.3f}")(shares)
    strongest = np.nanmax(np.abs(shares)) or 1.0
    marked = values.assign(test_corpus=values["target"].astype(object))
    heat_map(ax, shares / strongest, labels, _marked(list(table.index), marked), list(table.columns))
    ax.set(xlabel="trains", ylabel="is tested")
    best = values.loc[values["value"].idxmax()]
    told = plain(f"{best['player']} is worth most to {best['target']} ({best['value']:+.3f} of UAR).")
    return entitle(ax, told + explained(values))


def pictures(shown: dict[str, NDArray]) -> Figure:
    """Draw pictures side by side, each with its name above; RGB of shape (height, width, 3)."""
    figure, axes = canvas(len(shown), height=1.6)
    for ax, (name, picture) in zip(np.atleast_1d(axes), shown.items(), strict=True):
        ax.imshow(picture)
        ax.axis("off")
        ax.set_title(plain(name), fontsize=5)
    return figure


def dimension_map(corpus: ArrayLike, emotion: ArrayLike) -> Axes:
    """Draw each dimension of a vector by how much of its variance corpora and emotions explain (eta squared)."""
    corpus, emotion = np.asarray(corpus, float), np.asarray(emotion, float)
    ax = canvas()[1]
    look = next(iter(styles(["dimension"]).values()))
    ax.scatter(corpus, emotion, s=9, alpha=0.6, color=look.colour, linewidths=0)
    edge = max(corpus.max(initial=0.01), emotion.max(initial=0.01)) * 1.05
    ax.plot([0, edge], [0, edge], color="black", linewidth=0.7, linestyle="--")
    ax.set(xlabel="variance between corpora", ylabel="variance between emotions", xlim=(0, edge), ylim=(0, edge))
    share = float((corpus > emotion).mean()) if len(corpus) else 0.0
    return entitle(ax, f"{share:.0%} of the dimensions follow the corpus more than the emotion.")


def value_distributions(values: dict[str, ArrayLike], corpus: ArrayLike) -> Figure | Axes:
    """Draw the values of some dimensions by corpus: box from quartile to quartile, whiskers from 1 to 99 %."""
    corpus = np.asarray(corpus, dtype=object)
    known = sorted(set(corpus))
    if not known or not values:
        return nothing(canvas()[1], "There is nothing to draw.")
    figure, axes = canvas(len(values), height=rows_height(len(known)))
    for ax, (name, column) in zip(np.atleast_1d(axes), values.items(), strict=True):
        boxes = [np.asarray(column)[corpus == one] for one in known]
        _boxes(ax, boxes)
        name_rows(ax, known if ax is np.atleast_1d(axes)[0] else [""] * len(known))
        entitle(ax, plain(name))
    return figure


def training_curves(history: pd.DataFrame) -> Figure | Axes:
    """Draw each metric by epoch: a thin line per run and corpus, a thick one per corpus for the mean of runs.

    A dot marks, for each run, the epoch where the mean over corpora (corpus `mean`) is highest.

    Args:
        history: run, epoch, corpus (empty for what concerns all), metric, value; one row each.
    """
    rows = history.dropna(subset=["epoch", "value"])
    if rows.empty:
        return nothing(canvas()[1], "No training has been recorded.")
    corpus = rows["corpus"].astype(object)
    rows = rows.assign(corpus=corpus.where(corpus.notna() & (corpus != ""), "all"))
    metrics, looks = list(rows["metric"].unique()), styles(in_order(rows["corpus"]))
    figure, axes = canvas(len(metrics))
    for ax, metric in zip(np.atleast_1d(axes), metrics, strict=True):
        for name, part in rows[rows["metric"] == metric].groupby("corpus"):
            _curve(ax, part, name, looks[name])
        ax.set(xlabel="epoch")
        entitle(ax, f"{metric[:1].upper()}{metric[1:]} while training.")
        if len(ax.get_legend_handles_labels()[0]) > 1:  # beside the lines, which may be anywhere
            ax.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _marked(corpora: list[str], rows: pd.DataFrame) -> list[str]:
    """Names of tested corpora with the marks of their scores."""
    found = marks(rows).groupby(rows["test_corpus"]).max()
    return [corpus + found.get(corpus, "") for corpus in corpora]


def explained(rows: pd.DataFrame, *, mark: bool = True) -> str:
    """Return what is said under a figure of scores that a breach touches; nothing where none does.

    Args:
        rows: columns flagged and accepted; a table without them has no scores of its own.
        mark: whether the marks stand in the figure; else they are told of some of the scores.
    """
    told = {"flagged": (BREACH, "a breach of the audit touches"), "accepted": (ACCEPTED, "accepted copies touch")}
    lines = []
    for name, (sign, what) in told.items():
        if name in rows and rows[name].eq(True).any():
            lines.append(f"\n{sign.strip()}: {what} these scores." if mark else f"\n{what.capitalize()} some of this.")
    return "".join(lines)


def _curve(ax: Axes, rows: pd.DataFrame, name: str, look: Style) -> None:
    for _, line in rows.groupby("run"):
        ax.plot(line["epoch"], line["value"], color=look.colour, linewidth=0.5, alpha=0.3)
        if name == "mean":
            best = line.loc[line["value"].idxmax()]
            ax.plot(best["epoch"], best["value"], "o", color=look.colour, markersize=6)
    mean = rows.groupby("epoch")["value"].mean()
    ax.plot(mean.index, mean, color=look.colour, linestyle=look.line, linewidth=1.8, label=plain(name))


def _boxes(ax: Axes, groups: list[NDArray]) -> None:
    ax.boxplot(
        groups,
        positions=range(len(groups)),
        orientation="horizontal",
        whis=(1, 99),
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": COLOURS[3]},
        medianprops={"color": "black"},
        flierprops={"marker": ".", "markersize": 3},
    )


def _bars(counts: pd.DataFrame, fills: list[tuple[str, str]], ends: dict[str, str]) -> Axes:
    shares = counts.div(counts.sum(axis=1).replace(0, 1), axis=0)
    ax, left = canvas(height=rows_height(len(shares)))[1], np.zeros(len(shares))
    for (name, values), (colour, hatch) in zip(shares.items(), fills, strict=False):
        ax.barh(range(len(shares)), values, left=left, color=colour, hatch=hatch, edgecolor="white", label=plain(name))
        left += values.to_numpy()
    for i, name in enumerate(shares.index):
        ax.text(left[i], i, ends.get(name, NOTHING), va="center", fontsize=8)
    name_rows(ax, list(shares.index))
    ax.set(xlim=(0, 1.15), xticks=[0, 0.25, 0.5, 0.75, 1], xlabel="share of clips")
    legend_beside(ax)
    return ax


def _matrix(rows: pd.DataFrame, column: str, index: list[str], columns: list[str]) -> NDArray:
    wide = rows.assign(number=rows[column].astype("Float64")).pivot(
        index="train", columns="test_corpus", values="number"
    )
    return wide.reindex(index=index, columns=columns).to_numpy(float, na_value=np.nan)
