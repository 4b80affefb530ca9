"""Many trainings: planned as data, trained one by one, in processes or stacked; what is finished is kept."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import groupby
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mer.training import calibration, device
from mer.training.finished import Finished
from mer.training.job import Done, Job
from mer.training.task import Task

STACK_FLOATS = {"cpu": 2**24, "cuda": 2**30, "mps": 2**30}
"""in the tensors of one stack: fewer on a CPU, so that a grid makes several stacks for its processes; fixed, as neither
the free memory of the moment nor the number of processes may decide how something is computed"""
WORTH_A_PROCESS = 200_000
"""rows, times epochs: a small network trains on so many in the seconds that a process takes to start"""


@dataclass(frozen=True)
class Engine:
    """How and where runs are trained.

    Attributes:
        name: `single` or `stacked`; part of a result's identity, and so are device and threads.
        threads: of one run.
        at_once: processes on a CPU; changes how long it takes and nothing else.
    """

    name: str = "single"
    device: str = "cpu"
    threads: int = 1
    at_once: int = 1


def engine(wanted: str, where: str, threads: int, at_once: int) -> Engine:
    """Return the engine that `compute.engine` means on a device."""
    name = ("single" if where == "cpu" else "stacked") if wanted == "auto" else wanted
    return Engine(name, where, threads, at_once)


def fit(task: Task, job: Job, where: str, snapshot: Path | None = None):
    """Train one job's model and return it, its probabilities calibrated on the validation rows.

    Args:
        snapshot: the file in which a network's training is kept while it runs.
    """
    options = {"training": job.training, "seed": job.seed, "device": where}
    if job.system.is_network:
        from mer.training import network

        model = network.fit(task, job.train, job.validation, system=job.system, snapshot=snapshot, **options)
    else:
        model = _linear(job.system.model)(task, job.train, job.validation, modalities=job.system.modalities, **options)
    return _calibrated(model, task, job)


def run(task: Task, jobs: list[Job], how: Engine, folder: Path | None = None) -> list[Done]:
    """Run all jobs and return their results in the order of `jobs`.

    Args:
        folder: where finished runs are kept, and unfinished ones while they run, those of this plan alone; None keeps
            nothing.
    """
    kept = Finished(folder, task, how)
    results: dict[int, Done] = {n: done for n, job in enumerate(jobs) if (done := kept.load(job)) is not None}
    todo = [n for n in range(len(jobs)) if n not in results]
    with tqdm(total=len(jobs), initial=len(results), desc="train", unit="run", mininterval=2.0) as bar:
        for number, done in _completed(task, jobs, todo, how, kept):
            results[number] = done
            bar.update()
    kept.forget_others(jobs)
    return [results[number] for number in range(len(jobs))]


def _completed(task: Task, jobs: list[Job], todo: list[int], how: Engine, kept: Finished) -> Iterator[tuple[int, Done]]:
    units = [[n] for n in todo]
    if how.name == "stacked":
        networks = [n for n, job in enumerate(jobs) if job.system.is_network]
        stacks = (_left(numbers, jobs, set(todo), kept) for numbers in _stacks(task, jobs, networks, how.device))
        units = [unit for unit in stacks if unit] + [[n] for n in todo if not jobs[n].system.is_network]
    sizes = [sum(len(jobs[n].train) * jobs[n].training.epochs for n in unit) for unit in units]
    longest_first = sorted(range(len(units)), key=lambda u: -sizes[u])  # so that all processes end together
    workers = min(how.at_once, len(units), sum(sizes) // WORTH_A_PROCESS)
    if workers < 2 or how.device != "cpu":  # a GPU is given to one at a time
        _set_up(task, how, kept)
        for unit in longest_first:
            yield from zip(units[unit], _together([jobs[n] for n in units[unit]]), strict=True)
        return
    with tempfile.TemporaryDirectory() as place:
        given = (_stored(task, Path(place)), how, kept, Path(place))
        with ProcessPoolExecutor(workers, _processes(), _set_up, given) as pool:
            waiting = {pool.submit(_together, [jobs[n] for n in units[u]]): units[u] for u in longest_first}
            for future in as_completed(waiting):
                yield from zip(waiting[future], future.result(), strict=True)


def _left(numbers: list[int], jobs: list[Job], todo: set[int], kept: Finished) -> list[int]:
    """Which runs of a stack are to be trained; all, where it was killed while its results were being saved.

    Company changes the last bits of a run, so the stack that is gone on with is the one that was begun.
    """
    left = [n for n in numbers if n in todo]
    begun = kept.unfinished(*(jobs[n] for n in numbers))
    return numbers if left and begun is not None and begun.is_file() else left


def _processes():
    """Copies of one process that has imported torch, where the system can make them: they share its memory."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["mer.training.network"])
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


def _together(jobs: list[Job]) -> list[Done]:
    """Train one run, or the runs of a stack; keep what they answer."""
    task, how, kept = _here["task"], _here["how"], _here["kept"]
    snapshot = kept.unfinished(*jobs)
    if how.name == "stacked" and jobs[0].system.is_network:
        from mer.training import stacked

        models = stacked.fit_many(task, jobs, how.device, snapshot)
        fitted = [_calibrated(model, task, job) for model, job in zip(models, jobs, strict=True)]
    else:
        fitted = [fit(task, job, how.device, snapshot) for job in jobs]
    done = []
    for model, job in zip(fitted, jobs, strict=True):
        validation = task.scores(model.predict, job.validation)
        done.append(kept.save(Done(job, model.predict(task.features, job.test), model.history, validation)))
    if snapshot is not None:
        snapshot.unlink(missing_ok=True)
    return done


def _stacks(task: Task, jobs: list[Job], numbers: list[int], where: str) -> Iterator[list[int]]:
    """Runs of one shape together, those of like length beside each other, as many as fit."""
    from mer.training import network, stacked

    ordered = sorted(numbers, key=lambda n: (*map(str, stacked.shape(jobs[n])), len(jobs[n].train), n))
    for _, group in groupby(ordered, key=lambda n: stacked.shape(jobs[n])):
        alike = list(group)
        job = jobs[alike[0]]
        network_floats = 6 * sum(p.numel() for p in network.begun(task, job.system, job.training, 0).parameters())
        batch_floats = 12 * job.training.batch_size * sum(task.features.widths(job.system.modalities).values())
        fit_in = max(1, STACK_FLOATS[where] // (network_floats + batch_floats))
        yield from (alike[first : first + fit_in] for first in range(0, len(alike), fit_in))


def _linear(model: str):
    from mer.training import logistic, ridge, svm

    return {"logistic": logistic.fit, "ridge": ridge.fit, "svm_linear": svm.fit_linear, "svm_rbf": svm.fit_rbf}[model]


def _calibrated(model, task: Task, job: Job):
    logits, labels = model.logits(task.features, job.validation), task.labels[job.validation]
    model.temperature = calibration.temperature(logits, labels, task.corpora[job.validation])
    return model
