"""From predictions to the tidy table of results."""

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.protocols.cells import RANDOM, refuse_random
from mer.evaluation.scores import flags
from mer.evaluation.scores.confusions import ANSWERS, KEYS, Cluster, columns, count, why_none

RESULT_COLUMNS = [
    "study", "system", "protocol", "answers", "train_corpora", "test_corpus", "seed", "metric", "value", "low",
    "high", "deviation", "n", "speakers", "classes", "n_seeds", "clusters", "n_clusters", "why_none", "chance",
    "p_chance", "p_constant", *flags.MARKS, "lacks", "outside",
]  # fmt: skip
"""`lacks`: modalities of the system that the test corpus lacks altogether; `outside`: the share of answers that are
classes which the target does not have; the others before them as in mer/evaluation/scores/flags.py"""


def predictions(
    done: list, manifest: pd.DataFrame, classes: tuple[str, ...], there: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return one row per tested utterance, system and seed, from which every score can be recomputed.

    Args:
        done: results of the grid whose keys are (system, cell).
        manifest: usable rows.
        there: modality -> which of these rows have it, as `task.features.present`.
    """
    present = {c: np.isin(classes, rows["emotion"].unique()) for c, rows in manifest.groupby("corpus")}
    kept = ["utterance_id", "corpus", "family", "speaker_id", "dialogue_id", "emotion"]
    parts = []
    for item in done:
        system, cell = item.job.system, item.job.cell
        rows = manifest.iloc[item.job.test]
        restricted = np.zeros(len(rows), dtype=int)
        for corpus, mask in present.items():
            mine = (rows["corpus"] == corpus).to_numpy()
            restricted[mine] = stats.restrict(item.probabilities[mine], mask)
        part = rows[kept].assign(
            system=system,
            protocol=cell.protocol,
            train_corpora="+".join(sorted(set(manifest["corpus"].iloc[item.job.train]))),
            fold=cell.fold,
            seed=item.job.seed,
            transductive=item.job.training.normalisation != "training",
            lacks=flags.lacking(rows["corpus"], {m: there[m][item.job.test] for m in item.job.spec.inputs}),
            flagged=rows["breach"].notna(),
            accepted=flags.accepted(rows["breach"], cell.protocol),
            deterministic=not item.job.spec.is_network,
            free=[classes[i] for i in item.probabilities.argmax(axis=1)],
            restricted=[classes[i] for i in restricted],
        )
        parts.append(part.assign(**{f"p_{c}": item.probabilities[:, i] for i, c in enumerate(classes)}))
    return pd.concat(parts, ignore_index=True).rename(columns={"corpus": "test_corpus"})


def score(
    table: pd.DataFrame, classes: tuple[str, ...], clusters: dict[str, Cluster], *, study: str, confidence: float
) -> pd.DataFrame:
    """Return the results of a predictions table: per seed, and their mean (seed empty) with its interval.

    Args:
        clusters: corpus -> manifest column over which its intervals are computed, or two.

    In-corpus folds are pooled. An interval holds over new speakers of these corpora, given these trained models;
    `clusters` and `n_clusters` say over what and how many, `why_none` why there is no interval. `chance` is the UAR of
    guessing. `p_chance` is the p-value of the UAR being that, `p_constant` of its being 1/k, which one constant answer
    scores; neither is adjusted for how many are asked.

    Raises:
        ValueError: some predictions are of a random split, which is never a score.
        Unusable: as from `counts.count`.
    """
    refuse_random(table)
    rows = []
    for values, part in table.groupby(list(KEYS), sort=True):
        base = {"study": study, **dict(zip(KEYS, values, strict=True)), "lacks": part["lacks"].iloc[0]}
        base |= {name: bool(part[name].any()) for name in flags.MARKS}
        for answers in ANSWERS:
            outside = flags.outside(part, answers)
            rows += [
                base | {"answers": answers, "outside": outside[row.get("seed")]} | row
                for row in _cell(part, answers, classes, clusters[values[-1]], confidence)
            ]
    return typed(rows)


def choices(answers: str, protocol: str, own: int, classes: int) -> int:
    """Return among how many classes an answer is: guessing scores one over them.

    Free answers are among all classes of the policy; restricted ones among the target's, and so are all answers of what
    has learned from the target alone.

    Args:
        own: number of classes of the target.
        classes: of the policy.

    >>> choices("free", "loco", 4, 7), choices("restricted", "loco", 4, 7), choices("free", "in_corpus", 4, 7)
    (7, 4, 4)
    """
    return own if answers == "restricted" or protocol in ("in_corpus", RANDOM) else classes


def typed(rows: list[dict]) -> pd.DataFrame:
    """Return result rows with every column, in order and type."""
    frame = pd.DataFrame(rows, columns=RESULT_COLUMNS)
    frame[flags.MARKS] = frame[flags.MARKS].eq(True)
    said = ["why_none", "lacks"]
    frame[said] = frame[said].astype(object).fillna("")
    names = ["study", "system", "protocol", "answers", "train_corpora", "test_corpus", "metric", "clusters", *said]
    integers = dict.fromkeys(["seed", "n", "speakers", "classes", "n_seeds", "n_clusters"], "Int64")
    numbers = ["value", "low", "high", "deviation", "chance", "p_chance", "p_constant", "outside"]
    return frame.astype(dict.fromkeys(names, "str") | integers | dict.fromkeys(numbers, "float64"))


def _cell(
    part: pd.DataFrame, answers: str, classes: tuple[str, ...], cluster: Cluster, confidence: float
) -> list[dict]:
    counted = count(part, answers, classes, cluster)
    total, k, seeds = counted.confusions.sum(axis=1), counted.classes, counted.seeds  # (seeds, k, k)
    among = choices(answers, part["protocol"].iloc[0], k, len(classes))
    about = {
        "n": counted.n, "speakers": counted.speakers, "classes": k, "clusters": counted.unit,
        "n_clusters": counted.n_clusters, "chance": 1 / among,
    }  # fmt: skip
    reason, rows = why_none(counted, classes), []
    for metric in stats.METRICS.values():
        if metric.reads == "probabilities":
            values, mean = _of_probabilities(metric, part, answers, classes, cluster, confidence)
        else:
            values = np.atleast_1d(metric.function(total))
            estimate = stats.estimate(counted.confusions, metric.function, groupings=counted.ways)
            mean = _mean(stats.interval(estimate, confidence))
        mean |= {"why_none": reason, "deviation": float(values.std(ddof=1)) if len(seeds) > 1 else np.nan}
        if metric.chance_corrected:
            mean |= {"p_chance": stats.p_value(estimate, 1 / among), "p_constant": stats.p_value(estimate, 1 / k)}
        named = about | {"metric": metric.name}
        rows += [named | {"seed": s, "value": v, "n_seeds": 1} for s, v in zip(seeds, values, strict=True)]
        rows.append(named | mean | {"n_seeds": len(seeds)})
        if metric.chance_corrected:
            corrected = {name: stats.chance_corrected(mean[name], among) for name in ("value", "low", "high")}
            corrected |= {"metric": f"{metric.name}_chance_corrected", "n_seeds": len(seeds), "why_none": reason}
            rows.append(about | corrected)
    return rows


def _mean(interval: stats.Interval) -> dict[str, float]:
    return {"value": interval.point, "low": interval.low, "high": interval.high}


def _of_probabilities(
    metric: stats.Metric,
    part: pd.DataFrame,
    answers: str,
    classes: tuple[str, ...],
    cluster: Cluster,
    confidence: float,
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the score of each seed, in order, and their mean with its interval.

    Restricted predictions are probabilities among the classes that the truth has.
    """
    part = part.sort_values(["seed", "utterance_id"], kind="stable")
    first = part[part["seed"] == part["seed"].iloc[0]]
    truth = pd.Index(classes).get_indexer(first["emotion"])
    probabilities = part[[f"p_{name}" for name in classes]].to_numpy(float).reshape(-1, len(first), len(classes))
    if answers == "restricted":
        probabilities = probabilities * np.isin(np.arange(len(classes)), truth)
        probabilities = probabilities / probabilities.sum(axis=-1, keepdims=True)
    values = np.array([metric.function(truth, of_seed) for of_seed in probabilities])
    groupings = [pd.factorize(first[column])[0] for column in columns(cluster)]
    estimate = stats.estimate_probabilities(truth, probabilities, metric.function, groupings)
    return values, _mean(stats.combined([estimate], confidence=confidence))


def with_mean(results: pd.DataFrame, corpora: list[str], name: str) -> pd.DataFrame:
    """Return the results with rows `test_corpus=name`: the mean chance-corrected UAR over corpora.

    Only of systems that were tested on all of them. No interval: a test part of one or two speakers has none
    to build it from.
    """
    keys = ["study", "system", "protocol", "answers", "train_corpora", "seed", "metric", "n_seeds", "transductive"]
    part = results[results["test_corpus"].isin(corpora) & (results["metric"] == "UAR_chance_corrected")]
    grouped = part.groupby(keys, dropna=False, sort=False)
    mean = grouped.agg(
        value=("value", "mean"), n=("n", "sum"), speakers=("speakers", "sum"), parts=("n", "size"),
        flagged=("flagged", "any"), accepted=("accepted", "any"), outside=("outside", "mean"),
    )  # fmt: skip
    mean = mean[mean["parts"] == len(corpora)].drop(columns="parts")
    return pd.concat(
        [results, typed(mean.reset_index().assign(test_corpus=name).to_dict("records"))], ignore_index=True
    )


def in_order(results: pd.DataFrame) -> pd.DataFrame:
    """Return results sorted by what identifies them, for comparison."""
    return results.sort_values(RESULT_COLUMNS[:8], ignore_index=True)


def pooled_confusion(table: pd.DataFrame, system: str, classes: tuple[str, ...]) -> np.ndarray:
    """Return free answers against the truth, all corpora and seeds of one system together; int of shape (k, k)."""
    part = table[table["system"] == system]
    index = {c: i for i, c in enumerate(classes)}
    return stats.confusion(
        part["emotion"].map(index).to_numpy(int), part["free"].map(index).to_numpy(int), len(classes)
    )
