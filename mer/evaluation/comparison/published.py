"""Published numbers as data, and the scores of a study that are comparable with them.

A published number is comparable with a score of MER if corpus, classes, split, metric and training corpora are the
same. The number of test utterances must be the same if the source states it. Anything else that the source does not
state counts as different. Other numbers are shown in grey, with the reason.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mer.evaluation.protocols.cells import has_official_split

FILE = Path(__file__).with_suffix(".yaml")
"""The file of published numbers."""
METRICS = ("UAR", "WA", "weighted_F1", "macro_F1")
"""The metrics that can be compared."""
COLUMNS = [
    "table", "source", "system", "protocol", "train_corpora", "test_corpus", "metric", "value", "classes", "split",
    "clips", "unsound", "caveats",
]  # fmt: skip
"""The columns of a table of published numbers."""
COMPARISON_COLUMNS = ["mer", "low", "high", "n", "difference", "grey", "reason"]
"""The columns that `compare_published` adds."""
MAX_MISSING_SHARE = 0.01
"""The largest share of a published test set that may be missing in MER's, because some recordings are unreadable."""
MAX_ROUNDING_POINTS = 0.051
"""The largest effect of rounding to 0.1 on an average, in percentage points."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedSource(_Strict):
    """A publication with numbers."""

    citation: str
    """Authors, title, venue and year."""
    address: str
    """Its address on the web."""
    read: str
    """The place from which the numbers were copied."""


class PublishedTable(_Strict):
    """Numbers of one source that share a protocol."""

    name: str
    source: str
    """The key of its source in the file."""
    protocol: Literal["in_corpus", "cross_corpus", "multi_corpus", "loco"]
    columns: tuple[str, ...]
    """The meaning of each value of a row: a field of this table that differs from row to row, `value`, or a metric."""
    numbers: tuple[tuple[str | float, ...], ...]
    """Rows with one value for each column; scores are in percent."""
    system: str = ""
    train: str = ""
    """The training corpus."""
    test: str = ""
    """The test corpus."""
    metric: str = ""
    classes: tuple[str, ...] | None
    """The classes; None if the source does not state how labels were mapped."""
    split: str | None
    """The split in the words of `settings`, or in other words; None if the source does not state it."""
    clips: int | None = None
    """The number of test utterances; None if the source does not state it."""
    pool: tuple[str, ...] = ()
    """All corpora of a LOCO table; the training corpora are those that are not tested."""
    unsound: str | None = None
    """The reason why the numbers do not estimate the score on new speakers."""
    caveats: tuple[str, ...] = ()
    averages: dict[Literal["train", "test"], dict[str, float]] = {}
    """The averages as published, by training or test corpus, in percent."""

    @model_validator(mode="after")
    def _check_numbers(self) -> "PublishedTable":
        allowed = {"system", "train", "test", "metric", "value", *METRICS}
        if unknown := set(self.columns) - allowed:
            raise ValueError(f"{self.name}: column {min(unknown)} is none of {', '.join(sorted(allowed))}")
        numeric = {"value", *METRICS}
        for row in self.numbers:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: {list(row)} needs one value for each of {', '.join(self.columns)}")
            for name, value in zip(self.columns, row, strict=True):
                if (name in numeric) != isinstance(value, float | int) or (name in numeric and not 0 <= value <= 100):
                    raise ValueError(
                        f"{self.name}: {name} is {value!r}; numbers must be percentages, and names must be text"
                    )
        return self


class _PublishedFile(_Strict):
    sources: dict[str, PublishedSource]
    tables: tuple[PublishedTable, ...]


def load(path: Path = FILE) -> tuple[dict[str, PublishedSource], tuple[PublishedTable, ...]]:
    """Return the sources and tables of a file.

    Raises:
        ValueError: the file is no YAML, or a field is unknown, missing or out of range; the message names it.
    """
    try:
        content = _PublishedFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    for table in content.tables:
        if table.source not in content.sources:
            raise ValueError(f"{path.name}: the source {table.source!r} of {table.name} is not under `sources`")
    return content.sources, content.tables


def numbers(tables: Collection[PublishedTable]) -> pd.DataFrame:
    """Return one row per number, with `COLUMNS`.

    Values are in [0, 1], classes are joined by spaces, and what the source does not state is empty text.
    """
    rows = []
    for table in tables:
        fixed = {"system": table.system, "train": table.train, "test": table.test, "metric": table.metric}
        for row in table.numbers:
            fields = fixed | dict(zip(table.columns, row, strict=True))
            metrics = [m for m in METRICS if m in table.columns] or [fields["metric"]]
            rows += [_number(table, fields, metric, fields.get(metric, fields.get("value"))) for metric in metrics]
    return pd.DataFrame(rows, columns=COLUMNS)


def _number(table: PublishedTable, fields: dict, metric: str, value: float) -> dict:
    if table.protocol == "loco":
        train_corpora = "+".join(sorted(set(table.pool) - {fields["test"]}))
    else:
        train_corpora = fields["train"] or (fields["test"] if table.protocol == "in_corpus" else "")
    return {
        "table": table.name, "source": table.source, "system": fields["system"], "protocol": table.protocol,
        "train_corpora": train_corpora, "test_corpus": fields["test"], "metric": metric, "value": value / 100,
        "classes": " ".join(sorted(table.classes or ())), "split": table.split or "",
        "clips": float("nan") if table.clips is None else table.clips,
        "unsound": table.unsound or "", "caveats": "; ".join(table.caveats),
    }  # fmt: skip


def averages(tables: Collection[PublishedTable]) -> pd.DataFrame:
    """Return the averages that sources publish, and the averages of their numbers.

    Returns:
        columns table, of (train or test), corpus, published, computed (both in percent), reproduces (whether they are
        equal up to rounding). Averages are over the numbers whose training and test corpora differ.
    """
    rows = []
    for table in tables:
        values = pd.DataFrame(list(table.numbers), columns=list(table.columns))
        if {"train", "test"} <= set(values):
            values = values[values["train"] != values["test"]]
        for side, by_corpus in table.averages.items():
            means = values.groupby(side)["value"].mean()
            rows += [(table.name, side, corpus, value, means[corpus]) for corpus, value in by_corpus.items()]
    frame = pd.DataFrame(rows, columns=["table", "of", "corpus", "published", "computed"])
    return frame.assign(reproduces=(frame["published"] - frame["computed"]).abs() <= MAX_ROUNDING_POINTS)


def settings(
    manifest: pd.DataFrame, by_session: Collection[str] = (), own_mappings: Collection[str] = ()
) -> pd.DataFrame:
    """Return classes and split of each corpus of a study, in the words of the file of published numbers.

    Args:
        manifest: usable rows.
        by_session: corpora that are split by session.
        own_mappings: corpora whose labels the study maps to classes by its own policy.

    Returns:
        columns classes, split and own_mapping, by corpus.
    """
    rows = {}
    for corpus, part in manifest.groupby("corpus"):
        column, noun = ("session", "session") if corpus in by_session else ("speaker_id", "speaker")
        if has_official_split(part):
            is_user_defined = "split_source" in part and (part["split_source"] == "own").any()
            split = "parts of a user-defined table" if is_user_defined else "official"
        elif part["fold"].nunique() == part[column].nunique():
            split = f"leave one {noun} out"
        else:
            split = f"{part['fold'].nunique()} folds of {noun}s"
        classes = " ".join(sorted(part["emotion"].unique()))
        rows[corpus] = {"classes": classes, "split": split, "own_mapping": corpus in own_mappings}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["classes", "split", "own_mapping"])


def compare_published(
    published: pd.DataFrame,
    results: pd.DataFrame,
    settings: pd.DataFrame,
    system: str,
    answers: str = "free",
    exclusion: str = "",
) -> pd.DataFrame:
    """Return the published numbers, each with the score of MER if they are comparable, otherwise with the reason.

    Args:
        published: as from `numbers`.
        results: as from `scores.score`; the means over seeds are compared.
        settings: as from `settings`.
        system: the system of MER, named before training.
        answers: free; restricted if the source chose among the classes of the test corpus.
        exclusion: a reason why no score of MER is comparable, such as synthetic recordings; empty text if none.

    Returns:
        `published` with `COMPARISON_COLUMNS`: mer, low, high and n (MER's score, its interval and its number of test
        utterances; NaN if grey), difference (MER minus published), grey, reason (empty text if comparable). The
        difference is not a test: the published number has no interval.
    """
    means = results[(results["system"] == system) & (results["answers"] == answers) & results["seed"].isna()]
    keys = ["protocol", "test_corpus", "metric"]
    by_key: dict[tuple, list[dict]] = {}
    for row in means.to_dict("records"):
        by_key.setdefault(tuple(row[key] for key in keys), []).append(row)
    rows = []
    for number in published.to_dict("records"):
        candidates = by_key.get(tuple(number[key] for key in keys), [])
        reason, own = _reason_against(number, candidates, settings, exclusion)
        if own is not None and pd.isna(own["value"]):
            reason, own = "MER's score is NaN", None
        value, low, high, n = (float("nan") if own is None else own[name] for name in ("value", "low", "high", "n"))
        rows.append((value, low, high, n, value - number["value"], own is None, reason))
    return published.reset_index(drop=True).join(pd.DataFrame(rows, columns=COMPARISON_COLUMNS))


def _reason_against(
    number: dict, candidates: list[dict], settings: pd.DataFrame, exclusion: str
) -> tuple[str, dict | None]:
    """All reasons against a comparison, and the row of the results if there is none."""
    corpus = number["test_corpus"]
    if corpus not in settings.index:
        return f"{corpus} is not in this study", None
    reasons = [exclusion, *_setting_reasons(number, settings.loc[corpus])]
    if number["metric"] in METRICS and not candidates:
        reasons.append(f"this study has no {number['protocol']} of that system")
    same = [
        row for row in candidates if set(row["train_corpora"].split("+")) == set(number["train_corpora"].split("+"))
    ]
    if candidates and not same:
        reasons.append(f"other training corpora: {number['train_corpora'] or 'not stated'}")
    if same and same[0]["flagged"]:
        reasons.append("a breach of the audit affects MER's score")
    if same and same[0]["capped"]:
        reasons.append("only some utterances were drawn (data.max_clips, data.max_speakers)")
    if same and abs(same[0]["n"] - number["clips"]) > MAX_MISSING_SHARE * number["clips"]:
        reasons.append(f"other clips: {number['clips']:,.0f}; MER: {same[0]['n']:,}")
    text = "; ".join(filter(None, reasons))
    return (text, None) if text else ("", same[0])


def _setting_reasons(number: dict, setting: pd.Series) -> list[str]:
    """The reasons that follow from the source and from the classes and split of the study."""
    reasons = []
    if number["unsound"]:
        reasons.append(f"not sound: {number['unsound']}")
    if number["metric"] not in METRICS:
        reasons.append(f"another metric: {number['metric']}")
    if not number["classes"]:
        reasons.append("the mapping of labels is not stated")
    elif number["classes"] != setting["classes"]:
        reasons.append(f"other classes: {_class_difference(number['classes'], setting['classes'])}")
    elif setting["own_mapping"]:
        reasons.append("another mapping of labels: the study's own policy")
    if not number["split"]:
        reasons.append("the split is not stated")
    elif number["split"] != setting["split"]:
        reasons.append(f"another split: {number['split']}; MER: {setting['split']}")
    return reasons


def _class_difference(published: str, own: str) -> str:
    """The classes, joined by spaces, that only one of two lists has."""
    first, second = set(published.split()), set(own.split())
    differences = (("only published", first - second), ("only MER", second - first))
    return ", ".join(f"{phrase} {' '.join(sorted(names))}" for phrase, names in differences if names)
