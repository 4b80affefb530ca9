"""The negative control: with labels that mean nothing, every protocol has to answer at chance.

Labels are permuted within each speaker, so that features tell nothing about them, while the splits, the label shares
of speakers and corpora, the inner choices and the scoring stay what they are. What is above chance then was let in by
the pipeline: a test row that trained, a choice that saw the test, a class that was guessed from what is not emotion.

Chance has two levels. With answers restricted to the classes of the target it is 1/k where speakers have the same
label shares. Where they differ, whoever recognises a speaker (or a dialogue, a corpus, a room) may guess that speaker's
usual label without hearing any emotion, and permuting within speakers leaves that possible. `guessing` is this level,
exactly: the expectation of the UAR over all permutations of the tested labels within speakers, the answers as given,

    1/k Σ_c Σ_s n_sc / n_c · q_sc,    n_sc clips of class c by speaker s, q_sc the share of them that c is answered.

Restricted answers of one kind for everybody give 1/k. Free answers give less where some lie outside of the target's
classes. UAR beyond `guessing` is what no shortcut over speakers explains, and UAR beyond 1/k what a reader would see.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from mer import stats
from mer.evaluation.protocols import jobs as study
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.scores import scores
from mer.params.schema import System, Training
from mer.training import ensemble, grid
from mer.training.task import Task

KEYS = ["system", "protocol", "train_corpora", "test_corpus"]
MAX_DISTANCE = 0.02
"""how far from chance the mean over permutations may lie"""
PROTOCOLS, PERMUTATIONS, STRENGTH = ("in_corpus", "loco"), 3, 0.01
"""of the small control that every study runs, and its one inverse regularisation: strengths tried cost threefold"""
ALARM_RATE = 0.001
"""how often a sound evaluation may be called leaking, all corpora together"""
COLUMNS = ["protocol", "test_corpus", "UAR", "low", "high", "expected", "chance", "n", "leaks"]


def with_permuted_labels(task: Task, manifest: pd.DataFrame, seed: int) -> tuple[Task, pd.DataFrame]:
    """Return task and manifest with what each speaker felt dealt anew among the speaker's own rows.

    Everything that is answered moves together: the class, and the votes that networks may be trained towards.

    Args:
        manifest: usable rows, index 0..n-1.
    """
    order = shuffle_within(manifest["corpus"].astype(object) + "|" + manifest["speaker_id"].astype(object), seed)
    answers = {kind: values[order] for kind, values in task.targets.items()}
    emotion = pd.Series(manifest["emotion"].to_numpy()[order], manifest.index)
    return replace(task, labels=task.labels[order], targets=answers), manifest.assign(emotion=emotion)


def run_control(
    task: Task, manifest: pd.DataFrame, cells: list[Cell], inputs: tuple[str, ...], classes: tuple[str, ...], *,
    seed: int = 0, engine: grid.Engine | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return what a logistic regression scores on permuted labels within each corpus and held out of it, by the study's
    own cells and features: the small control that every study can afford.

    Args:
        cells: planned with the true labels; those of `PROTOCOLS` count.
        inputs: names of the inputs of the regression, such as those of the reference.

    Returns:
        `COLUMNS`, a row per protocol and corpus, restricted answers. UAR: mean over permutations; expected: what it
        would be if nothing leaked (`guessing`); low, high: of the UAR, 95 % by the normal distribution and the exact
        variance over permutations of the tested labels, twice that where folds take turns to train and to test; leaks:
        whether the UAR is above what is expected, one-sided, adjusted after Holm [1979] over all rows.
    """
    cells = [cell for cell in cells if cell.protocol in PROTOCOLS]
    system, training = System(model="logistic", inputs=inputs), Training(inverse_regularisation=(STRENGTH,))
    try:
        table = run_all_protocols(task, manifest, cells, {"logistic": system}, training, classes,
                    permutations=PERMUTATIONS, seed=seed, engine=engine)  # fmt: skip
    except study.NothingToTrain:
        return pd.DataFrame(columns=COLUMNS)
    table = table[table["answers"] == "restricted"]
    found = table.groupby(["protocol", "test_corpus"], sort=True).agg(
        UAR=("UAR", "mean"),
        error=("deviation", lambda each: np.sqrt(np.square(each).sum()) / len(each)),
        expected=("guessing", "mean"),
        chance=("chance", "first"),
        n=("n", "first"),
    )
    found = found.reset_index()
    p = np.where(
        found["error"] > 0, ndtr((found["expected"] - found["UAR"]) / found["error"].where(lambda e: e > 0)), 1
    )
    reach = ndtri(0.975) * found["error"]
    leaks = np.array(stats.holm(p)) < ALARM_RATE
    return found.assign(low=found["UAR"] - reach, high=found["UAR"] + reach, leaks=leaks)[COLUMNS]


def sentence(found: pd.DataFrame) -> str:
    """Say whether scores are at chance where labels mean nothing.

    Args:
        found: as from `of_corpora`.
    """
    if found.empty:
        return "No corpus could be trained on permuted labels."
    leaking = found[found["leaks"]]
    if leaking.empty:
        far = (found["UAR"] - found["expected"]).max()
        return f"Labels that mean nothing are answered at chance everywhere ({far:+.3f} from what is expected at most)."
    told = [
        f"{r.protocol} of {r.test_corpus} (UAR {r.UAR:.2f}, expected {r.expected:.2f})" for r in leaking.itertuples()
    ]
    return f"The evaluation leaks: labels that mean nothing are answered above chance: {', '.join(told)}."


def shuffle_within(groups: pd.Series, seed: int) -> np.ndarray:
    """Return row numbers in an order that keeps every row within its group; int of shape (rows,).

    >>> order = shuffle_within(pd.Series(["a", "b", "a", "b"]), seed=0)
    >>> sorted(order[[0, 2]].tolist()), sorted(order[[1, 3]].tolist())
    ([0, 2], [1, 3])
    """
    generator, order = np.random.default_rng(seed), np.arange(len(groups))
    for _, rows in sorted(groups.reset_index(drop=True).groupby(groups.to_numpy()).indices.items()):
        order[rows] = generator.permutation(rows)
    return order


def run_all_protocols(task: Task, manifest: pd.DataFrame, cells: list[Cell], systems: Mapping[str, System],
        training: Training,
        classes: tuple[str, ...], *, permutations: int = 20, seed: int = 0, engine: grid.Engine | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Train and test every cell on permuted labels; each permutation has its own seed, for networks too.

    Args:
        cells: of all protocols, planned with the true labels: splits stay as they are.

    Returns:
        columns system, protocol, train_corpora, test_corpus, permutation, answers, UAR, chance (1/k), guessing,
        deviation (of the UAR over permutations of the tested labels), n.
    """
    engine, parts = engine or grid.Engine(), []
    for number in range(permutations):
        dealt, table = with_permuted_labels(task, manifest, seed + number)
        jobs, _ = study.plan_jobs(cells, dict(systems), training, (seed + number,), dealt)
        results = grid.run_jobs(dealt, jobs, engine)
        results += ensemble.results(dealt, results, systems)
        answered = scores.predictions(results, table, classes, dealt.features.present)
        parts.append(_scored(answered, classes).assign(permutation=number))
    return pd.concat(parts, ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far each system and protocol lies from chance, mean over cells, then over permutations.

    Args:
        table: as from `run`.

    Returns:
        columns system, protocol, answers, cells, permutations, UAR, above_chance (UAR - 1/k), above_guessing, error
        (of above_chance, its standard error over permutations), passed. What must hold is that restricted answers lie
        within `BOUND` of 1/k, and free ones not above it: an answer that the target does not have is an error there.
    """
    gaps = table.assign(above_chance=table["UAR"] - table["chance"], above_guessing=table["UAR"] - table["guessing"])
    keys = ["system", "protocol", "answers"]
    each = gaps.groupby([*keys, "permutation"])[["UAR", "above_chance", "above_guessing"]].mean()
    whole = each.groupby(keys).mean()
    whole["error"] = each.groupby(keys)["above_chance"].sem()
    whole["cells"] = gaps.drop_duplicates([*KEYS, "answers"]).groupby(keys).size()
    whole["permutations"] = gaps.groupby(keys)["permutation"].nunique()
    whole = whole.reset_index()
    free, gap = whole["answers"] == "free", whole["above_chance"]
    return whole.assign(passed=gap.abs().where(~free, gap) <= MAX_DISTANCE)


def guessing(truth: np.ndarray, answers: np.ndarray, speakers: np.ndarray, classes: int) -> float:
    """Return the expected UAR of these answers if each speaker's labels were in any order; in [0, 1].

    Args:
        truth, answers: class numbers, (n,).
        speakers: (n,).

    >>> one = np.array([0, 0, 1, 1])
    >>> guessing(one, one, np.array(["a", "a", "b", "b"]), 2)  # who knows the speaker knows the class
    1.0
    >>> guessing(one, one, np.array(["a", "b", "a", "b"]), 2)
    0.5
    """
    counts, _ = stats.cluster_confusions(truth, answers, speakers, classes)
    return stats.permuted(counts)[0]


def _scored(answered: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    number, rows = {c: i for i, c in enumerate(classes)}, []
    for key, part in answered.groupby(KEYS, sort=True):  # in-corpus folds are pooled
        truth, speakers = part["emotion"].map(number).to_numpy(int), part["speaker_id"].to_numpy(str)
        for kind in scores.ANSWERS:
            given = part[kind].map(number).to_numpy(int)
            counts, _ = stats.cluster_confusions(truth, given, speakers, len(classes))
            confusion = counts.sum(axis=0)
            expected, deviation = stats.permuted(counts)
            deviation *= np.sqrt(2.0 if part["fold"].nunique() > 1 else 1.0)
            rows.append((*key, kind, stats.uar(confusion), 1 / stats.classes_present(confusion), expected, deviation,
                         len(part)))  # fmt: skip
    return pd.DataFrame(rows, columns=[*KEYS, "answers", "UAR", "chance", "guessing", "deviation", "n"])
