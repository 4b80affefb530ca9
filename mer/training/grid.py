"""Many trainings: planned as data, trained one by one, in processes or stacked; what is finished is kept."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from itertools import groupby
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mer.training import calibration
from mer.training.cache.results import Finished
from mer.training.engines import device
from mer.training.engines.engine import Engine, parameters, seconds
from mer.training.job import Job, JobResult
from mer.training.task import Task

STACK_FLOATS = {"cpu": 2**24, "cuda": 2**30, "mps": 2**30}
"""in the tensors of one stack: fewer on a CPU, so that a grid makes several stacks for its processes; fixed, as neither
the free memory of the moment nor the number of processes may decide how something is computed"""


def fit(task: Task, job: Job, where: str, snapshot: Path | None = None):
    """Train one job's model and return it, its probabilities calibrated on the validation rows.

    Args:
        snapshot: the file in which a network's training is kept while it runs.
    """
    task = task.seen_by(job.training)
    model = _trained(task, job, where, snapshot)
    model.temperature = _temperature(task, job, model.logits(task.features, job.validation))
    return model


def _trained(task: Task, job: Job, where: str, snapshot: Path | None):
    options = {"training": job.training, "seed": job.seed, "device": where}
    if job.spec.is_network:
        from mer.training.networks import loop

        return loop.fit(task, job.train, job.validation, system=job.spec, snapshot=snapshot, **options)
    return _linear(job.spec.model)(task, job.train, job.validation, modalities=job.spec.inputs, **options)


def run(task: Task, jobs: list[Job], how: Engine, folder: Path | None = None) -> list[JobResult]:
    """Run all jobs and return their results in the order of `jobs`.

    Args:
        folder: where finished runs are kept, and unfinished ones while they run, those of this plan alone; None keeps
            nothing.
    """
    kept = Finished(folder, task, how)
    units = _units(task, jobs, how)
    results: dict[int, JobResult] = {}
    for unit in units:
        results.update(zip(unit, kept.load([jobs[n] for n in unit]) or (), strict=False))
    todo = [unit for unit in units if unit[0] not in results]
    with tqdm(total=len(jobs), initial=len(results), desc="train", unit="run", mininterval=2.0) as bar:
        for unit, done in _completed(task, jobs, todo, how, kept):
            results.update(zip(unit, done, strict=True))
            bar.update(len(unit))
    kept.forget_others([[jobs[n] for n in unit] for unit in units])
    return [results[number] for number in range(len(jobs))]


def _completed(
    task: Task, jobs: list[Job], units: list[list[int]], how: Engine, kept: Finished
) -> Iterator[tuple[list[int], list[JobResult]]]:
    sizes = [sum(seconds(task, jobs[n]) for n in unit) for unit in units]
    longest_first = sorted(range(len(units)), key=lambda u: -sizes[u])  # so that all processes end together
    workers = how.processes(sum(sizes), len(units))
    if workers < 2:
        _set_up(task, how, kept)
        for unit in longest_first:
            yield units[unit], _together([jobs[n] for n in units[unit]])
        return
    with tempfile.TemporaryDirectory() as place:
        given = (_stored(task, Path(place)), how, kept, Path(place))
        with ProcessPoolExecutor(workers, _processes(), _set_up, given) as pool:
            waiting = {pool.submit(_together, [jobs[n] for n in units[u]]): units[u] for u in longest_first}
            for future in as_completed(waiting):
                yield waiting[future], future.result()


def _units(task: Task, jobs: list[Job], how: Engine) -> list[list[int]]:
    """Runs to be trained together, by their numbers: each by itself, or the runs of a stack.

    Company changes the last bits of a run, so it follows from the plan alone, not from what is done or how many
    processes there are, and it is part of what a result is kept by.
    """
    stacked = [n for n, job in enumerate(jobs) if how.of(task, job) == "stacked"]
    alone = sorted(set(range(len(jobs))) - set(stacked))
    return [*_stacks(task, jobs, stacked, how.device), *([n] for n in alone)]


def _processes():
    """Copies of one process that has imported torch, where the system can make them: they share its memory."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["mer.training.networks.loop"])
    return context


def _stored(task: Task, folder: Path) -> Task:
    """Write the vectors, which processes then map instead of each holding them; return the task without them."""
    for modality, values in task.features.arrays.items():
        np.save(folder / f"{modality}.npy", values)
    return replace(task, features=replace(task.features, arrays={}))


_here: dict = {}
"""What a worker process works on; sent once instead of with every job."""


def _set_up(task: Task, how: Engine, kept: Finished, place: Path | None = None) -> None:
    if place is not None:
        arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(place.glob("*.npy"))}
        task = replace(task, features=replace(task.features, arrays=arrays))
    device.prepare(how.device, how.threads)
    _here.update(task=task, how=how, kept=kept)


def _together(jobs: list[Job]) -> list[JobResult]:
    """Train one run, or the runs of a stack; keep what they answer."""
    task, how, kept = _here["task"], _here["how"], _here["kept"]
    snapshot, seen = kept.unfinished(jobs), task.seen_by(jobs[0].training)  # a stack shares how it is scaled
    if how.of(task, jobs[0]) == "stacked":
        from mer.training.engines import stacked

        stack = stacked.fit_many(seen, jobs, how.device, snapshot)
        rows = [[job.validation for job in jobs], [job.test for job in jobs]]
        told = zip(stack.histories, *map(stack.logits, rows), strict=True)
    else:
        [job] = jobs
        model = _trained(seen, job, how.device, snapshot)
        told = [(model.history, *(model.logits(seen.features, rows) for rows in (job.validation, job.test)))]
    done = [_done(seen, job, *parts) for job, parts in zip(jobs, told, strict=True)]
    kept.save(done)
    if snapshot is not None:
        snapshot.unlink(missing_ok=True)
    return done


def _stacks(task: Task, jobs: list[Job], numbers: list[int], where: str) -> Iterator[list[int]]:
    """Runs of one shape together, those of like length beside each other, as many as fit."""
    from mer.training.engines import stacked

    shapes = {n: stacked.shape(task, jobs[n]) for n in numbers}
    ordered = sorted(numbers, key=lambda n: (*map(str, shapes[n]), len(jobs[n].train), n))
    for _, group in groupby(ordered, key=shapes.get):
        alike = list(group)
        job = jobs[alike[0]]
        network_floats = 6 * parameters(task, job)
        batch_floats = 12 * job.training.batch_size * sum(task.features.widths(job.spec.inputs).values())
        fit_in = max(1, STACK_FLOATS[where] // (network_floats + batch_floats))
        yield from (alike[first : first + fit_in] for first in range(0, len(alike), fit_in))


def _linear(model: str):
    from mer.training.baselines import logistic, ridge, svm

    return {"logistic": logistic.fit, "ridge": ridge.fit, "svm_linear": svm.fit_linear, "svm_rbf": svm.fit_rbf}[model]


def _done(task: Task, job: Job, history: list[dict], validation: np.ndarray, test: np.ndarray) -> JobResult:
    """What a training leads to, by its logits."""
    temperature = _temperature(task, job, validation)
    scores = task.scored(validation.argmax(axis=1), job.validation)
    of_test, of_validation = (calibration.probabilities(z / temperature, _multi_label(job)) for z in (test, validation))
    return JobResult(job, of_test, of_validation, history, scores)


def _temperature(task: Task, job: Job, logits: np.ndarray) -> float:
    """That of the probabilities, by the logits of the validation rows."""
    rows = job.validation
    return calibration.temperature(logits, task.labels[rows], task.corpora[rows], multi_label=_multi_label(job))


def _multi_label(job: Job) -> bool:
    """Whether classes occur together: a linear model has one answer whatever the targets are."""
    return job.spec.is_network and job.training.targets == "multi_label"
