"""Is one system better than another? A table of every system against one, for each corpus and for their mean."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.protocols.cells import refuse_random
from mer.evaluation.scores.confusions import (
    Cluster,
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
MEAN = "mean over corpora"
BETTER, WORSE, NOT_SHOWN = "better", "worse", "not shown"
DIFFER = "these trained models differ"
"""verdict where one seed of a network is compared: another training of it might do otherwise"""
SYSTEMS, MODELS = "systems", "trained models"
"""what a row compares"""


def compare(
    predictions: pd.DataFrame,
    classes: tuple[str, ...],
    clusters: Mapping[str, Cluster],
    reference: str,
    *,
    protocol: str = "loco",
    answers: str = "free",
    metric: str = "UAR",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare every system with one of them, clip by clip and speaker by speaker.

    What is better is said of systems: over new speakers of these corpora and, of what is trained with several seeds,
    over new trainings on the same recordings. A system with one solution (logistic regression, ridge, a support vector
    machine) has no deviation between trainings. Other training recordings are not covered. With one seed of a network
    nothing is known of its next training: then it is said that these trained models differ, and nothing of systems.

    Args:
        predictions: as from `scores.predictions`.
        clusters: corpus -> column over which its speakers (dialogues, videos) are told apart.
        reference: the system that the others are compared with, named beforehand.
        metric: UAR, WA, macro_F1 or weighted_F1.
        confidence: of the intervals; a difference is shown where the adjusted p is at most 1 - confidence.

    Returns:
        a row per other system and corpus of the reference's, and where those are several, one for the mean over them,
        of UAR chance-corrected. Both systems count on the clips and seeds that both have: `n` says how many clips.
        `p` is the larger of two (`stats.compare`): that the mean difference is 0, and that the two could be swapped.
        `p_holm` is adjusted over the rows of corpora, and over the rows of means: each is one family of questions.
        `smallest_p` is the p-value that so few speakers give where all of them agree, times the number of questions;
        where it is above 1 - confidence, hardly anything can be shown, whatever the systems do. `of` says whether
        systems or trained models are compared. `verdict` is better, worse, not shown, `DIFFER`, or why there is no
        comparison, such as missing predictions. `clusters` and `n_clusters` say over what intervals are. People who
        speak in two corpora of a family are flipped and left out as one, and counted twice in `speakers`.

    Raises:
        ValueError: no prediction of the reference in this protocol, another metric, a random split, or a corpus
            that was tested after several trainings.
        Unusable: as from `counts.count`.
    """
    if metric not in stats.CONFUSION_METRICS:
        raise ValueError(f"metric {metric!r} is none of {', '.join(stats.CONFUSION_METRICS)}")
    asked = predictions[predictions["protocol"] == protocol]
    refuse_random(asked)
    if reference not in set(asked["system"]):
        raise ValueError(f"{reference!r} has no predictions of {protocol}; there are {sorted(set(asked['system']))}")
    plans = asked.groupby(["system", "test_corpus"])["train_corpora"].nunique()
    if (plans > 1).any():
        system, corpus = plans.index[plans > 1][0]
        raise ValueError(
            f"{system} was tested on {corpus} after several trainings; compare one `train_corpora` at a time"
        )
    parts = dict(iter(asked.groupby(["system", "test_corpus"], sort=True)))
    corpora = [corpus for system, corpus in parts if system == reference]
    family = asked.groupby("test_corpus")["family"].first().to_dict()
    about = {"reference": reference, "protocol": protocol, "answers": answers, "metric": metric}
    rows, named = [], tuple(classes)
    for system in sorted(set(asked["system"]) - {reference}):
        pairs = {c: _pair(parts.get((system, c)), parts[reference, c], answers, classes, clusters[c]) for c in corpora}
        for corpus in corpora:
            found = compare_pair({corpus: pairs[corpus]}, family, statistic_of(metric), confidence, named)
            rows.append(about | {"system": system, "test_corpus": corpus} | found)
        if len(corpora) > 1:
            mean = statistic_of(metric, corrected_uar(answers, protocol, len(named)))
            found = compare_pair(pairs, family, mean, confidence, named)
            rows.append(about | {"system": system, "test_corpus": MEAN} | found)
    return with_verdicts(pd.DataFrame(rows, columns=COLUMNS), 1 - confidence)


def reason_against(predictions: pd.DataFrame, reference: str, protocol: str = "loco") -> str:
    """Return why there is nothing to compare with the reference; nothing where there is."""
    systems = set(predictions.loc[predictions["protocol"] == protocol, "system"])
    if not systems:
        return f"this study has no predictions of {protocol}"
    if reference not in systems:
        return f"{reference} has no predictions of {protocol}"
    return f"{reference} is the only system with predictions of {protocol}" if len(systems) == 1 else ""


def empty() -> pd.DataFrame:
    """Return the table of `compare` without a row."""
    return with_verdicts(pd.DataFrame(columns=COLUMNS), 0.05)


def _pair(
    ours: pd.DataFrame | None, theirs: pd.DataFrame, answers: str, classes: tuple[str, ...], cluster: Cluster
) -> tuple[SpeakerConfusions, SpeakerConfusions] | str:
    """Counts of both on the clips and seeds that both have, or why there are none."""
    if ours is None:
        return "no predictions"
    seeds = [set(side["seed"]) for side in (ours, theirs)]
    if min(map(len, seeds)) > 1:  # else it is a solution that depends on no seed, and meets all of the other's
        both = seeds[0] & seeds[1]
        ours, theirs = (side[side["seed"].isin(both)] for side in (ours, theirs))
    clips = set(ours["utterance_id"]) & set(theirs["utterance_id"])
    ours, theirs = (side[side["utterance_id"].isin(clips)] for side in (ours, theirs))
    if ours.empty or theirs.empty:
        return "no clip or no seed in common"
    return count(ours, answers, classes, cluster), count(theirs, answers, classes, cluster)


def corrected_uar(answers: str, protocol: str, classes: int) -> stats.Statistic:
    """Return the chance-corrected UAR as a function of confusions.

    Args:
        classes: of the policy, among which free answers are.
    """

    def of(confusions: np.ndarray) -> stats.Number:
        own = np.asarray(stats.classes_present(confusions))
        among = np.where(own > 1, n_choices(answers, protocol, own, classes), own)  # of one class nothing is measured
        return stats.chance_corrected(stats.uar(confusions), among)

    return of


def compare_pair(
    pairs: dict[str, tuple[SpeakerConfusions, SpeakerConfusions] | str], family: dict[str, str],
    statistic: stats.Statistic,
    confidence: float, classes: tuple[str, ...],
) -> dict:  # fmt: skip
    """Return a row's numbers and verdict: two systems on the mean over some corpora.

    Args:
        pairs: corpus -> counts of both on the same clips, or why there are none.
        family: corpus -> its family; those of one are one part, as they may share speakers.
        classes: of which the counts are.
    """
    if lacking := {corpus: pair for corpus, pair in pairs.items() if isinstance(pair, str)}:
        return {"n": 0, "speakers": 0, "seeds": 0, "verdict": "; ".join(f"{w} on {c}" for c, w in lacking.items())}
    kin = {name: [c for c in pairs if family[c] == name] for name in sorted({family[c] for c in pairs})}
    sides = [tuple(merge_family({c: pairs[c][at] for c in inside}) for at in (0, 1)) for inside in kin.values()]
    parts, groupings = [tuple(side[0] for side in pair) for pair in sides], [pair[0][1] for pair in sides]
    trainings = [
        tuple(_training([pairs[c][at] for c in inside], name) for at in (0, 1)) for name, inside in kin.items()
    ]
    weights = np.array([len(inside) for inside in kin.values()]) / len(pairs)
    ours = [pair[0] for pair in pairs.values()]
    mean = per_block(statistic, ours[0].confusions.shape[-1])
    paired = [stats.Pair(*part, *more) for part, *more in zip(parts, groupings, trainings, strict=True)]
    found = stats.compare(paired, mean, confidence, weights=weights)
    values = [weights @ [np.mean(mean(part[at].sum(axis=1))) for part in parts] for at in (0, 1)]
    repeats = all(side.repeats for pair in pairs.values() for side in pair)
    units = dict.fromkeys(one.cluster_name for one in ours)
    seeds = max(len(side.seeds) for pair in pairs.values() for side in pair)
    return {
        "value": values[0], "reference_value": values[1], "difference": found.point, "low": found.low,
        "high": found.high, "p": found.p, "smallest_p": found.smallest, "n": sum(one.n for one in ours),
        "speakers": sum(one.speakers for one in ours), "seeds": seeds,
        "of": SYSTEMS if repeats else MODELS, "clusters": "; ".join(units),
        "n_clusters": found.clusters,
        "verdict": _no_verdict_reason(found, {c: pair[0] for c, pair in pairs.items()}, classes),
    }  # fmt: skip


def _training(counted: list[SpeakerConfusions], family: str) -> tuple[str, ...]:
    """What trained a family's corpora: two that name the same corpora were one training."""
    known = {one.training for one in counted}
    return (known.pop(),) if len(known) == 1 and known != {""} else (family, *sorted(known))


def _no_verdict_reason(found: stats.Comparison, counted: dict[str, SpeakerConfusions], classes: tuple[str, ...]) -> str:
    if not np.isnan(found.p):
        return ""
    if np.isnan(found.point) or any(one.classes < 2 for one in counted.values()):
        return "nothing to measure: one class only"
    told = {corpus: no_interval_reason(one, classes) for corpus, one in counted.items()}
    reasons = [why if len(told) == 1 else f"{why} in {corpus}" for corpus, why in told.items() if why]
    return f"no interval: {'; '.join(reasons) or 'too few speakers of a class'}"


def statistic_of(metric: str, mean: stats.Statistic | None = None) -> stats.Statistic:
    """Return a metric as a function of confusions.

    Args:
        mean: what stands for the UAR where it goes into a mean over corpora, as from `corrected`.
    """
    return mean if mean is not None and metric == "UAR" else stats.CONFUSION_METRICS[metric].function


def with_verdicts(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return the table with adjusted p-values and verdicts, corpora one family of questions and means another."""
    table = table.astype(
        dict.fromkeys(["value", "reference_value", "difference", "low", "high", "p", "smallest_p"], float)
        | {"n_clusters": "Int64"}
    )
    table["p_holm"] = np.nan
    for mask in (table["test_corpus"] == MEAN, table["test_corpus"] != MEAN):
        table.loc[mask, "p_holm"] = stats.holm(table.loc[mask, "p"])
        table.loc[mask, "smallest_p"] *= table.loc[mask, "p"].notna().sum()
    table["smallest_p"] = table["smallest_p"].clip(upper=1)
    word = np.where(table["difference"] > 0, BETTER, WORSE)
    word = np.where(table["of"] == SYSTEMS, word, DIFFER)
    word = np.where(table["p_holm"] > level, NOT_SHOWN, word)
    table["verdict"] = table["verdict"].astype(object).where(table["p"].isna(), word)
    return table
