"""The table of an ablation: each row against its reference, on the same utterances."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.ablations.row_data import Row
from mer.evaluation.ablations.training import Predicted
from mer.evaluation.comparison import comparison, ranking
from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.scores import flags
from mer.evaluation.scores.confusions import Scoring

ANSWERS = "restricted"
"""The predictions that rows are compared by. Free ones would depend on the number of classes, which rows may change."""
FLAG_COLUMNS = ["system", "test_corpus", *flags.FLAGS]
"""The columns of predictions from which the flags of a table follow."""
RANK_COLUMNS = ["labels", "system", "value", "rank", "low", "high", "first", "corpora", "note"]
"""The columns of `ranks`."""


def of_row(row: Row, predicted: Predicted, of_reference: pd.DataFrame, scoring: Scoring, protocol: str) -> pd.DataFrame:
    """Return the differences of one row from its reference, on each common test corpus and on their mean.

    If the row changes the labels, both are scored on the utterances that have the same class under both policies, and
    choose among the classes that these utterances have.

    Args:
        row: the row.
        predicted: what the row predicts; other systems than the row's are ignored.
        of_reference: predictions of its reference under the labels of the study.
        scoring: classes of the study, clusters and confidence.
        protocol: the protocol.

    Returns:
        as from `comparison.differences`; one row with the reason if there is no comparison.
    """
    sides = [_of_protocol(table, protocol) for table in (own_predictions(row, predicted), of_reference)]
    names = set(sides[0]["test_corpus"]) & set(sides[1]["test_corpus"])
    first, second = (side[side["test_corpus"].isin(names)] for side in sides)
    if row.changes.labels and names:
        first, second, classes = on_common_classes(first, second, row.data.classes, scoring.classes)
        scoring = Scoring(classes, scoring.clusters, scoring.confidence)
    if first.empty or second.empty:
        reason = "no test corpus in common" if predicted.results else next(iter(predicted.skipped), "not trained")
        return _without_comparison(row, protocol, reason)
    both = pd.concat([first.assign(system=row.name), second.assign(system=row.reference)], ignore_index=True)
    kind = {"protocol": protocol, "answers": ANSWERS, "metric": "UAR"}
    return comparison.differences(both, scoring, row.reference, **kind)


def own_predictions(row: Row, predicted: Predicted) -> pd.DataFrame:
    """Return the predictions of the row's system alone; those of other systems under its labels are for `ranks`."""
    table = predicted.predictions
    return table[table["system"] == row.name] if len(table) else table


def on_common_classes(
    first: pd.DataFrame, second: pd.DataFrame, first_classes: Iterable[str], second_classes: Iterable[str]
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Return two tables of predictions on the utterances that have the same class in both, and the common classes.

    Restricted predictions are made anew, among the classes that these utterances have in their corpus.

    Args:
        first, second: as from `scores.predictions`, with other classes.
        first_classes, second_classes: the classes of each.
    """
    labels = [table.drop_duplicates("utterance_id").set_index("utterance_id")["emotion"] for table in (first, second)]
    same = labels[0].index.intersection(labels[1].index)
    same = same[(labels[0][same].astype(object) == labels[1][same].astype(object)).to_numpy(bool)]
    classes = tuple(name for name in second_classes if name in set(first_classes))
    tables = [_restricted(table[table["utterance_id"].isin(same)], classes) for table in (first, second)]
    return *tables, classes


def _restricted(table: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """The predictions with `restricted` among those classes that occur in the corpus."""
    parts = []
    for _, part in table.groupby("test_corpus", sort=True):
        mask = np.isin(classes, part["emotion"].unique())
        chosen = stats.restrict(part[[f"p_{name}" for name in classes]].to_numpy(float), mask)
        parts.append(part.assign(restricted=np.asarray(classes, object)[chosen]))
    return pd.concat(parts, ignore_index=True) if parts else table


def joined(tables: Iterable[pd.DataFrame], confidence: float) -> pd.DataFrame:
    """Return the differences of all rows as one table, with p-values adjusted after Holm over the table.

    The means over corpora, of all rows and protocols, are one family of tests, and the single corpora another.

    Args:
        tables: as from `of_row`.
        confidence: a difference is significant if its adjusted p-value is at most 1 - confidence.

    Returns:
        `comparison.COLUMNS`, and `corpora`, the number of test corpora that the row and its reference have in common.
    """
    filled = [table for table in tables if len(table)]
    table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=comparison.COLUMNS)
    single = table[table["test_corpus"] != MEAN].dropna(subset=["value"])
    counts = single.groupby(["system", "protocol"])["test_corpus"].nunique()
    keys = pd.MultiIndex.from_frame(table[["system", "protocol"]])
    table = table.assign(corpora=counts.reindex(keys).fillna(0).to_numpy(int))
    return comparison.with_verdicts(table, 1 - confidence)


def with_flags(table: pd.DataFrame, predictions: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the table with `flags.FLAGS` and `reference_transductive`.

    Args:
        table: as from `joined`.
        predictions: the predictions of all rows and references, or `flag_rows` of them.
    """
    observed = [part for part in map(flag_rows, predictions) if len(part)]
    return flags.with_flags(table, pd.concat(observed, ignore_index=True)) if observed and len(table) else table


def flag_rows(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the systems, test corpora and flags of predictions, each once."""
    return predictions.reindex(columns=FLAG_COLUMNS).drop_duplicates(ignore_index=True)


def headline(table: pd.DataFrame) -> pd.DataFrame:
    """Return one line per row and protocol: the mean over corpora, or the only corpus if there is one.

    Args:
        table: as from `joined`.
    """
    has_mean = table["test_corpus"].eq(MEAN).groupby([table["system"], table["protocol"]]).transform("any")
    return table[table["test_corpus"].eq(MEAN) | ~has_mean].drop_duplicates(["system", "protocol"])


def ranks(predicted: Mapping[str, tuple[pd.DataFrame, Scoring]]) -> pd.DataFrame:
    """Return the ranking of systems under each policy, by the mean chance-corrected restricted UAR of LOCO.

    Args:
        predicted: labels -> predictions of all systems under them, and their scoring.

    Returns:
        `RANK_COLUMNS`; ranks and their intervals as from `ranking.rank_systems`.
    """
    tables = [
        ranking.rank_systems(table, scoring, protocol="loco", answers=ANSWERS).assign(labels=labels)
        for labels, (table, scoring) in predicted.items()
        if len(table) and (table["protocol"] == "loco").any()
    ]
    return pd.concat(tables, ignore_index=True)[RANK_COLUMNS] if tables else pd.DataFrame(columns=RANK_COLUMNS)


def under_labels(row: Row, predictions: pd.DataFrame) -> tuple[pd.DataFrame, Scoring]:
    """Return the predictions of all systems under a row's labels, for `ranks`: the row is its reference there.

    Args:
        row: a row that changes the labels.
        predictions: of all systems that the row has trained.
    """
    others = predictions[predictions["system"] != row.name]
    if row.reference not in set(others["system"]):
        others = pd.concat([predictions[predictions["system"] == row.name].assign(system=row.reference), others])
    return others, row.data.scoring


def _of_protocol(table: pd.DataFrame, protocol: str) -> pd.DataFrame:
    columns = ["system", "test_corpus", "utterance_id", "emotion", "protocol"]
    return table[table["protocol"] == protocol] if len(table) else pd.DataFrame(columns=columns)


def _without_comparison(row: Row, protocol: str, reason: str) -> pd.DataFrame:
    line = {"system": row.name, "reference": row.reference, "protocol": protocol, "answers": ANSWERS, "metric": "UAR",
            "test_corpus": MEAN, "n": 0, "speakers": 0, "seeds": 0, "verdict": reason}  # fmt: skip
    return pd.DataFrame([line], columns=comparison.COLUMNS)
