"""Forest plots: one point with an interval per corpus and system."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from mer.report.style.axes import label_rows
from mer.report.style.palette import Style


def forest(ax: Axes, rows: pd.DataFrame, styles: Mapping[str, Style], names: list[str], dodge: float = 0.6) -> None:
    """Draw points with intervals, dodged by group, and hollow if they are not significant.

    Args:
        rows: columns row (one of `names`), group (one of `styles`), value, low and high (NaN without an interval),
            filled (bool).
        styles: group -> style.
        names: names of the rows from top to bottom.
        dodge: height over which the groups of one row are distributed, in rows.
    """
    import seaborn as sns

    dodge = dodge if len(styles) > 1 and dodge else False
    ends = pd.concat(
        [rows.assign(value=rows[column].astype(float)) for column in ("value", "low", "high")], ignore_index=True
    )
    look = {
        "palette": [style.colour for style in styles.values()],
        "markers": [style.marker for style in styles.values()],
        "order": names, "hue_order": list(styles), "dodge": dodge, "linestyle": "none", "ax": ax,
    }  # fmt: skip
    first = {"x": "value", "y": "row", "hue": "group", "estimator": _first}
    sns.pointplot(ends, **first, errorbar=_range, markersize=5, err_kws={"linewidth": 1.5}, **look)
    hollow = rows[~rows["filled"].astype(bool)].reset_index(drop=True)
    sns.pointplot(hollow, **first, errorbar=None, markersize=5, markerfacecolor="white", legend=False, **look)
    ax.get_legend().remove()  # it would cover points: see `add_legend`
    ax.set(ylabel="")
    label_rows(ax, names)


def _first(values: pd.Series) -> float:
    return values.iloc[0]


def _range(values: pd.Series) -> tuple[float, float]:
    return values.min(), values.max()
