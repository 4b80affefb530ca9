"""Select a system for each held-out family by scores on the training corpora only.

The systems of a study are candidates. Each has an inner score on the training corpora of a LOCO cell, and the candidate
with the highest inner score is tested as `selected`. The table of choices also has the system with the highest test
score (`naive`). The difference of the two test scores is the bias of selecting on test scores.

The inner score is the mean over training corpora and seeds of the chance-corrected UAR. With `validation`, it is the
UAR of the validation speakers; they have also selected epoch and regularisation, and their corpora are training
corpora. With `inner_loco`, it is the UAR on each training corpus of models that were trained neither on it nor on the
held-out family. Their predictions are restricted to the classes of that corpus, so that guessing scores 0. A system
without predictions on a training corpus on which others have some gets the score of guessing there.

Trainings that choose their parameters by corpora (`training.choose_by`) have left out these families already, so that
system and parameters are chosen by the same predictions, and nothing is trained for the selection. `inner_loco` then
holds for all systems, because validation speakers give higher scores than other corpora.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mer import stats
from mer.dataset.identity import duplicates
from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.protocols import inner_folds
from mer.evaluation.protocols.cells import INNER, Cell, inner_loco
from mer.evaluation.scores.flags import FLAGS
from mer.params.schema import SELECTED, Evaluation, Training
from mer.training.job import JobResult

MIN_COVERAGE = 0.95
"""The share of utterances that a candidate must predict, of those that any system predicts in a held-out corpus.

A lower share would compare systems on different utterances; a share of 1 would exclude a system for one damaged
recording."""
INNER_COLUMNS = ["held_out", "system", "by", "score", "candidate", "configurations", "epochs"]
"""The columns of `inner_scores`."""
COLUMNS = [
    "held_out", "test_corpus", "answers", "metric", "by", "chosen", "value", "naive", "naive_value", "points",
    "classes", "chance", "systems", "configurations", "epochs", *FLAGS,
]  # fmt: skip
"""The columns of `selection.csv`, without the inner scores."""
INNER_SCORE = "inner score of "
"""The beginning of the name of a column with the inner scores of a system."""


def plan(
    usable: pd.DataFrame,
    corpora: list[str],
    evaluation: Evaluation,
    trainings: Collection[Training],
    near: pd.DataFrame = duplicates.NO_DUPLICATES,
) -> list[Cell]:
    """Return the cells of inner LOCO, if the selection needs them.

    There are none if the validation score selects, without LOCO, with one system, and with two families: then no
    corpus is left to train on. `jobs.plan_jobs` trains nothing in these cells for systems that choose by corpora.

    Args:
        usable: usable rows, index 0..n-1.
        corpora: the corpora that are scored.
        evaluation: parameters of the study.
        trainings: training parameters of each system; those of an ensemble are the study's.
        near: near-duplicates, as from `duplicates.load`.

    Raises:
        ValueError: as from `cells.plan`.
    """
    families = usable.loc[usable["corpus"].isin(corpora), "family"].nunique()
    by_corpora = [_chooses_by_corpora(training, families - 1) for training in trainings]
    is_needed = "loco" in evaluation.protocols and len(trainings) > 1 and not all(by_corpora)
    is_needed &= evaluation.selection == "inner_loco" or any(by_corpora)
    return inner_loco(usable, corpora, near, evaluation.accept_duplicates) if is_needed else []


def inner_scores(results: list[JobResult], usable: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return the inner score of each system for each held-out family.

    Args:
        results: results of jobs of any protocols. The inner score is that of inner LOCO if there are such results, or
            results of LOCO that chose by corpora, otherwise that of the validation speakers of LOCO.
        usable: usable rows, index 0..n-1.
        classes: the classes of the policy, in order.

    Returns:
        `INNER_COLUMNS`: held_out (family), system in the order of the results, by (validation or inner_loco), score
        (chance-corrected; NaN if no training corpus could be scored), candidate (whether the system predicts enough of
        the held-out corpora, `MIN_COVERAGE`), configurations (number of settings from which validation selected one),
        epochs (the same for networks).
    """
    inner = [result for result in results if result.job.cell.protocol == INNER]
    left_out = [result for result in results if result.job.cell.protocol == "loco" and result.leaves_families_out]
    by_corpora = bool(inner or left_out)
    rows = _on_validation(results, len(classes))
    if by_corpora:
        rows = [*_on_held_out(inner, usable, classes), *_on_left_out(left_out, usable, classes)]
    scores = pd.DataFrame(rows, columns=["held_out", "system", "corpus", "score"]).dropna()
    rows = []
    for held_out, systems in _loco_results(results).items():
        part = scores[scores["held_out"] == held_out]
        wide = part.pivot_table(index="system", columns="corpus", values="score").reindex(list(systems))
        means = wide.fillna(0.0).mean(axis=1)  # NaN without any corpus
        coverage = _coverage(systems, usable)
        for system, of_system in systems.items():
            configurations, epochs = configuration_counts(of_system)
            by, is_candidate = "inner_loco" if by_corpora else "validation", coverage[system] >= MIN_COVERAGE
            rows.append((held_out, system, by, means[system], is_candidate, configurations, epochs))
    return pd.DataFrame(rows, columns=INNER_COLUMNS).astype({"score": float, "candidate": bool})


def best_systems(inner: pd.DataFrame) -> dict[str, str]:
    """Return held-out family -> the candidate with the highest inner score, the first among equals.

    An ensemble comes after the other systems, so that it is not preferred to an equal member. A family without a
    candidate is left out.

    Args:
        inner: as from `inner_scores`.
    """
    candidates = inner[inner["candidate"]]
    score = candidates["score"].round(12).fillna(-np.inf)  # sums in another order must not decide
    best = score.groupby(candidates["held_out"], sort=True).idxmax()
    return dict(zip(best.index, inner.loc[best, "system"], strict=True))


def with_selected(predictions: pd.DataFrame, choice: dict[str, str]) -> pd.DataFrame:
    """Return predictions with a copy of those of the selected systems, as system `selected`.

    With one system there is no choice, and nothing is added.

    Args:
        predictions: as from `scores.predictions`.
        choice: as from `best_systems`.
    """
    loco = predictions[predictions["protocol"] == "loco"]
    if loco["system"].nunique() < 2:
        return predictions
    selected = loco[loco["family"].map(choice) == loco["system"]]
    # all of `selected` is one system of the results, so it is flagged if any of its choices is
    transductive = bool(selected["transductive"].any())
    return pd.concat([predictions, selected.assign(system=SELECTED, transductive=transductive)], ignore_index=True)


def table(inner: pd.DataFrame, results: pd.DataFrame, usable: pd.DataFrame) -> pd.DataFrame:
    """Return the selected systems with their test scores, and the test scores of a selection on the test corpus.

    Args:
        inner: as from `inner_scores`.
        results: as from `scores.score`.
        usable: usable rows.

    Returns:
        `COLUMNS` and the inner score of every system: one row per held-out corpus and kind of predictions (`answers`),
        and one for the mean over corpora, chance-corrected. naive: the candidate with the highest test score. points:
        its test score minus that of the selected system, in percentage points. It is the smallest bias of a selection
        on test scores, because other settings of the systems were not tested. systems, configurations and epochs: the
        numbers of systems, settings and epochs (the largest of a network) that were compared, including systems that
        are no candidates. A flag is set if it is set for any system on the corpus.
    """
    choice, family = best_systems(inner), usable.groupby("corpus")["family"].first()
    is_mean = results["seed"].isna() & (results["metric"] == "UAR") & (results["protocol"] == "loco")
    outer = results[is_mean & (results["system"] != SELECTED)]
    rows = []
    for (corpus, answers), part in outer.groupby(["test_corpus", "answers"], sort=True):
        held_out, value = family[corpus], part.set_index("system")["value"]
        if held_out not in choice:
            continue
        by_system = inner[inner["held_out"] == held_out].set_index("system")
        naive = value.reindex(by_system.index[by_system["candidate"]]).idxmax()
        row = {"held_out": held_out, "test_corpus": corpus, "answers": answers, "metric": "UAR"}
        row |= {"chosen": choice[held_out], "value": value[choice[held_out]], "naive": naive}
        row |= {"naive_value": value[naive], "classes": part["classes"].max(), "chance": part["chance"].max()}
        row |= {name: bool(part[name].any()) for name in FLAGS}
        rows.append(row | _count_columns(by_system) | by_system["score"].add_prefix(INNER_SCORE).to_dict())
    return _with_mean(rows, inner)


def with_corrupted_family(
    results: list[JobResult], usable: pd.DataFrame, family: str
) -> tuple[list[JobResult], pd.DataFrame]:
    """Return results and manifest with wrong labels, predictions and validation scores of a family.

    A selection for this family that reads none of them stays the same.

    Args:
        results: results of jobs.
        usable: usable rows, index 0..n-1.
        family: the family.
    """
    is_member, first_class = usable["family"] == family, usable["emotion"].min()
    corpora = set(usable.loc[is_member, "corpus"])

    def corrupted(result: JobResult) -> JobResult:
        rows = is_member.to_numpy()[result.job.test]
        probabilities = np.where(rows[:, None], np.roll(result.probabilities, 1, axis=1), result.probabilities)
        validation = {corpus: 0.0 if corpus in corpora else uar for corpus, uar in result.validation_uar.items()}
        validated = is_member.to_numpy()[result.validated_rows]
        left_out = np.where(
            validated[:, None], np.roll(result.validation_probabilities, 1, axis=1), result.validation_probabilities
        )
        return replace(
            result, probabilities=probabilities, validation_uar=validation, validation_probabilities=left_out
        )

    emotion = usable["emotion"].where(~is_member, first_class)
    return [corrupted(result) for result in results], usable.assign(emotion=emotion)


def _chooses_by_corpora(training: Training, families: int) -> bool:
    """Whether a training on so many families chooses by corpora."""
    enough = {"auto": inner_folds.AUTO_FAMILIES, "corpora": inner_folds.MIN_FAMILIES}
    return families >= enough.get(training.choose_by, np.inf)


def _loco_results(results: Iterable[JobResult]) -> dict[str, dict[str, list[JobResult]]]:
    """Held-out family -> system -> its LOCO results, one per seed."""
    by_family: dict[str, dict[str, list[JobResult]]] = {}
    for result in results:
        system, cell = result.job.system, result.job.cell
        if cell.protocol == "loco":
            by_family.setdefault(cell.held_out, {}).setdefault(system, []).append(result)
    return by_family


def _on_validation(results: Iterable[JobResult], classes: int) -> Iterator[tuple]:
    """Held-out family, system, training corpus, and the score of free predictions on its validation speakers."""
    for result in results:
        system, cell = result.job.system, result.job.cell
        if cell.protocol == "loco":
            for corpus, uar in result.validation_uar.items():
                yield cell.held_out, system, corpus, stats.chance_corrected(uar, classes)


def _on_held_out(inner: Iterable[JobResult], usable: pd.DataFrame, classes: tuple[str, ...]) -> Iterator[tuple]:
    """Held-out family, system, training corpus, and the score of restricted predictions with this corpus held out, too.

    A training without two families is tested on both: its score on one of them selects a system for the other.
    """
    labels, corpora = pd.Index(classes).get_indexer(usable["emotion"]), usable["corpus"].to_numpy(str)
    families = usable["family"].to_numpy(str)
    for result in inner:
        system, cell = result.job.system, result.job.cell
        pair, test = cell.held_out.split("+"), result.job.test
        for corpus in sorted(set(corpora[test])):
            rows = corpora[test] == corpus
            test_classes = np.unique(labels[corpora == corpus])
            score = _restricted_score(result.probabilities[rows], labels[test][rows], test_classes)
            [held_out] = set(pair) - set(families[test][rows])
            yield held_out, system, corpus, score


def _on_left_out(results: Iterable[JobResult], usable: pd.DataFrame, classes: tuple[str, ...]) -> Iterator[tuple]:
    """Held-out family, system, training corpus, and the score of the predictions of folds that left this corpus out."""
    labels, corpora = pd.Index(classes).get_indexer(usable["emotion"]), usable["corpus"].to_numpy(str)
    for result in results:
        system, rows = result.job.system, result.validated_rows
        for corpus in sorted(set(corpora[rows])):
            own = corpora[rows] == corpus
            test_classes = np.unique(labels[corpora == corpus])
            score = _restricted_score(result.validation_probabilities[own], labels[rows][own], test_classes)
            yield result.job.cell.held_out, system, corpus, score


def _restricted_score(probabilities: np.ndarray, labels: np.ndarray, test_classes: np.ndarray) -> float:
    """The chance-corrected UAR of predictions among some classes."""
    predicted = stats.restrict(probabilities, test_classes)
    confusion = stats.confusion(labels, predicted, probabilities.shape[1])
    return stats.chance_corrected(stats.uar(confusion), stats.classes_present(confusion))


def _coverage(systems: dict[str, list[JobResult]], usable: pd.DataFrame) -> dict[str, float]:
    """System -> the smallest share of a held-out corpus that it predicts, of what any system predicts."""
    counts = pd.DataFrame(
        {system: usable["corpus"].iloc[results[0].job.test].value_counts() for system, results in systems.items()}
    )
    return counts.fillna(0).div(counts.max(axis=1), axis=0).min().to_dict()


def configuration_counts(results: list[JobResult]) -> tuple[int, int]:
    """Return the number of settings, and the largest number of epochs, that the trainings of a system compared.

    A choice lists them. Without folds, the history of a training has one entry for each of them.
    """
    if choices := [result.choice for result in results if result.choice is not None]:
        return max(len(one.compared) for one in choices), max(one.epochs for one in choices)
    longest = max(len(result.history) for result in results)
    return (1, longest) if results[0].job.spec.is_network else (longest, 0)


def _count_columns(inner: pd.DataFrame) -> dict:
    counts = {"systems": len(inner), "configurations": inner["configurations"].sum(), "epochs": inner["epochs"].max()}
    return {"by": inner["by"].iloc[0], **counts}


def _with_mean(rows: list[dict], inner: pd.DataFrame) -> pd.DataFrame:
    """The rows as a table, with the means over corpora at the end of each kind of predictions."""
    scores = [INNER_SCORE + system for system in dict.fromkeys(inner["system"])]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *scores])
    frame = frame.astype({"value": float, "naive_value": float})
    means, by_system = [], inner.groupby("system").max()
    for answers, part in frame.groupby("answers", sort=True):
        values = {
            name: stats.chance_corrected(part[name].to_numpy(), 1 / part["chance"].to_numpy(float)).mean()
            for name in ("value", "naive_value")
        }
        row = {"test_corpus": MEAN, "answers": answers, "metric": "UAR_chance_corrected"}
        row |= {name: bool(part[name].any()) for name in FLAGS}
        means.append(row | values | _count_columns(by_system))
    table = pd.DataFrame([*frame.to_dict("records"), *means], columns=frame.columns)
    points = 100 * (table["naive_value"] - table["value"]).astype(float)
    table = table.assign(points=points, classes=table["classes"].astype("Int64"))
    table = table.astype(dict.fromkeys(FLAGS, bool))
    return table.sort_values("answers", kind="stable", ignore_index=True)
