"""The negative control: on permuted labels, every protocol must score at chance.

Labels are permuted within each speaker. Features then contain no information about them. The splits, the label shares
of speakers and corpora, the selection and the scoring stay as they are. Any score above chance is therefore an error of
the evaluation: test rows in training, selection on test scores, or a cue that reveals the class without emotion.

Chance has two levels. Restricted predictions score 1/k if speakers have the same label shares. If these shares differ,
a model that recognises the speaker (or a dialogue, a corpus, a room) can predict the speaker's most frequent label
without any emotion, and permuted labels still allow that. `guessing` is this higher level: the expectation of the UAR
over all permutations of the test labels within speakers, with the predictions as they are,

    1/k Σ_c Σ_s n_sc / n_c · q_sc,    n_sc clips of class c by speaker s, q_sc the share of them that is predicted as c.

It is 1/k for restricted predictions with the same shares for all speakers, and lower for free predictions outside the
classes of the test corpus. No shortcut over speakers explains a UAR above `guessing`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from mer import stats
from mer.evaluation.protocols import jobs as planning
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.scores import scores
from mer.params.schema import System, Training
from mer.training import ensemble, grid
from mer.training.task import Task

KEYS = ["system", "protocol", "train_corpora", "test_corpus"]
"""The columns that identify the scores of one permutation."""
MAX_DISTANCE = 0.02
"""The largest distance from chance of a mean UAR over permutations that passes."""
PROTOCOLS = ("in_corpus", "loco")
"""The protocols of the small control (`run_control`)."""
PERMUTATIONS = 3
"""The number of permutations of the small control."""
INVERSE_REGULARISATION = 0.01
"""The one inverse regularisation of the small control; a grid of several would multiply its time."""
ALARM_RATE = 0.001
"""The probability that the small control reports a leak of a correct evaluation, over all of its rows."""
COLUMNS = ["protocol", "test_corpus", "UAR", "low", "high", "expected", "chance", "n", "leaks"]
"""The columns of `run_control`."""


@dataclass(frozen=True)
class NegativeControl:
    """The trainings of a negative control.

    Attributes:
        cells: cells of a plan with the true labels; their rows do not change.
        systems: name -> system; an ensemble needs its members among them.
        training: training parameters of the study.
        permutations: number of permutations of the labels.
        seed: seed of the first permutation; each permutation, and the trainings on it, have a seed of their own.
    """

    cells: list[Cell]
    systems: Mapping[str, System]
    training: Training
    permutations: int = 20
    seed: int = 0


def with_permuted_labels(task: Task, manifest: pd.DataFrame, seed: int) -> tuple[Task, pd.DataFrame]:
    """Return task and manifest with the labels of each speaker permuted among the speaker's rows.

    The class and the annotators' votes of a row, which may be training targets, move together.

    Args:
        task: features and classes of the usable rows.
        manifest: usable rows, index 0..n-1.
        seed: seed of the permutation.
    """
    order = shuffle_within(manifest["corpus"].astype(object) + "|" + manifest["speaker_id"].astype(object), seed)
    emotion = pd.Series(manifest["emotion"].to_numpy()[order], manifest.index)
    return task.reordered(order), manifest.assign(emotion=emotion)


def run_control(
    task: Task,
    manifest: pd.DataFrame,
    cells: list[Cell],
    inputs: tuple[str, ...],
    classes: tuple[str, ...],
    engine: grid.Engine | None = None,
) -> pd.DataFrame:
    """Train a logistic regression on permuted labels in the cells of `PROTOCOLS`: a small control for every study.

    Args:
        task: features and classes of the usable rows.
        manifest: usable rows, index 0..n-1.
        cells: cells that were planned with the true labels; those of other protocols are ignored.
        inputs: names of the inputs of the regression, such as those of the reference.
        classes: the classes of the policy, in order.
        engine: carries out the jobs.

    Returns:
        `COLUMNS`, one row per protocol and corpus, for restricted predictions. UAR: mean over permutations. expected:
        its expectation without a leak (`guessing`). low, high: 95 % interval of the UAR, by the normal distribution and
        the exact variance over permutations of the test labels; the variance is doubled if folds take turns as training
        and test part. leaks: whether the UAR is significantly above its expectation, one-sided, adjusted after Holm
        [1979] over all rows. No row if nothing can be trained.
    """
    system = System(model="logistic", inputs=inputs)
    training = Training(inverse_regularisation=(INVERSE_REGULARISATION,), choose_by="speakers")  # nothing to choose
    cells = [cell for cell in cells if cell.protocol in PROTOCOLS]
    control = NegativeControl(cells, {"logistic": system}, training, PERMUTATIONS)
    try:
        table = run_all_protocols(task, manifest, classes, control, engine)
    except planning.NothingToTrain:
        return pd.DataFrame(columns=COLUMNS)
    table = table[table["answers"] == "restricted"]
    by_corpus = table.groupby(["protocol", "test_corpus"], sort=True).agg(
        UAR=("UAR", "mean"),
        error=("deviation", lambda each: np.sqrt(np.square(each).sum()) / len(each)),
        expected=("guessing", "mean"),
        chance=("chance", "first"),
        n=("n", "first"),
    )
    rows = by_corpus.reset_index()
    excess = rows["UAR"] - rows["expected"]
    p = np.where(rows["error"] > 0, ndtr(-excess / rows["error"].where(lambda e: e > 0)), 1)
    half_width = ndtri(0.975) * rows["error"]
    leaks = np.array(stats.holm(p)) < ALARM_RATE
    return rows.assign(low=rows["UAR"] - half_width, high=rows["UAR"] + half_width, leaks=leaks)[COLUMNS]


def sentence(control: pd.DataFrame) -> str:
    """Return whether scores on permuted labels are at chance.

    Args:
        control: as from `run_control`.
    """
    if control.empty:
        return "No corpus could be trained on permuted labels."
    leaking = control[control["leaks"]]
    if leaking.empty:
        largest = (control["UAR"] - control["expected"]).max()
        return f"All scores on permuted labels are at chance (at most {largest:+.3f} from the expected UAR)."
    rows = [
        f"{r.protocol} of {r.test_corpus} (UAR {r.UAR:.2f}, expected {r.expected:.2f})" for r in leaking.itertuples()
    ]
    return f"The evaluation leaks: scores on permuted labels are above chance: {', '.join(rows)}."


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


def run_all_protocols(
    task: Task,
    manifest: pd.DataFrame,
    classes: tuple[str, ...],
    control: NegativeControl,
    engine: grid.Engine | None = None,
) -> pd.DataFrame:
    """Train and test every cell of a control on permuted labels.

    Args:
        task, manifest, classes, engine: as for `run_control`.
        control: the cells and systems, and the number of permutations.

    Returns:
        columns system, protocol, train_corpora, test_corpus, permutation, answers, UAR, chance (1/k), guessing,
        deviation (standard deviation of the UAR over permutations of the test labels), n.
    """
    engine, parts = engine or grid.Engine(), []
    for number in range(control.permutations):
        seed = control.seed + number
        permuted_task, permuted_manifest = with_permuted_labels(task, manifest, seed)
        jobs, _ = planning.plan_jobs(control.cells, dict(control.systems), control.training, (seed,), permuted_task)
        results = grid.run_jobs(permuted_task, jobs, engine)
        results += ensemble.results(permuted_task, results, control.systems)
        predicted = scores.predictions(results, permuted_manifest, classes, task.features.present)
        parts.append(_scored(predicted, classes).assign(permutation=number))
    return pd.concat(parts, ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return the distance of each system and protocol from chance: means over cells, then over permutations.

    Args:
        table: as from `run_all_protocols`.

    Returns:
        columns system, protocol, answers, cells, permutations, UAR, above_chance (UAR - 1/k), above_guessing, error
        (standard error of above_chance over permutations), passed. Restricted predictions pass if they are within
        `MAX_DISTANCE` of 1/k. Free predictions pass if they are not above that range: those outside the classes of the
        test corpus are errors, so their UAR may be lower.
    """
    gaps = table.assign(above_chance=table["UAR"] - table["chance"], above_guessing=table["UAR"] - table["guessing"])
    keys = ["system", "protocol", "answers"]
    by_permutation = gaps.groupby([*keys, "permutation"])[["UAR", "above_chance", "above_guessing"]].mean()
    means = by_permutation.groupby(keys).mean()
    means["error"] = by_permutation.groupby(keys)["above_chance"].sem()
    means["cells"] = gaps.drop_duplicates([*KEYS, "answers"]).groupby(keys).size()
    means["permutations"] = gaps.groupby(keys)["permutation"].nunique()
    means = means.reset_index()
    is_free, gap = means["answers"] == "free", means["above_chance"]
    return means.assign(passed=gap.abs().where(~is_free, gap) <= MAX_DISTANCE)


def guessing(truth: np.ndarray, predicted: np.ndarray, speakers: np.ndarray, classes: int) -> float:
    """Return the expected UAR of these predictions over all orders of the labels within each speaker; in [0, 1].

    Args:
        truth: class numbers, (n,).
        predicted: class numbers, (n,).
        speakers: names, (n,).
        classes: number of classes.

    >>> labels = np.array([0, 0, 1, 1])
    >>> guessing(labels, labels, np.array(["a", "a", "b", "b"]), 2)  # the speaker determines the class
    1.0
    >>> guessing(labels, labels, np.array(["a", "b", "a", "b"]), 2)
    0.5
    """
    counts, _ = stats.cluster_confusions(truth, predicted, speakers, classes)
    return stats.permuted(counts)[0]


def _scored(predictions: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """The scores of one permutation: `KEYS`, answers, UAR, chance, guessing, deviation, n."""
    number, rows = {c: i for i, c in enumerate(classes)}, []
    for key, part in predictions.groupby(KEYS, sort=True):  # the folds of a corpus are pooled
        truth, speakers = part["emotion"].map(number).to_numpy(int), part["speaker_id"].to_numpy(str)
        for answers in scores.ANSWERS:
            predicted = part[answers].map(number).to_numpy(int)
            counts, _ = stats.cluster_confusions(truth, predicted, speakers, len(classes))
            confusion = counts.sum(axis=0)
            expected, deviation = stats.permuted(counts)
            deviation *= np.sqrt(2.0 if part["fold"].nunique() > 1 else 1.0)
            uar, chance = stats.uar(confusion), 1 / stats.classes_present(confusion)
            rows.append((*key, answers, uar, chance, expected, deviation, len(part)))
    return pd.DataFrame(rows, columns=[*KEYS, "answers", "UAR", "chance", "guessing", "deviation", "n"])
