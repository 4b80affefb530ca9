r"""Ensembles: the weighted mean of the members' log-probabilities (logarithmic opinion pool).

.. math:: p(c) = \frac{\prod_j p_j(c)^{w_j}}{\sum_k \prod_j p_j(k)^{w_j}}, \quad w_j \ge 0, \quad \sum_j w_j = 1

Genest and Zidek 1986, "Combining probability distributions", Statistical Science 1(1), section 3; for classifiers
Hinton 2002, "Training products of experts", Neural Computation 14(8). The members' probabilities are calibrated.

The members are other systems, or those systems trained on each training family alone (`members_per: family`). The
second kind combines source corpora (domain experts; Mansour, Mohri and Rostamizadeh 2009, "Domain adaptation with
multiple sources"). A model of one family knows the classes of this family only: `with_unknown_classes`.
"""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, softmax

from mer.params.schema import System
from mer.training.job import Job, JobResult
from mer.training.task import Task

MIN_WEIGHT = 1e-6
"""The smallest fitted weight of a member; a smaller one becomes 0."""


def combine(probabilities: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Return the softmax of the weighted mean of log-probabilities.

    A class to which a member with a positive weight gives probability 0 has probability 0. If that is so for all
    classes of a row, the row has the weighted mean of the probabilities instead.

    Args:
        probabilities: of each member, shape (n, classes).
        weights: of each member, at least 0; they sum to 1.

    Returns:
        float64 of shape (n, classes); each row sums to 1.

    >>> combine([np.array([[0.8, 0.2]]), np.array([[0.5, 0.5]])], [0.5, 0.5]).round(3)
    array([[0.667, 0.333]])
    """
    members = [(weight, values) for weight, values in zip(weights, probabilities, strict=True) if weight > 0]
    with np.errstate(divide="ignore"):
        pooled = sum(weight * np.log(np.asarray(values, float)) for weight, values in members)
    empty = np.isneginf(pooled).all(axis=1)
    pooled[empty] = 0.0
    mean = sum(weight * np.asarray(values, float) for weight, values in members)
    return np.where(empty[:, None], mean, softmax(pooled, axis=1))


def with_unknown_classes(probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities in which each class of probability 0 gets that of guessing, 1 / classes.

    The other classes share the rest as before. So a member says nothing about a class that it was not trained on, and
    does not exclude it from the ensemble.

    >>> with_unknown_classes(np.array([[0.75, 0.25, 0.0, 0.0]]))
    array([[0.375, 0.125, 0.25 , 0.25 ]])
    """
    unknown = probabilities == 0
    share = unknown.sum(axis=1, keepdims=True) / probabilities.shape[1]
    return np.where(unknown, 1 / probabilities.shape[1], probabilities * (1 - share))


def family_members(jobs: Iterable[Job], spec: System, families: np.ndarray) -> list[Job]:
    """Return the jobs of the members of an ensemble over families: each job of its systems, with one training family.

    A member is chosen and calibrated on rows of the other families, or, if validation speakers choose, on those of all
    families. A family with one class has no member.

    Args:
        jobs: jobs of systems.
        families: family of each row of the task, str of shape (rows,).
    """
    members = []
    for job in (job for job in jobs if job.system in spec.members):
        rows, validation = job.train, job.validation
        if job.folds and job.choose_by == "speakers":
            rows, validation = job.folds[0].train, job.folds[0].test
        for family in np.unique(families[rows]).tolist():
            inside = families[rows] == family
            others = rows[~inside] if job.choose_by == "corpora" else validation
            name = f"{job.system}.{_file_name(family)}"
            members.append(
                replace(job, system=name, train=rows[inside], validation=others, folds=(), choice_seed=None,
                        member_of=job.system, family=family)
            )  # fmt: skip
    return members


def _file_name(family: str) -> str:
    """A family in the name of a system, which is also the name of a folder."""
    return re.sub(r"[^A-Za-z0-9-]+", "_", family).strip("_") or "_"


def fit_weights(validation_probabilities: Sequence[np.ndarray], targets: np.ndarray) -> np.ndarray:
    """Return the weights on the simplex that minimise the mean cross-entropy of `combine` on validation rows.

    The cross-entropy is convex in the weights; the search starts at equal weights and draws nothing at random. Without
    rows that can distinguish members the weights stay equal. Classes to which a member gives probability 0 do not take
    part, and rows of such a class are left out.

    Args:
        validation_probabilities: of each member, shape (n, classes), for the same rows.
        targets: class numbers, int64 of shape (n,).

    Returns:
        float64 of shape (members,), at least 0, with sum 1.

    >>> good, bad = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.1, 0.9], [0.9, 0.1]])
    >>> fit_weights([good, bad], np.array([0, 1])).round(3)
    array([1., 0.])
    """
    equal = np.full(len(validation_probabilities), 1 / len(validation_probabilities))
    logs = _log_probabilities(validation_probabilities)
    rows = np.flatnonzero(np.isfinite(logs[:, np.arange(len(targets)), targets]).all(axis=0))
    if not len(rows):
        return equal
    logs, own = logs[:, rows], (np.arange(len(rows)), targets[rows])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean cross-entropy, and its gradient: the expected minus the observed log-probabilities."""
        pooled = np.tensordot(weights, np.nan_to_num(logs, neginf=0.0), axes=1)
        pooled = np.where(np.isneginf(logs).any(axis=0), -np.inf, pooled)
        p = softmax(pooled, axis=1)
        expected = (p * np.nan_to_num(logs, neginf=0.0)).sum(axis=2).mean(axis=1)
        observed = logs[:, *own].mean(axis=1)
        return float(-log_softmax(pooled, axis=1)[own].mean()), expected - observed

    simplex = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like}
    solution = minimize(loss, equal, jac=True, bounds=[(0.0, 1.0)] * len(equal), constraints=[simplex], method="SLSQP",
                     options={"ftol": 1e-10, "maxiter": 200})  # fmt: skip
    weights = np.where(solution.x < MIN_WEIGHT, 0.0, solution.x)
    return weights / weights.sum() if loss(solution.x)[0] < loss(equal)[0] else equal


def _log_probabilities(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Shape (members, n, classes); -inf for probability 0. Rows are normalised, so that rounding does not add up."""
    with np.errstate(divide="ignore"):
        logs = np.log(np.stack([np.asarray(values, float) for values in probabilities]))
    return logs - logsumexp(logs, axis=2, keepdims=True) if logs.shape[1] else logs


def results(task: Task, job_results: Sequence[JobResult], systems: Mapping[str, System]) -> list[JobResult]:
    """Return the results of the ensembles: one per ensemble, cell and seed for which all members have a result.

    A member that does not depend on the seed, such as a classical model, contributes its one result to every seed. A
    row that a member has no input for is predicted by the other members.

    Args:
        task: gives the validation rows' classes, to which `weights: validation` fits.
        job_results: results of the members; no member is trained here.
        systems: name -> system, the ensembles among them.
    """
    by_member: dict[Hashable, dict[str, dict[int | None, JobResult]]] = {}
    for result in job_results:
        seed = result.job.seed if result.depends_on_seed else None
        by_member.setdefault(result.job.cell, {}).setdefault(result.job.system, {})[seed] = result
    combined = []
    for name, spec in systems.items():
        for of_cell in by_member.values() if spec.is_ensemble else ():
            names = _member_names(spec, of_cell)
            if names and all(member in of_cell for member in names):
                of_members = [of_cell[member] for member in names]
                combined += [_result(task, name, spec, members) for members in _by_seed(of_members)]
    return combined


def _member_names(spec: System, of_cell: Mapping[str, Mapping[int | None, JobResult]]) -> tuple[str, ...]:
    """The members of an ensemble in a cell; those of one family each, in the order of the systems and families."""
    if spec.members_per == "system":
        return spec.members
    jobs = {name: next(iter(by_seed.values())).job for name, by_seed in of_cell.items()}
    by_family = sorted((spec.members.index(job.member_of), job.family, name) for name, job in jobs.items()
                       if job.member_of in spec.members)  # fmt: skip
    return tuple(name for *_, name in by_family)


def _by_seed(members: list[dict[int | None, JobResult]]) -> Iterable[list[JobResult]]:
    """The members' results for each seed that all have; None stands for every seed."""
    seeds = dict.fromkeys(seed for results_ in members for seed in results_ if seed is not None) or {None: None}
    for seed in seeds:
        if all(seed in results_ or None in results_ for results_ in members):
            yield [results_.get(seed, results_.get(None)) for results_ in members]


def _result(task: Task, name: str, spec: System, members: list[JobResult]) -> JobResult:
    jobs = [member.job for member in members]
    rows = {part: _union([getattr(job, part) for job in jobs]) for part in ("train", "test")}
    rows["validation"] = _union([member.validated_rows for member in members])
    weights = _weights(task, spec, members)
    known = with_unknown_classes if spec.members_per == "family" else np.asarray
    of_validation = [(m.validated_rows, known(m.validation_probabilities)) for m in members]
    validation = pooled(of_validation, rows["validation"], weights)
    test = pooled([(m.job.test, known(m.probabilities)) for m in members], rows["test"], weights)
    restricted = None
    if any(m.restricted_probabilities is not None for m in members):
        of_test = [(m.job.test, known(m.among_test_classes)) for m in members]
        restricted = pooled(of_test, rows["test"], weights)
    first = next((job for job in jobs if job.training.transductive), jobs[0])  # transductive if one is
    seed = next((m.job.seed for m in members if m.depends_on_seed), jobs[0].seed)
    inputs = tuple(dict.fromkeys(i for job in jobs for i in job.spec.inputs))
    job = Job(name, jobs[0].cell, spec.model_copy(update={"inputs": inputs}), first.training, seed, **rows)
    scores = task.score_predictions(validation.argmax(axis=1), rows["validation"]) if len(validation) else {}
    history = [dict(zip((job.system for job in jobs), weights.tolist(), strict=True))]
    return JobResult(job, test, validation, history, scores, tuple(members), restricted_probabilities=restricted)


def _weights(task: Task, spec: System, members: list[JobResult]) -> np.ndarray:
    """Equal, or fitted to the validation rows that all members predict.

    With `weights: corpora`, a member of one family has uniform probabilities for the rows of this family. So its weight
    is the one at which it predicts the other families best.
    """
    if spec.weights == "equal":
        return np.full(len(members), 1 / len(members))
    shared = reduce(np.union1d if spec.weights == "corpora" else np.intersect1d, [m.validated_rows for m in members])
    known = with_unknown_classes if spec.members_per == "family" else np.asarray
    of_shared = []
    for member in members:
        own = np.isin(shared, member.validated_rows)
        if spec.weights == "corpora":
            own &= ~np.isin(task.corpora[shared], task.corpora[member.job.train])
        values = np.full((len(shared), task.classes), 1 / task.classes)
        values[own] = known(member.validation_probabilities[_positions(member.validated_rows, shared[own])])
        of_shared.append(values)
    return fit_weights(of_shared, task.labels[shared])


def pooled(members: Sequence[tuple[np.ndarray, np.ndarray]], rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the combined probabilities of rows, each over the members that predict it; their weights then sum to 1.

    Args:
        members: the rows that each member predicts, and its probabilities of shape (n, classes).
        rows: row numbers, each predicted by at least one member.
        weights: of each member, at least 0.
    """
    classes = members[0][1].shape[1]
    predicts = np.stack([np.isin(rows, own) for own, _ in members], axis=1)
    probabilities = np.zeros((len(rows), classes))
    for pattern in np.unique(predicts, axis=0):
        some = np.flatnonzero((predicts == pattern).all(axis=1))
        chosen = np.flatnonzero(pattern)
        total = weights[chosen].sum()
        share = weights[chosen] / total if total else np.full(len(chosen), 1 / len(chosen))
        values = [members[m][1][_positions(members[m][0], rows[some])] for m in chosen]
        probabilities[some] = combine(values, share)
    return probabilities


def _union(parts: list[np.ndarray]) -> np.ndarray:
    """The rows of all members, in the order of the first that has them all, else ascending."""
    union = reduce(np.union1d, parts)
    return next((part for part in parts if len(part) == len(union)), union).astype(np.int64)


def _positions(own: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Where each of `rows` is among `own`."""
    order = np.argsort(own, kind="stable")
    return order[np.searchsorted(own, rows, sorter=order)]
