"""The unweighted average recall with its confidence interval, of labels as texts."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from mer import stats
from mer.stats import Interval


def uar(y: Sequence, p: Sequence | pd.DataFrame, groups: Sequence | None = None, confidence: float = 0.95) -> Interval:
    """Return the unweighted average recall over the classes of `y`, with its interval for new groups.

    The interval is that of a study (`mer.stats.jackknife`). Its ends are NaN without groups, with fewer than three
    groups, and if only one group has a class.

    Args:
        y: the label of each utterance, of any type that can be compared.
        p: the predicted label of each utterance, or a table of probabilities with a column for each class.
        groups: the speaker of each utterance; or its dialogue or video, if speakers are unknown.
        confidence: in (0, 1).

    Raises:
        ValueError: the arguments have different lengths, are empty, an entry is missing, or a label has two spellings.

    >>> import mer
    >>> y = ["anger", "neutral"] * 6
    >>> p = ["anger", "neutral", "anger", "anger"] * 3
    >>> speakers = ["ann", "ann", "ben", "ben", "cem", "cem"] * 2
    >>> interval = mer.uar(y, p, groups=speakers)
    >>> print(f"{interval.point:.2f} [{interval.low:.2f}, {interval.high:.2f}], {interval.clusters} speakers")
    0.75 [0.44, 0.91], 3 speakers
    """
    if isinstance(p, pd.DataFrame):
        p = p.idxmax(axis=1)
    columns = {"y": y, "p": p} | ({} if groups is None else {"groups": groups})
    values = {name: pd.Series(list(column), dtype=object) for name, column in columns.items()}
    _check(values)
    if twins := two_spellings(set(values["y"]) | set(values["p"])):
        raise ValueError(f"{twins[0]!r} and {twins[1]!r} are two classes; write one label in one way")
    classes, numbers = np.unique(pd.concat([values["y"], values["p"]]).to_numpy(), return_inverse=True)
    truth, predicted = np.split(numbers, 2)
    if groups is None:
        matrix = stats.confusion(truth, predicted, len(classes))
        return Interval(float(stats.uar(matrix)), np.nan, np.nan, 0)
    codes = pd.factorize(values["groups"])[0]
    return stats.jackknife(stats.cluster_confusions(truth, predicted, codes, len(classes))[0], confidence=confidence)


def two_spellings(names: Iterable[object]) -> tuple[str, str] | None:
    """Return two labels that differ only by case or by spaces around them; None if there are none.

    >>> two_spellings(["anger", "fear", " Anger"]), two_spellings(["anger", "fear", 1])
    ((' Anger', 'anger'), None)
    """
    first: dict[str, str] = {}
    for name in sorted({name for name in names if isinstance(name, str)}):
        if first.setdefault(name.strip().casefold(), name) != name:
            return first[name.strip().casefold()], name
    return None


def _check(values: dict[str, pd.Series]) -> None:
    lengths = {name: len(column) for name, column in values.items()}
    if len(set(lengths.values())) > 1 or not lengths["y"]:
        raise ValueError(f"as many labels as predictions are needed, at least one: {lengths}")
    for name, column in values.items():
        if (missing := column.isna()).any():
            raise ValueError(f"{name}: {missing.sum()} entries are missing, the first at position {missing.argmax()}; "
                             "fill them in, or leave these utterances out of all arguments")  # fmt: skip
