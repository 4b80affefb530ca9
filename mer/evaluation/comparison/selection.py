"""Which system is taken for a held-out family, chosen by what its training corpora say and by nothing else.

The systems of a study are candidates. Each is scored inside the training corpora of a LOCO cell; the best goes to the
one test. What a pick on the tests themselves would have claimed stands beside it: the difference is what choosing by
the test adds to a number without adding anything to a system.

The inner score is a mean over training corpora, and over seeds, of the chance-corrected UAR. By `validation` it is that
of the validation speakers, who have chosen epoch and strength already; their corpora have taught the model. By
`inner_loco` it is that of each training corpus as a stranger to models that have seen neither it nor the held-out
family, with answers among its own classes: only then is guessing 0. Where a system has no answer to a training corpus
that others answer, it guesses there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mer import stats
from mer.dataset.identity import duplicates
from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.protocols.cells import INNER, Cell, inner_loco
from mer.evaluation.scores.flags import FLAGS
from mer.params.schema import SELECTED, Evaluation
from mer.training.job import JobResult

MIN_COVERAGE = 0.95
"""share of the clips of each held-out corpus, of those that any system answers, that a candidate has to answer: who
answers fewer is scored on other clips. A damaged recording shuts nobody out"""
INNER_COLUMNS = ["held_out", "system", "by", "score", "candidate", "configurations", "epochs"]
COLUMNS = [
    "held_out", "test_corpus", "answers", "metric", "by", "chosen", "value", "naive", "naive_value", "points",
    "classes", "chance", "systems", "configurations", "epochs", *FLAGS,
]  # fmt: skip
INNER_SCORE = "inner score of "


def plan(
    usable: pd.DataFrame,
    corpora: list[str],
    evaluation: Evaluation,
    systems: int,
    near: pd.DataFrame = duplicates.NO_DUPLICATES,
) -> list[Cell]:
    """Return the trainings that choosing needs beside those of the protocols.

    None for `validation`, where LOCO is not asked for, for one system, and where a training set would have nothing left
    to train on once it is parted again: with two families.

    Args:
        usable: usable rows, index 0..n-1.
        corpora: those that are scored.
        near: near-duplicates, as from `duplicates.load`.

    Raises:
        ValueError: as `protocols.plan`.
    """
    asked = evaluation.selection == "inner_loco" and "loco" in evaluation.protocols
    return inner_loco(usable, corpora, near, evaluation.accept_duplicates) if asked and systems > 1 else []


def inner_scores(done: list[JobResult], usable: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return what each system scores inside the training corpora of each LOCO cell.

    Args:
        done: results of the grid, of any protocols; those of inner LOCO decide where there are any, else the
            validation speakers of LOCO.

    Returns:
        held_out (family), system in the study's order, by (validation or inner_loco), score (chance-corrected; NaN
        where nothing inside could be scored), candidate (whether it answers enough of the held-out corpora,
        `COVERED`), configurations (settings among which validation chose one), epochs (of networks, the same).
    """
    inner = [item for item in done if item.job.cell.protocol == INNER]
    found = _on_held_out(inner, usable, classes) if inner else _on_validation(done, len(classes))
    scores = pd.DataFrame(found, columns=["held_out", "system", "corpus", "score"]).dropna()
    rows = []
    for held_out, systems in _loco_results(done).items():
        part = scores[scores["held_out"] == held_out]
        wide = part.pivot_table(index="system", columns="corpus", values="score").reindex(list(systems))
        means = wide.fillna(0.0).mean(axis=1)  # NaN without any corpus
        covers = _coverage(systems, usable)
        for system, items in systems.items():
            tried, epochs = _configuration_counts(items)
            by = "inner_loco" if inner else "validation"
            rows.append((held_out, system, by, means[system], covers[system] >= MIN_COVERAGE, tried, epochs))
    return pd.DataFrame(rows, columns=INNER_COLUMNS).astype({"score": float, "candidate": bool})


def best_systems(inner: pd.DataFrame) -> dict[str, str]:
    """Return held-out family -> the candidate with the highest inner score; ties go to the study's first.

    A family of which no system answers enough is left out.

    Args:
        inner: as from `inner_scores`.
    """
    candidates = inner[inner["candidate"]]
    score = candidates["score"].round(12).fillna(-np.inf)  # the order of a sum decides nothing
    best = score.groupby(candidates["held_out"], sort=True).idxmax()
    return dict(zip(best.index, inner.loc[best, "system"], strict=True))


def with_selected(predictions: pd.DataFrame, picked: dict[str, str]) -> pd.DataFrame:
    """Return predictions with those of the chosen systems once more, as system `selected`: nothing is tested twice.

    With one system there is nothing to choose, and nothing is added.

    Args:
        picked: as from `chosen`.
    """
    loco = predictions[predictions["protocol"] == "loco"]
    if loco["system"].nunique() < 2:
        return predictions
    kept = loco[loco["family"].map(picked) == loco["system"]]
    transductive = bool(kept["transductive"].any())  # one row of the results, marked where any of its choices is
    return pd.concat([predictions, kept.assign(system=SELECTED, transductive=transductive)], ignore_index=True)


def table(inner: pd.DataFrame, results: pd.DataFrame, usable: pd.DataFrame) -> pd.DataFrame:
    """Return what was chosen, what it scores, and what the best pick on each test would have claimed.

    Args:
        inner: as from `inner_scores`.
        results: as from `scores.score`.

    Returns:
        `COLUMNS` and the inner score of every system; a row per held-out corpus and kind of answers, and one for the
        mean over corpora, chance-corrected. `MARKS` hold where they do for any system there. naive is the candidate
        with the highest test score; points: 100 times by how much it is ahead, which is the least that choosing by the
        test adds: what a system's other settings would have scored there was never looked at. systems, configurations
        and epochs: how many were tried, those of systems that were no candidates among them; epochs are the most that
        a network trained, and each chose one of its own.
    """
    picked, family = best_systems(inner), usable.groupby("corpus")["family"].first()
    is_mean = results["seed"].isna() & (results["metric"] == "UAR") & (results["protocol"] == "loco")
    outer = results[is_mean & (results["system"] != SELECTED)]
    rows = []
    for (corpus, answers), part in outer.groupby(["test_corpus", "answers"], sort=True):
        held_out, value = family[corpus], part.set_index("system")["value"]
        if held_out not in picked:
            continue
        cell = inner[inner["held_out"] == held_out].set_index("system")
        naive = value.reindex(cell.index[cell["candidate"]]).idxmax()
        about = {"held_out": held_out, "test_corpus": corpus, "answers": answers, "metric": "UAR"}
        about |= {"chosen": picked[held_out], "value": value[picked[held_out]]}
        about |= {
            "naive": naive,
            "naive_value": value[naive],
            "classes": part["classes"].max(),
            "chance": part["chance"].max(),
            **{name: bool(part[name].any()) for name in FLAGS},
        }
        rows.append(about | _count_columns(cell) | cell["score"].add_prefix(INNER_SCORE).to_dict())
    return _with_mean(rows, inner)


def with_corrupted_family(
    done: list[JobResult], usable: pd.DataFrame, family: str
) -> tuple[list[JobResult], pd.DataFrame]:
    """Return results and manifest in which all that is known of a family is wrong: labels, answers, validation scores.

    A choice that is made without the family stays the same.
    """
    wrong, first = usable["family"] == family, usable["emotion"].min()
    members = set(usable.loc[wrong, "corpus"])

    def turned(item: JobResult) -> JobResult:
        mine = wrong.to_numpy()[item.job.test]
        probabilities = np.where(mine[:, None], np.roll(item.probabilities, 1, axis=1), item.probabilities)
        validation = {corpus: 0.0 if corpus in members else uar for corpus, uar in item.validation_uar.items()}
        return replace(item, probabilities=probabilities, validation_uar=validation)

    return [turned(item) for item in done], usable.assign(emotion=usable["emotion"].where(~wrong, first))


def _loco_results(done: Iterable[JobResult]) -> dict[str, dict[str, list[JobResult]]]:
    """Held-out family -> system -> its LOCO results, one per seed."""
    found: dict[str, dict[str, list[JobResult]]] = {}
    for item in done:
        system, cell = item.job.system, item.job.cell
        if cell.protocol == "loco":
            found.setdefault(cell.held_out, {}).setdefault(system, []).append(item)
    return found


def _on_validation(done: Iterable[JobResult], classes: int) -> Iterator[tuple]:
    """Held-out family, system, training corpus and what its validation speakers score with free answers."""
    for item in done:
        system, cell = item.job.system, item.job.cell
        if cell.protocol == "loco":
            for corpus, uar in item.validation_uar.items():
                yield cell.held_out, system, corpus, stats.chance_corrected(uar, classes)


def _on_held_out(inner: Iterable[JobResult], usable: pd.DataFrame, classes: tuple[str, ...]) -> Iterator[tuple]:
    """The same with each training corpus held out, too.

    A training that leaves out two families tests each of them for the other's sake.
    """
    labels, corpora = pd.Index(classes).get_indexer(usable["emotion"]), usable["corpus"].to_numpy(str)
    families = usable["family"].to_numpy(str)
    for item in inner:
        system, cell = item.job.system, item.job.cell
        pair, test = cell.held_out.split("+"), item.job.test
        for corpus in sorted(set(corpora[test])):
            mine = corpora[test] == corpus
            own = np.unique(labels[corpora == corpus])
            answers = stats.restrict(item.probabilities[mine], own)
            confusion = stats.confusion(labels[test][mine], answers, len(classes))
            score = stats.chance_corrected(stats.uar(confusion), stats.classes_present(confusion))
            [held_out] = set(pair) - set(families[test][mine])
            yield held_out, system, corpus, score


def _coverage(systems: dict[str, list[JobResult]], usable: pd.DataFrame) -> dict[str, float]:
    """System -> the smallest share that it answers of a held-out corpus, of what any system answers."""
    counts = pd.DataFrame({s: usable["corpus"].iloc[items[0].job.test].value_counts() for s, items in systems.items()})
    return counts.fillna(0).div(counts.max(axis=1), axis=0).min().to_dict()


def _configuration_counts(items: list[JobResult]) -> tuple[int, int]:
    """How many settings a system's trainings compared, and the most epochs: their histories have one entry for each."""
    most = max(len(item.history) for item in items)
    return (1, most) if items[0].job.spec.is_network else (most, 0)


def _count_columns(cell: pd.DataFrame) -> dict:
    counts = {"systems": len(cell), "configurations": cell["configurations"].sum(), "epochs": cell["epochs"].max()}
    return {"by": cell["by"].iloc[0], **counts}


def _with_mean(rows: list[dict], inner: pd.DataFrame) -> pd.DataFrame:
    scores = [INNER_SCORE + system for system in dict.fromkeys(inner["system"])]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *scores])
    frame = frame.astype({"value": float, "naive_value": float})
    means, everything = [], inner.groupby("system").max()
    for answers, part in frame.groupby("answers", sort=True):
        values = {
            name: stats.chance_corrected(part[name].to_numpy(), 1 / part["chance"].to_numpy(float)).mean()
            for name in ("value", "naive_value")
        }
        about = {"test_corpus": MEAN, "answers": answers, "metric": "UAR_chance_corrected"}
        about |= {name: bool(part[name].any()) for name in FLAGS}
        means.append(about | values | _count_columns(everything))
    whole = pd.DataFrame([*frame.to_dict("records"), *means], columns=frame.columns)
    points = 100 * (whole["naive_value"] - whole["value"]).astype(float)
    whole = whole.assign(points=points, classes=whole["classes"].astype("Int64"))
    whole = whole.astype(dict.fromkeys(FLAGS, bool))
    return whole.sort_values("answers", kind="stable", ignore_index=True)
