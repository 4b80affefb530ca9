"""Compare every system of a study with a reference system, on each test corpus and on their mean."""

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.protocols.random_split import refuse_random
from mer.evaluation.scores.confusions import (
    Scoring,
    SpeakerConfusions,
    count,
    merge_family,
    no_interval_reason,
    per_block,
)
from mer.evaluation.scores.scores import n_choices

COLUMNS = [
    "system", "reference", "protocol", "answers", "test_corpus", "metric", "value", "reference_value", "difference",
    "low", "high", "p", "p_holm", "smallest_p", "verdict", "n", "speakers", "seeds", "of", "clusters", "n_clusters",
]  # fmt: skip
"""The columns of `comparison.csv` without flags."""
MEAN = "mean over corpora"
"""The value of `test_corpus` in rows of means over corpora."""
BETTER, WORSE, NOT_SHOWN = "better", "worse", "not shown"
"""The verdicts on systems."""
DIFFER = "these trained models differ"
"""The verdict if one seed of a network is compared: another training of it might give another result."""
SYSTEMS, MODELS = "systems", "trained models"
"""The values of the column `of`: what a row compares."""


def compare(
    predictions: pd.DataFrame,
    scoring: Scoring,
    reference: str,
    *,
    protocol: str = "loco",
    answers: str = "free",
    metric: str = "UAR",
) -> pd.DataFrame:
    """Compare every system with a reference on the same utterances, clustered by speaker.

    The verdict concerns systems on new speakers of these corpora and, if they are trained with several seeds, on new
    trainings with the same recordings. Logistic regression, ridge and support vector machines have one solution, so
    their trainings do not vary. New training recordings are not covered. With one seed of a network, the verdict
    concerns the trained models, not the systems.

    Args:
        predictions: as from `scores.predictions`.
        scoring: classes, clusters and confidence. A difference is significant if its adjusted p-value is at most
            1 - confidence.
        reference: the system with which the others are compared, named before training.
        protocol: the protocol whose predictions are compared.
        answers: free or restricted.
        metric: UAR, WA, macro_F1 or weighted_F1.

    Returns:
        `COLUMNS`, one row per other system and test corpus of the reference, and one for the mean over these corpora if
        there are several. The mean is of the chance-corrected UAR. Both systems are scored on the utterances and seeds
        that they have in common; `n` is the number of utterances. `p` is the larger of two p-values (`stats.compare`):
        of a mean difference of 0, and of exchangeable systems. `p_holm` is adjusted over the systems: rows of corpora
        are one family of tests, rows of means another. `smallest_p` is the smallest p-value that so few clusters can
        give, multiplied by the number of tests; if it exceeds 1 - confidence, a significant difference is hardly
        possible. `of` says whether systems or trained models are compared. `verdict` is better, worse, not shown,
        `DIFFER`, or the reason why there is no comparison, such as missing predictions. `clusters` and `n_clusters` are
        the kind and number of clusters. A speaker in two corpora of a family is one cluster, but is counted twice in
        `speakers`.

    Raises:
        ValueError: the reference has no prediction in this protocol, the metric is another one, predictions are of a
            random split, or a corpus was tested after several trainings.
        PredictionError: as from `confusions.count`.
    """
    kind = {"protocol": protocol, "answers": answers, "metric": metric}
    return with_verdicts(differences(predictions, scoring, reference, **kind), 1 - scoring.confidence)


def differences(
    predictions: pd.DataFrame, scoring: Scoring, reference: str, *, protocol: str, answers: str, metric: str
) -> pd.DataFrame:
    """Return the table of `compare` before p-values are adjusted, to be joined with others.

    Args:
        predictions, scoring, reference, protocol, answers, metric: as for `compare`.

    Returns:
        `COLUMNS`; `verdict` has the reason why there is no comparison, or is empty.

    Raises:
        ValueError, PredictionError: as `compare`.
    """
    selected = _selected(predictions, reference, protocol, metric)
    by_corpus = dict(iter(selected.groupby(["system", "test_corpus"], sort=True)))
    corpora = [corpus for system, corpus in by_corpus if system == reference]
    family = selected.groupby("test_corpus")["family"].first().to_dict()
    base = {"reference": reference, "protocol": protocol, "answers": answers, "metric": metric}
    rows = []
    for system in sorted(set(selected["system"]) - {reference}):
        pairs = {c: _pair(by_corpus.get((system, c)), by_corpus[reference, c], answers, scoring) for c in corpora}
        for corpus in corpora:
            row = compare_pair({corpus: pairs[corpus]}, family, statistic_of(metric), scoring)
            rows.append(base | {"system": system, "test_corpus": corpus} | row)
        if len(corpora) > 1:
            mean = statistic_of(metric, corrected_uar(answers, protocol, len(scoring.classes)))
            row = compare_pair(pairs, family, mean, scoring)
            rows.append(base | {"system": system, "test_corpus": MEAN} | row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _selected(predictions: pd.DataFrame, reference: str, protocol: str, metric: str) -> pd.DataFrame:
    """The predictions of a protocol, if its systems can be compared with the reference."""
    if metric not in stats.CONFUSION_METRICS:
        raise ValueError(f"metric {metric!r} is none of {', '.join(stats.CONFUSION_METRICS)}")
    selected = predictions[predictions["protocol"] == protocol]
    refuse_random(selected)
    if reference not in set(selected["system"]):
        systems = sorted(set(selected["system"]))
        raise ValueError(f"{reference!r} has no predictions of {protocol}; the systems with predictions are {systems}")
    plans = selected.groupby(["system", "test_corpus"])["train_corpora"].nunique()
    if (plans > 1).any():
        system, corpus = plans.index[plans > 1][0]
        raise ValueError(
            f"{system} was tested on {corpus} after several trainings; compare one `train_corpora` at a time"
        )
    return selected


def reason_against(predictions: pd.DataFrame, reference: str, protocol: str = "loco") -> str:
    """Return why no system can be compared with the reference; empty text if one can be.

    Args:
        predictions: as from `scores.predictions`.
        reference: the system with which the others are compared.
        protocol: the protocol whose predictions are compared.
    """
    systems = set(predictions.loc[predictions["protocol"] == protocol, "system"])
    if not systems:
        return f"this study has no predictions of {protocol}"
    if reference not in systems:
        return f"{reference} has no predictions of {protocol}"
    return f"{reference} is the only system with predictions of {protocol}" if len(systems) == 1 else ""


def empty() -> pd.DataFrame:
    """Return the table of `compare` without rows."""
    return with_verdicts(pd.DataFrame(columns=COLUMNS), 0.05)


def _pair(
    first: pd.DataFrame | None, second: pd.DataFrame, answers: str, scoring: Scoring
) -> tuple[SpeakerConfusions, SpeakerConfusions] | str:
    """Confusions of two systems on their common utterances and seeds, or the reason why there are none."""
    if first is None:
        return "no predictions"
    seeds = [set(side["seed"]) for side in (first, second)]
    if min(map(len, seeds)) > 1:  # a system with one seed is compared with all seeds of the other
        both = seeds[0] & seeds[1]
        first, second = (side[side["seed"].isin(both)] for side in (first, second))
    utterances = set(first["utterance_id"]) & set(second["utterance_id"])
    first, second = (side[side["utterance_id"].isin(utterances)] for side in (first, second))
    if first.empty or second.empty:
        return "no clip or no seed in common"
    cluster = scoring.clusters[second["test_corpus"].iloc[0]]
    return count(first, answers, scoring.classes, cluster), count(second, answers, scoring.classes, cluster)


def corrected_uar(answers: str, protocol: str, classes: int) -> stats.Statistic:
    """Return the chance-corrected UAR as a function of confusions.

    Args:
        answers: free or restricted.
        protocol: the protocol of the predictions.
        classes: the number of classes of the policy, among which free predictions choose.
    """

    def corrected(confusions: np.ndarray) -> stats.Number:
        n_test_classes = np.asarray(stats.classes_present(confusions))
        choices = n_choices(answers, protocol, n_test_classes, classes)
        choices = np.where(n_test_classes > 1, choices, n_test_classes)  # one class alone has no corrected UAR
        return stats.chance_corrected(stats.uar(confusions), choices)

    return corrected


def compare_pair(
    pairs: dict[str, tuple[SpeakerConfusions, SpeakerConfusions] | str],
    family: dict[str, str],
    statistic: stats.Statistic,
    scoring: Scoring,
) -> dict:
    """Return the numbers and the verdict of one row: two systems on the mean over some corpora.

    Args:
        pairs: corpus -> confusions of both systems on the same utterances, or the reason why there are none.
        family: corpus -> its family; the corpora of a family are merged, because they may share speakers.
        statistic: the metric, as a function of confusions.
        scoring: classes of the confusions, and confidence.
    """
    if missing := {corpus: pair for corpus, pair in pairs.items() if isinstance(pair, str)}:
        return {"n": 0, "speakers": 0, "seeds": 0, "verdict": "; ".join(f"{w} on {c}" for c, w in missing.items())}
    first = [pair[0] for pair in pairs.values()]
    mean = per_block(statistic, first[0].confusions.shape[-1])
    merged, weights = _merged_pairs(pairs, family)
    comparison = stats.compare(merged, mean, scoring.confidence, weights=weights)
    values = [weights @ [np.mean(mean(pair[side].sum(axis=1))) for pair in merged] for side in (0, 1)]
    repeats = all(side.repeats for pair in pairs.values() for side in pair)
    return {
        "value": values[0], "reference_value": values[1], "difference": comparison.point, "low": comparison.low,
        "high": comparison.high, "p": comparison.p, "smallest_p": comparison.smallest, "n": sum(c.n for c in first),
        "speakers": sum(c.speakers for c in first),
        "seeds": max(len(side.seeds) for pair in pairs.values() for side in pair),
        "of": SYSTEMS if repeats else MODELS, "clusters": "; ".join(dict.fromkeys(c.cluster_name for c in first)),
        "n_clusters": comparison.clusters,
        "verdict": _no_verdict_reason(comparison, {c: pair[0] for c, pair in pairs.items()}, scoring.classes),
    }  # fmt: skip


def _merged_pairs(
    pairs: dict[str, tuple[SpeakerConfusions, SpeakerConfusions]], family: dict[str, str]
) -> tuple[list[stats.Pair], np.ndarray]:
    """One pair per family, and the share of the corpora that each family has."""
    members = {name: [c for c in pairs if family[c] == name] for name in sorted({family[c] for c in pairs})}
    merged = []
    for name, corpora in members.items():
        (first, groupings), (second, _) = (merge_family({c: pairs[c][side] for c in corpora}) for side in (0, 1))
        trainings = tuple(_training([pairs[c][side] for c in corpora], name) for side in (0, 1))
        merged.append(stats.Pair(first, second, groupings, trainings))
    return merged, np.array([len(corpora) for corpora in members.values()]) / len(pairs)


def _training(counts: list[SpeakerConfusions], family: str) -> tuple[str, ...]:
    """Identifies the training behind the corpora of a family: the same training corpora mean one training."""
    trainings = {confusions.training for confusions in counts}
    return (trainings.pop(),) if len(trainings) == 1 and trainings != {""} else (family, *sorted(trainings))


def _no_verdict_reason(
    comparison: stats.Comparison, counts: dict[str, SpeakerConfusions], classes: tuple[str, ...]
) -> str:
    if not np.isnan(comparison.p):
        return ""
    if np.isnan(comparison.point) or any(confusions.classes < 2 for confusions in counts.values()):
        return "nothing to measure: one class only"
    by_corpus = {corpus: no_interval_reason(confusions, classes) for corpus, confusions in counts.items()}
    reasons = [reason if len(by_corpus) == 1 else f"{reason} in {corpus}"
               for corpus, reason in by_corpus.items() if reason]  # fmt: skip
    return f"no interval: {'; '.join(reasons) or 'too few speakers of a class'}"


def statistic_of(metric: str, mean: stats.Statistic | None = None) -> stats.Statistic:
    """Return a metric as a function of confusions.

    Args:
        metric: UAR, WA, macro_F1 or weighted_F1.
        mean: replaces the UAR in a mean over corpora, as from `corrected_uar`.
    """
    return mean if mean is not None and metric == "UAR" else stats.CONFUSION_METRICS[metric].function


def with_verdicts(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return the table with adjusted p-values and verdicts; corpora are one family of tests and means another.

    Args:
        table: as from `differences`.
        level: a difference is significant if its adjusted p-value is at most this.
    """
    table = table.astype(
        dict.fromkeys(["value", "reference_value", "difference", "low", "high", "p", "smallest_p"], float)
        | {"n_clusters": "Int64"}
    )
    table["p_holm"] = np.nan
    for mask in (table["test_corpus"] == MEAN, table["test_corpus"] != MEAN):
        table.loc[mask, "p_holm"] = stats.holm(table.loc[mask, "p"])
        table.loc[mask, "smallest_p"] *= table.loc[mask, "p"].notna().sum()
    table["smallest_p"] = table["smallest_p"].clip(upper=1)
    verdict = np.where(table["difference"] > 0, BETTER, WORSE)
    verdict = np.where(table["of"] == SYSTEMS, verdict, DIFFER)
    verdict = np.where(table["p_holm"] > level, NOT_SHOWN, verdict)
    table["verdict"] = table["verdict"].astype(object).where(table["p"].isna(), verdict)
    return table
