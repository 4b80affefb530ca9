"""Compute the tidy table of results from predictions."""

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.protocols.random_split import RANDOM, refuse_random
from mer.evaluation.scores import flags, multi_label, probabilities
from mer.evaluation.scores.confusions import ANSWERS, KEYS, Scoring, count, no_interval_reason
from mer.training.job import JobResult

RESULT_COLUMNS = [
    "study", "system", "protocol", "answers", "train_corpora", "test_corpus", "seed", "metric", "value", "low",
    "high", "deviation", "n", "speakers", "classes", "n_seeds", "clusters", "n_clusters", "why_none", "chance",
    "p_chance", "p_constant", *flags.FLAGS, "lacks", "outside",
]  # fmt: skip
"""The columns of the results. `lacks`: inputs of the system that no utterance of the test corpus has. `outside`: the
share of predictions outside the classes of the test corpus. The flags are those of mer/evaluation/scores/flags.py."""


def predictions(
    results: list[JobResult], manifest: pd.DataFrame, classes: tuple[str, ...], present: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return one row per tested utterance, system and seed, from which every score can be recomputed.

    Args:
        results: results of jobs.
        manifest: usable rows, index 0..n-1.
        classes: the classes of the policy, in order.
        present: input -> whether each row has it, as `task.features.present`.
    """
    occurring = {c: np.isin(classes, rows["emotion"].unique()) for c, rows in manifest.groupby("corpus")}
    manifest_columns = ["utterance_id", "corpus", "family", "speaker_id", "dialogue_id", "emotion"]
    parts = []
    for result in results:
        system, cell, spec = result.job.system, result.job.cell, result.job.spec
        rows = manifest.iloc[result.job.test]
        restricted = np.zeros(len(rows), dtype=int)
        for corpus, mask in occurring.items():
            own = (rows["corpus"] == corpus).to_numpy()
            restricted[own] = stats.restrict(result.among_test_classes[own], mask)
        inputs = {name: present[name][result.job.test] for name in spec.inputs}
        part = rows[manifest_columns].assign(
            system=system,
            protocol=cell.protocol,
            train_corpora="+".join(sorted(set(manifest["corpus"].iloc[result.job.train]))),
            fold=cell.fold,
            seed=result.job.seed,
            transductive=result.job.training.transductive,
            lacks=flags.missing_inputs(rows["corpus"], inputs),
            flagged=rows["breach"].notna(),
            accepted=flags.accepted(rows["breach"], cell.protocol),
            capped=flags.capped(manifest, np.r_[result.job.train, result.job.validation], result.job.test),
            deterministic=not result.depends_on_seed,
            free=[classes[i] for i in result.probabilities.argmax(axis=1)],
            restricted=[classes[i] for i in restricted],
            **multi_label.prediction_columns(result, classes),
        )
        parts.append(part.assign(**{f"p_{c}": result.probabilities[:, i] for i, c in enumerate(classes)}))
    return pd.concat(parts, ignore_index=True).rename(columns={"corpus": "test_corpus"})


def score(table: pd.DataFrame, scoring: Scoring, *, study: str) -> pd.DataFrame:
    """Return the results of a predictions table: per seed, and their mean (seed empty) with its interval.

    The folds of within-corpus cells are pooled. An interval holds over new speakers of these corpora, given these
    trained models. `clusters` and `n_clusters` are the kind and number of its clusters, and `why_none` is the reason if
    there is no interval. `chance` is the UAR of guessing. `p_chance` tests UAR = chance, and `p_constant` tests
    UAR = 1/k, the UAR of predicting one class always; neither is adjusted for multiple tests. Systems that are trained
    on several classes at once have metrics of sets of labels, too (mer/evaluation/scores/multi_label.py).

    Args:
        table: as from `predictions`.
        scoring: classes, clusters and confidence.
        study: the value of the column `study`.

    Raises:
        ValueError: some predictions are of a random split, which is never a score.
        PredictionError: as from `confusions.count`.
    """
    refuse_random(table)
    rows = []
    for values, part in table.groupby(list(KEYS), sort=True):
        base = {"study": study, **dict(zip(KEYS, values, strict=True)), "lacks": part["lacks"].iloc[0]}
        base |= {name: bool(part[name].any()) for name in flags.FLAGS}
        for answers in (name for name in ANSWERS if name in part):  # predictions made elsewhere may be free alone
            outside = flags.outside_share(part, answers)
            rows += [
                base | {"answers": answers, "outside": outside[row.get("seed")]} | row
                for row in _corpus_rows(part, answers, scoring)
            ]
    return typed(rows)


def n_choices(answers: str, protocol: str, n_test_classes: int, n_classes: int) -> int:
    """Return among how many classes a prediction chooses; chance is one over this number.

    Free predictions choose among all classes of the policy. Restricted predictions, and all predictions of models that
    are trained on the test corpus alone, choose among the classes of the test corpus.

    Args:
        answers: free or restricted.
        protocol: the protocol of the predictions.
        n_test_classes: number of classes of the test corpus.
        n_classes: number of classes of the policy.

    >>> n_choices("free", "loco", 4, 7), n_choices("restricted", "loco", 4, 7), n_choices("free", "in_corpus", 4, 7)
    (7, 4, 4)
    """
    return n_test_classes if answers == "restricted" or protocol in ("in_corpus", RANDOM) else n_classes


def typed(rows: list[dict]) -> pd.DataFrame:
    """Return result rows as a table with all columns in order, each with its type."""
    frame = pd.DataFrame(rows, columns=RESULT_COLUMNS)
    frame[flags.FLAGS] = frame[flags.FLAGS].eq(True)
    texts = ["why_none", "lacks"]
    frame[texts] = frame[texts].astype(object).fillna("")
    names = ["study", "system", "protocol", "answers", "train_corpora", "test_corpus", "metric", "clusters", *texts]
    integers = dict.fromkeys(["seed", "n", "speakers", "classes", "n_seeds", "n_clusters"], "Int64")
    numbers = ["value", "low", "high", "deviation", "chance", "p_chance", "p_constant", "outside"]
    return frame.astype(dict.fromkeys(names, "str") | integers | dict.fromkeys(numbers, "float64"))


def _corpus_rows(part: pd.DataFrame, answers: str, scoring: Scoring) -> list[dict]:
    """The rows of one system, protocol and test corpus: every metric per seed, and its mean over seeds."""
    counts = count(part, answers, scoring.classes, scoring.clusters[part["test_corpus"].iloc[0]])
    total, k, seeds = counts.confusions.sum(axis=1), counts.classes, counts.seeds  # (seeds, k, k)
    choices = n_choices(answers, part["protocol"].iloc[0], k, len(scoring.classes))
    base = {
        "n": counts.n, "speakers": counts.speakers, "classes": k, "clusters": counts.cluster_name,
        "n_clusters": counts.n_clusters, "chance": 1 / choices,
    }  # fmt: skip
    reason, rows = no_interval_reason(counts, scoring.classes), []
    kinds = ("confusions", "probabilities") if all(f"p_{name}" in part for name in scoring.classes) else ("confusions",)
    for metric in (one for one in stats.METRICS.values() if one.reads in kinds):
        if metric.reads == "probabilities":
            values, mean = _of_probabilities(metric, part, answers, scoring)
        else:
            values = np.atleast_1d(metric.function(total))
            estimate = stats.estimate(counts.confusions, metric.function, groupings=counts.groupings)
            mean = _mean(stats.interval(estimate, scoring.confidence))
        mean |= {"why_none": reason, "deviation": float(values.std(ddof=1)) if len(seeds) > 1 else np.nan}
        if metric.chance_corrected:
            mean |= {"p_chance": stats.p_value(estimate, 1 / choices), "p_constant": stats.p_value(estimate, 1 / k)}
        of_metric = base | {"metric": metric.name}
        rows += [of_metric | {"seed": s, "value": v, "n_seeds": 1} for s, v in zip(seeds, values, strict=True)]
        rows.append(of_metric | mean | {"n_seeds": len(seeds)})
        if metric.chance_corrected:
            corrected = {name: stats.chance_corrected(mean[name], choices) for name in ("value", "low", "high")}
            corrected |= {"metric": f"{metric.name}_chance_corrected", "n_seeds": len(seeds), "why_none": reason}
            rows.append(base | corrected)
    if answers == "free":
        cluster = scoring.clusters[part["test_corpus"].iloc[0]]
        own = multi_label.result_rows(part, scoring.classes, cluster, scoring.confidence)
        rows += [base | {"why_none": "" if "seed" in row else reason} | row for row in own]
    return rows


def _mean(interval: stats.Interval) -> dict[str, float]:
    return {"value": interval.point, "low": interval.low, "high": interval.high}


def _of_probabilities(
    metric: stats.Metric, part: pd.DataFrame, answers: str, scoring: Scoring
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the score of each seed, in order, and their mean with its interval."""
    read = probabilities.read(part, answers, scoring)
    values = np.array([metric.function(read.truth, of_seed) for of_seed in read.values])
    return values, _mean(stats.combined([read.estimate(metric.function)], confidence=scoring.confidence))


def with_mean(results: pd.DataFrame, corpora: list[str], name: str) -> pd.DataFrame:
    """Return the results with rows `test_corpus=name`: the mean chance-corrected UAR over corpora.

    Only systems that were tested on all of them get a mean. It has no interval, because test parts of one or two
    speakers have none.

    Args:
        results: as from `score`.
        corpora: test corpora.
        name: the value of `test_corpus` in the new rows.
    """
    keys = ["study", "system", "protocol", "answers", "train_corpora", "seed", "metric", "n_seeds", "transductive"]
    part = results[results["test_corpus"].isin(corpora) & (results["metric"] == "UAR_chance_corrected")]
    grouped = part.groupby(keys, dropna=False, sort=False)
    mean = grouped.agg(
        value=("value", "mean"), n=("n", "sum"), speakers=("speakers", "sum"), parts=("n", "size"),
        flagged=("flagged", "any"), accepted=("accepted", "any"), capped=("capped", "any"), outside=("outside", "mean"),
    )  # fmt: skip
    mean = mean[mean["parts"] == len(corpora)].drop(columns="parts")
    return pd.concat(
        [results, typed(mean.reset_index().assign(test_corpus=name).to_dict("records"))], ignore_index=True
    )


def in_order(results: pd.DataFrame) -> pd.DataFrame:
    """Return results sorted by what identifies them, for comparison."""
    return results.sort_values(RESULT_COLUMNS[:8], ignore_index=True)


def pooled_confusion(table: pd.DataFrame, system: str, classes: tuple[str, ...]) -> np.ndarray:
    """Return the confusions of a system's free predictions, corpora and seeds pooled; int of shape (k, k)."""
    part = table[table["system"] == system]
    index = {c: i for i, c in enumerate(classes)}
    return stats.confusion(
        part["emotion"].map(index).to_numpy(int), part["free"].map(index).to_numpy(int), len(classes)
    )
