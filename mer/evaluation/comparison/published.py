"""Published numbers as data, and which of ours may stand beside them.

Two numbers are compared where corpus, classes, split, metric and, between corpora, what was trained on are the same,
and the number of tested clips where it is said. All others are shown grey, with the reason. What else a source does not
say counts as not the same.
"""

from collections.abc import Collection
from itertools import groupby
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mer.evaluation.protocols.cells import has_official_split

FILE = Path(__file__).with_suffix(".yaml")
MEASURES = ("UAR", "WA", "weighted_F1", "macro_F1")
COLUMNS = [
    "table", "source", "system", "protocol", "train_corpora", "test_corpus", "metric", "value", "classes", "split",
    "clips", "unsound", "caveats",
]  # fmt: skip
MAX_MISSING_SHARE = 0.01
"""share of a published test set that ours may lack: public recordings are never all readable"""
MAX_ROUNDING_POINTS = 0.051
"""in points: what rounding to a tenth can move an average by, and a little for binary fractions"""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedSource(_Strict):
    """Where numbers were read."""

    citation: str
    address: str
    read: str


class PublishedTable(_Strict):
    """Numbers of one source that share a protocol. Each row of `numbers` has a value per name in `columns`: a field of
    this table that differs from row to row, `value`, or a metric."""

    name: str
    source: str
    protocol: Literal["in_corpus", "cross_corpus", "multi_corpus", "loco"]
    columns: tuple[str, ...]
    numbers: tuple[tuple[str | float, ...], ...]
    system: str = ""
    train: str = ""
    test: str = ""
    metric: str = ""
    classes: tuple[str, ...] | None
    split: str | None
    clips: int | None = None
    """how many were tested, where the source says it"""
    pool: tuple[str, ...] = ()
    """all corpora of a LOCO table: each is tested by what was trained on the others"""
    unsound: str | None = None
    caveats: tuple[str, ...] = ()
    averages: dict[Literal["train", "test"], dict[str, float]] = {}

    @model_validator(mode="after")
    def _readable(self) -> "PublishedTable":
        known = {"system", "train", "test", "metric", "value", *MEASURES}
        if unknown := set(self.columns) - known:
            raise ValueError(f"{self.name}: column {min(unknown)} is none of {', '.join(sorted(known))}")
        numeric = {"value", *MEASURES}
        for row in self.numbers:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: {list(row)} has not a value for each of {', '.join(self.columns)}")
            for name, value in zip(self.columns, row, strict=True):
                if (name in numeric) != isinstance(value, float | int) or (name in numeric and not 0 <= value <= 100):
                    raise ValueError(
                        f"{self.name}: {name} is {value!r}, but numbers are percentages, and names are text"
                    )
        return self


class _PublishedFile(_Strict):
    sources: dict[str, PublishedSource]
    tables: tuple[PublishedTable, ...]


def load(path: Path = FILE) -> tuple[dict[str, PublishedSource], tuple[PublishedTable, ...]]:
    """Read sources and tables.

    Raises:
        ValueError: the file is no YAML, or something in it is unknown, missing or out of range; says which.
    """
    try:
        found = _PublishedFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    for table in found.tables:
        if table.source not in found.sources:
            raise ValueError(f"{path.name}: {table.name} is of {table.source!r}, which is no source of the file")
    return found.sources, found.tables


def numbers(tables: Collection[PublishedTable]) -> pd.DataFrame:
    """Return a row per number, columns `COLUMNS`; values in [0, 1], classes joined by a space, and empty text for
    what the source does not say."""
    rows = []
    for table in tables:
        fixed = {"system": table.system, "train": table.train, "test": table.test, "metric": table.metric}
        for row in table.numbers:
            cell = fixed | dict(zip(table.columns, row, strict=True))
            measured = [m for m in MEASURES if m in table.columns] or [cell["metric"]]
            for metric in measured:
                rows.append(_number(table, cell, metric, cell.get(metric, cell.get("value"))))
    return pd.DataFrame(rows, columns=COLUMNS)


def _number(table: PublishedTable, cell: dict, metric: str, value: float) -> dict:
    if table.protocol == "loco":
        trained = "+".join(sorted(set(table.pool) - {cell["test"]}))
    else:
        trained = cell["train"] or (cell["test"] if table.protocol == "in_corpus" else "")
    return {
        "table": table.name, "source": table.source, "system": cell["system"], "protocol": table.protocol,
        "train_corpora": trained, "test_corpus": cell["test"], "metric": metric, "value": value / 100,
        "classes": " ".join(sorted(table.classes or ())), "split": table.split or "",
        "clips": float("nan") if table.clips is None else table.clips,
        "unsound": table.unsound or "", "caveats": "; ".join(table.caveats),
    }  # fmt: skip


def averages(tables: Collection[PublishedTable]) -> pd.DataFrame:
    """Return the averages that sources print beside their numbers, and the same computed from those numbers.

    Columns table, of (train or test), corpus, published, computed (percent), reproduces. Means are over the cells in
    which another corpus is tested than was trained on.
    """
    rows = []
    for table in tables:
        cells = pd.DataFrame(list(table.numbers), columns=list(table.columns))
        if {"train", "test"} <= set(cells):
            cells = cells[cells["train"] != cells["test"]]
        for side, printed in table.averages.items():
            means = cells.groupby(side)["value"].mean()
            rows += [(table.name, side, corpus, value, means[corpus]) for corpus, value in printed.items()]
    found = pd.DataFrame(rows, columns=["table", "of", "corpus", "published", "computed"])
    return found.assign(reproduces=(found["published"] - found["computed"]).abs() <= MAX_ROUNDING_POINTS)


def settings(manifest: pd.DataFrame, by_session: Collection[str] = ()) -> pd.DataFrame:
    """Return corpus -> classes and split of ours, in the words of the file.

    Args:
        manifest: usable rows.
        by_session: corpora whose sessions are kept whole.
    """
    rows = {}
    for corpus, part in manifest.groupby("corpus"):
        unit, word = ("session", "session") if corpus in by_session else ("speaker_id", "speaker")
        if has_official_split(part):
            own = "split_source" in part and (part["split_source"] == "own").any()
            split = "parts of one's own table" if own else "official"
        elif part["fold"].nunique() == part[unit].nunique():
            split = f"leave one {word} out"
        else:
            split = f"{part['fold'].nunique()} folds of {word}s"
        rows[corpus] = {"classes": " ".join(sorted(part["emotion"].unique())), "split": split}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["classes", "split"])


def compare_published(published: pd.DataFrame, results: pd.DataFrame, ours: pd.DataFrame, system: str,
           answers: str = "free",
           unlike: str = "") -> pd.DataFrame:  # fmt: skip
    """Return the published numbers with ours where the two may be compared, and else why not.

    Args:
        published: as from `numbers`.
        results: as from `scores.score`; the means over seeds are taken.
        ours: as from `settings`.
        system: ours, one, named beforehand.
        answers: free, unless the source chose among the target's classes.
        unlike: why nothing of ours may stand beside anything published, such as recordings that are made up.

    Returns:
        `published` with columns mer, low, high, n (NaN where grey), difference, grey (bool) and reason (empty where
        not); n is how many of our clips were tested. A difference is of two numbers and not of two tests: only ours has
        an interval.
    """
    means = results[(results["system"] == system) & (results["answers"] == answers) & results["seed"].isna()]
    keys = ["protocol", "test_corpus", "metric"]
    known = {key: list(group) for key, group in groupby(
        sorted(means.to_dict("records"), key=lambda r: [r[k] for k in keys]), key=lambda r: tuple(r[k] for k in keys)
    )}  # fmt: skip
    rows = []
    for number in published.to_dict("records"):
        candidates = known.get(tuple(number[k] for k in keys), [])
        reason, mine = _reason_against(number, candidates, ours, unlike)
        if mine is not None and pd.isna(mine["value"]):
            reason, mine = "our score is NaN", None
        shown = {name: float("nan") if mine is None else mine[name] for name in ("value", "low", "high", "n")}
        rows.append({
            "mer": shown["value"], "low": shown["low"], "high": shown["high"], "n": shown["n"],
            "difference": shown["value"] - number["value"], "grey": mine is None, "reason": reason,
        })  # fmt: skip
    return published.reset_index(drop=True).join(
        pd.DataFrame(rows, columns=["mer", "low", "high", "n", "difference", "grey", "reason"])
    )


def _reason_against(number: dict, candidates: list[dict], ours: pd.DataFrame, unlike: str) -> tuple[str, dict | None]:
    """Every reason against comparing, and our row where there is none."""
    corpus = number["test_corpus"]
    if corpus not in ours.index:
        return f"{corpus} is not in this study", None
    mine = ours.loc[corpus]
    reasons = [unlike] if unlike else []
    if number["unsound"]:
        reasons.append(f"not sound: {number['unsound']}")
    if number["metric"] not in MEASURES:
        reasons.append(f"another measure: {number['metric']}")
    if not number["classes"]:
        reasons.append("how labels were unified is not said")
    elif number["classes"] != mine["classes"]:
        reasons.append(f"other classes: {_only(number['classes'], mine['classes'])}")
    if not number["split"]:
        reasons.append("the split is not said")
    elif number["split"] != mine["split"]:
        reasons.append(f"another split: {number['split']}; ours: {mine['split']}")
    if number["metric"] in MEASURES and not candidates:
        reasons.append(f"this study has no {number['protocol']} of that system")
    same = [
        row for row in candidates if set(row["train_corpora"].split("+")) == set(number["train_corpora"].split("+"))
    ]
    if candidates and not same:
        reasons.append(f"trained on others: {number['train_corpora'] or 'not said'}")
    if same and same[0]["flagged"]:
        reasons.append("a breach of the audit touches ours")
    if same and abs(same[0]["n"] - number["clips"]) > MAX_MISSING_SHARE * number["clips"]:
        reasons.append(f"other clips: {number['clips']:,.0f}; ours: {same[0]['n']:,}")
    return ("; ".join(reasons), None) if reasons else ("", same[0])


def _only(theirs: str, mine: str) -> str:
    theirs, mine = set(theirs.split()), set(mine.split())
    told = [
        f"{word} {' '.join(sorted(some))}"
        for word, some in (("only there", theirs - mine), ("only here", mine - theirs))
        if some
    ]
    return ", ".join(told)
