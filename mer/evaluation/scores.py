"""From predictions to the tidy table of results."""

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation import marks
from mer.evaluation.protocols import refuse_random

RESULT_COLUMNS = [
    "study", "system", "protocol", "answers", "train_corpora", "test_corpus", "seed", "metric", "value", "low",
    "high", "deviation", "n", "speakers", "classes", "n_seeds", *marks.MARKS, "lacks", "outside",
]  # fmt: skip
"""`lacks`: modalities of the system that the test corpus lacks altogether; `outside`: the share of answers that are
classes which the target does not have; the others before them as in mer/evaluation/marks.py"""
METRICS = {"UAR": stats.uar, "WA": stats.wa, "macro_F1": stats.macro_f1, "weighted_F1": stats.weighted_f1}
ANSWERS = ("free", "restricted")


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
    columns = ["utterance_id", "corpus", "family", "speaker_id", "dialogue_id", "emotion"]
    parts = []
    for item in done:
        system, cell = item.job.key
        rows = manifest.iloc[item.job.test]
        restricted = np.zeros(len(rows), dtype=int)
        for corpus, mask in present.items():
            mine = (rows["corpus"] == corpus).to_numpy()
            restricted[mine] = stats.restrict(item.probabilities[mine], mask)
        part = rows[columns].assign(
            system=system,
            protocol=cell.protocol,
            train_corpora="+".join(sorted(set(manifest["corpus"].iloc[item.job.train]))),
            fold=cell.fold,
            seed=item.job.seed,
            transductive=item.job.training.normalisation != "training",
            lacks=marks.lacking(rows["corpus"], {m: there[m][item.job.test] for m in item.job.system.modalities}),
            flagged=rows["breach"].notna(),
            accepted=marks.accepted(rows["breach"], cell.protocol),
            free=[classes[i] for i in item.probabilities.argmax(axis=1)],
            restricted=[classes[i] for i in restricted],
        )
        parts.append(part.assign(**{f"p_{c}": item.probabilities[:, i] for i, c in enumerate(classes)}))
    return pd.concat(parts, ignore_index=True).rename(columns={"corpus": "test_corpus"})


def score(
    table: pd.DataFrame, classes: tuple[str, ...], clusters: dict[str, str], *, study: str, confidence: float
) -> pd.DataFrame:
    """Return the results of a predictions table: per seed, and their mean (seed empty) with its interval.

    Args:
        clusters: corpus -> manifest column over which its intervals are computed.

    In-corpus folds are pooled. An interval holds over new speakers of these corpora, given these trained models.

    Raises:
        ValueError: some predictions are of a random split, which is never a score.
    """
    refuse_random(table)
    rows = []
    keys = ["system", "protocol", "train_corpora", "test_corpus"]
    for (system, protocol, train, test), part in table.groupby(keys, sort=True):
        base = {
            "study": study,
            "system": system,
            "protocol": protocol,
            "train_corpora": train,
            "test_corpus": test,
            "transductive": bool(part["transductive"].any()),
            "flagged": bool(part["flagged"].any()),
            "accepted": bool(part["accepted"].any()),
            "lacks": part["lacks"].iloc[0],
        }
        for answers in ANSWERS:
            outside = marks.outside(part, answers)
            rows += [
                base | {"answers": answers, "outside": outside[row.get("seed")]} | row
                for row in _cell(part, answers, classes, clusters[test], confidence)
            ]
    return typed(rows)


def typed(rows: list[dict]) -> pd.DataFrame:
    """Return result rows with every column, in order and type."""
    frame = pd.DataFrame(rows, columns=RESULT_COLUMNS)
    frame[marks.MARKS] = frame[marks.MARKS].eq(True)
    frame["lacks"] = frame["lacks"].astype(object).fillna("")
    named = ["study", "system", "protocol", "answers", "train_corpora", "test_corpus", "metric", "lacks"]
    texts = dict.fromkeys(named, "str")
    integers = dict.fromkeys(["seed", "n", "speakers", "classes", "n_seeds"], "Int64")
    return frame.astype(texts | integers | dict.fromkeys(["value", "low", "high", "deviation", "outside"], "float64"))


def _cell(part: pd.DataFrame, answers: str, classes: tuple[str, ...], cluster: str, confidence: float) -> list[dict]:
    index = {c: i for i, c in enumerate(classes)}
    names = sorted(part[cluster].unique())
    seeds = sorted(part["seed"].unique())
    stacked = np.zeros((len(seeds), len(names), len(classes), len(classes)), dtype=np.int64)
    where = (
        part["seed"].map({s: i for i, s in enumerate(seeds)}),
        part[cluster].map({s: i for i, s in enumerate(names)}),
        part["emotion"].map(index),
        part[answers].map(index),
    )
    np.add.at(stacked, tuple(w.to_numpy(dtype=int) for w in where), 1)
    total = stacked.sum(axis=1)  # (seeds, k, k)
    k = int((total[0].sum(axis=1) > 0).sum())
    about = {"n": int(total[0].sum()), "speakers": part["speaker_id"].nunique(), "classes": k}
    rows = []
    for metric, function in METRICS.items():
        values = np.atleast_1d(function(total))
        interval = stats.jackknife(stacked, statistic=function, confidence=confidence)
        deviation = float(values.std(ddof=1)) if len(seeds) > 1 else np.nan
        rows += [
            about | {"seed": int(s), "metric": metric, "value": v, "n_seeds": 1}
            for s, v in zip(seeds, values, strict=True)
        ]
        mean = {"metric": metric, "value": interval.point, "low": interval.low, "high": interval.high}
        rows.append(about | mean | {"deviation": deviation, "n_seeds": len(seeds)})
        if metric == "UAR":
            corrected = {n: stats.chance_corrected(mean[n], k) for n in ("value", "low", "high")}
            rows.append(about | corrected | {"metric": "UAR_chance_corrected", "n_seeds": len(seeds)})
    return rows


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
