"""Many jobs: carried out one by one, in processes or stacked; finished results are stored."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import groupby
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tqdm import tqdm

from mer import pools
from mer.temporary import TemporaryFolder
from mer.training import baselines, calibration
from mer.training.adaptation import jobs as adaptation
from mer.training.adaptation.rows import Source
from mer.training.baselines import classifier
from mer.training.cache.results import ResultCache, results_are_shared
from mer.training.choosing.choice import Choice, choose, chosen_job
from mer.training.choosing.folds import comparing_jobs, shared
from mer.training.engines import device
from mer.training.engines.engine import Engine, parameters, seconds
from mer.training.finetune import log
from mer.training.job import Comparison, Job, JobResult
from mer.training.model import TrainedModel
from mer.training.task import Task

STACK_FLOATS = {"cpu": 2**24, "cuda": 2**30, "mps": 2**30}
"""The largest number of floats in the tensors of one stack. It is smaller on a CPU, so that a grid makes several stacks
for its processes. It is fixed: neither free memory nor the number of processes may decide how a result is computed."""

PRELOADED = "mer.training.engines.preloaded"
"""The module that worker processes share."""


def fit_job(
    task: Task, job: Job, device_name: str, snapshot: Path | None = None, choice: Choice | None = None
) -> TrainedModel:
    """Train the model of one job and return it, calibrated on rows on which it was not trained.

    If the job has folds, the setting is chosen on them first, and `choosing.choice.chosen_job` is trained.

    It predicts features that its `normaliser` has been applied to.

    Args:
        snapshot: file that stores a network's training while it runs.
        choice: as from `choices`; by default the folds are trained here.
    """
    choice = choice or _choice(task, job, device_name)
    final = chosen_job(task, job, choice)
    normaliser, task = task.fit_normaliser(final)
    model = _train(task, final, device_name, snapshot)
    model.normaliser = normaliser
    model.temperature = _temperature(task, final, model.logits(task.features, final.validation))
    model.choice = choice
    model.source = _source(task, final, model)
    if choice is not None and not final.spec.is_network:
        model.history = choice.compared
    return model


def job_result(task: Task, job: Job, model: TrainedModel) -> JobResult:
    """Return the result of a job whose model is trained.

    Args:
        task: the task of the study, before `normalised_for`.
        model: as from `fit_job`.
    """
    final = chosen_job(task, job, model.choice)
    own = task.normalised_for(final)
    logits = [model.logits(own.features, rows) for rows in (final.validation, final.test)]
    result = _with_choice(own, _job_result(own, final, model.history, *logits), model.choice)
    return adaptation.adapted(task, result)


def _source(task: Task, job: Job, model: TrainedModel) -> Source | None:
    """What the adaptation of a model needs; the task is normalised as it was in training."""
    if job.training.adaptation == "none":
        return None
    validation = model.logits(task.features, job.validation)
    without_test = replace(job, test=job.test[:0])
    result = _with_choice(task, _job_result(task, without_test, [], validation, validation[:0]), model.choice)
    return adaptation.source(task, result)


def _choice(task: Task, job: Job, device_name: str) -> Choice | None:
    """The choice of a job on its folds, which are trained one after the other; None without folds."""
    if not job.folds:
        return None
    parts = [[_compare(task, one, device_name) for one in of_candidate] for of_candidate in comparing_jobs(job)]
    return choose(task, job, parts)


def _compare(task: Task, job: Job, device_name: str) -> Comparison:
    [(history, logits, _)] = _train_single(task.normalised_for(job), [job], device_name, None)
    return _comparison(job, history, logits)


def _train(task: Task, job: Job, device_name: str, snapshot: Path | None) -> TrainedModel:
    if task.features.trained(job.spec.inputs):
        from mer.training.finetune import loop as finetuning

        return finetuning.fit(task, _with_augmented_rows(task, job), device_name, snapshot)
    if job.spec.is_network:
        from mer.training.networks import loop

        return loop.fit_network(task, _with_augmented_rows(task, job), device_name, snapshot)
    return classifier.best_on_validation(task, list(_all_settings(task, job)), job.validation)


def _all_settings(task: Task, job: Job) -> Iterator[tuple[dict, TrainedModel]]:
    """Each setting of a classical job with its model."""
    module = baselines.module(job.spec.model)
    settings = [dict(job.setting)] if job.setting else module.settings(job.training, job.choose_by)
    train = task.training_rows(job.train, job.training)
    models = module.fit_all(task, train, settings, inputs=job.spec.inputs, training=job.training)
    return zip(settings, models, strict=True)


def _with_augmented_rows(task: Task, job: Job) -> Job:
    """The job as it is trained. Results, cards and purity keep the job itself, whose rows are those of the manifest."""
    return replace(job, train=task.training_rows(job.train, job.training))


def run_jobs(task: Task, jobs: list[Job], engine: Engine, folder: Path | None = None) -> list[JobResult]:
    """Carry out all jobs and return their results in the order of `jobs`.

    Args:
        folder: stores the results, and unfinished trainings while they run, of these jobs only; None stores nothing.
    """
    cache = ResultCache(folder, task, engine)
    comparing, chosen = _choices(task, jobs, engine, cache)
    finals = [chosen_job(task, job, choice) for job, choice in zip(jobs, chosen, strict=True)]
    results = _carried_out(task, finals, engine, cache, "train")
    groups = [[some[n] for n in group] for some in (comparing, finals) for group in _job_groups(task, some, engine)]
    cache.share(groups)
    cache.delete_others(groups)
    results = [_with_choice(task, result, choice) for result, choice in zip(results, chosen, strict=True)]
    return [adaptation.adapted(task, result) for result in results]


def choices(task: Task, jobs: list[Job], engine: Engine) -> list[Choice | None]:
    """Return the choice of each job on its folds; None without folds.

    Trainings that several jobs need, such as those of all seeds of a system, are carried out once.
    """
    if not results_are_shared():
        return _choices(task, jobs, engine, ResultCache(None, task, engine))[1]
    with TemporaryFolder() as folder:  # what is finished comes from the shared store, and goes there
        return _choices(task, jobs, engine, ResultCache(Path(folder), task, engine))[1]


def _choices(task: Task, jobs: list[Job], engine: Engine, cache: ResultCache) -> tuple[list[Job], list[Choice | None]]:
    """The trainings that compare settings, and the choice of each job; None without folds."""
    planned = [comparing_jobs(job) for job in jobs]
    comparing, numbers = shared([one for candidates in planned for folds in candidates for one in folds])
    comparisons = _carried_out(task, comparing, engine, cache, "choose") if comparing else []
    number = iter(numbers)
    parts = [[[comparisons[next(number)] for _ in folds] for folds in candidates] for candidates in planned]
    return comparing, [choose(task, job, own) if job.folds else None for job, own in zip(jobs, parts, strict=True)]


def _carried_out(
    task: Task, jobs: list[Job], engine: Engine, cache: ResultCache, title: str
) -> list[JobResult | Comparison]:
    """The results of all jobs, from the cache if they are stored, in the order of `jobs`."""
    groups = _job_groups(task, jobs, engine)
    results: dict[int, JobResult | Comparison] = {}
    for group in groups:
        results.update(zip(group, cache.load([jobs[n] for n in group]) or (), strict=False))
    missing = [group for group in groups if group[0] not in results]
    with tqdm(total=len(jobs), initial=len(results), desc=title, unit="job", mininterval=2.0) as bar:
        for group, trained in _completed(task, jobs, missing, engine, cache):
            # a result of another process has a copy of its job, with all its row numbers
            results |= {n: replace(one, job=jobs[n]) for n, one in zip(group, trained, strict=True)}
            bar.update(len(group))
    return [results[number] for number in range(len(jobs))]


def _completed(
    task: Task, jobs: list[Job], groups: list[list[int]], engine: Engine, cache: ResultCache
) -> Iterator[tuple[list[int], list[JobResult | Comparison]]]:
    sizes = [sum(seconds(task, jobs[n]) for n in group) for group in groups]
    longest_first = sorted(range(len(groups)), key=lambda g: -sizes[g])  # so that all processes end together
    workers = engine.processes(sum(sizes), len(groups))
    if workers < 2 and not (pools.on_cluster() and groups):
        _start_worker(task, engine, cache)
        for number in longest_first:
            yield groups[number], _train_group([jobs[n] for n in groups[number]])
        return
    with _shared_folder(cache) as place:
        shared = (_with_vectors_on_disk(task, Path(place)), engine, cache, Path(place))
        work = pools.Work("the training", _train_group, _start_worker, shared, engine.device)
        units = [[jobs[n] for n in groups[g]] for g in longest_first]
        for number, results in pools.completed(work, units, workers, _processes()):
            yield groups[longest_first[number]], results


def _shared_folder(cache: ResultCache) -> AbstractContextManager[str]:
    """Return a temporary folder that all processes of the training see: beside the results if they are a cluster's."""
    if pools.on_cluster() and cache.folder is not None:
        cache.folder.mkdir(parents=True, exist_ok=True)
        return TemporaryDirectory(prefix=".vectors-", dir=cache.folder, ignore_cleanup_errors=True)
    return TemporaryFolder()


def _job_groups(task: Task, jobs: list[Job], engine: Engine) -> list[list[int]]:
    """Numbers of the jobs that are trained together: one job, or the jobs of a stack.

    The other jobs of a stack change the last bits of a result. So groups follow from the plan alone, not from what is
    finished or how many processes there are, and they are part of a result's address.
    """
    stacked = [n for n, job in enumerate(jobs) if engine.name_for(task, job) == "stacked"]
    single = sorted(set(range(len(jobs))) - set(stacked))
    return [*_stacks(task, jobs, stacked, engine.device), *([n] for n in single)]


def _processes():
    """Copies of one process that has imported what trainings need, if the system can make them, to share its memory."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    return context


def _with_vectors_on_disk(task: Task, folder: Path) -> Task:
    """Write the vectors, which processes map instead of each holding a copy; return the task without them."""
    for name, values in task.features.arrays.items():
        np.save(folder / f"{name}.npy", values)
    arrays = {name: values[:0] for name, values in task.features.arrays.items()}
    return replace(task, features=replace(task.features, arrays=arrays))


_worker_state: dict = {}
"""The task, engine and cache of a worker process, sent once instead of with every job."""


def _start_worker(task: Task, engine: Engine, cache: ResultCache, place: Path | None = None) -> None:
    if place is not None:
        arrays = {name: np.load(place / f"{name}.npy", mmap_mode="r") for name in task.features.present}
        task = replace(task, features=replace(task.features, arrays=arrays))
    device.prepare(engine.device, engine.threads)
    log.write_to(engine.log)
    _worker_state.update(task=task, engine=engine, cache=cache)


def _train_group(jobs: list[Job]) -> list[JobResult | Comparison]:
    """Train one job, or the jobs of a stack, and store their results."""
    task, engine, cache = _worker_state["task"], _worker_state["engine"], _worker_state["cache"]
    if (finished := cache.load(jobs)) is not None:  # by a process that was killed before it could say so
        return finished
    snapshot = cache.snapshot_path(jobs)
    task = task.normalised_for(jobs[0])  # the same for all jobs of a stack
    trained = ENGINES[engine.name_for(task, jobs[0])](task, jobs, engine.device, snapshot)
    results = [
        _comparison(job, *parts[:2]) if job.compares else _job_result(task, job, *parts)
        for job, parts in zip(jobs, trained, strict=True)
    ]
    cache.save(results)
    if snapshot is not None:
        snapshot.unlink(missing_ok=True)
    return results


def _train_single(task: Task, jobs: list[Job], device_name: str, snapshot: Path | None) -> Iterator[tuple]:
    """Yield history, validation logits and test logits of one job.

    If it compares settings of a classical model, the history is these, and the validation logits are those of each.
    """
    [job] = jobs
    if job.compares and not job.spec.is_network:
        settings, models = zip(*_all_settings(task, job), strict=True)
        yield list(settings), _all_logits(task, job, models), None
        return
    model = _train(task, job, device_name, snapshot)
    yield model.history, *(model.logits(task.features, rows) for rows in (job.validation, job.test))


def _train_stacked(task: Task, jobs: list[Job], device_name: str, snapshot: Path | None) -> Iterator[tuple]:
    """Yield history, validation logits and test logits of each job of a stack."""
    from mer.training.engines import stacked

    trained = [_with_augmented_rows(task, job) for job in jobs]
    stack = stacked.fit_many(task, trained, device_name, snapshot)
    rows = [[job.validation for job in jobs], [job.test for job in jobs]]
    yield from zip(stack.histories, *map(stack.logits, rows), strict=True)


ENGINES = {"single": _train_single, "stacked": _train_stacked}
"""Name of an engine -> the function that trains the jobs of one group."""


def _stacks(task: Task, jobs: list[Job], numbers: list[int], device_name: str) -> Iterator[list[int]]:
    """Jobs of one shape together, those of similar length next to each other, as many as fit."""
    from mer.training.engines import stacked

    shapes = {n: stacked.shape(task, jobs[n]) for n in numbers}
    ordered = sorted(numbers, key=lambda n: (*map(str, shapes[n]), len(jobs[n].train), n))
    for _, group in groupby(ordered, key=shapes.get):
        same_shape = list(group)
        job = jobs[same_shape[0]]
        network_floats = 6 * parameters(task, job)
        batch_floats = 12 * job.training.batch_size * sum(task.features.widths(job.spec.inputs).values())
        count = max(1, STACK_FLOATS[device_name] // (network_floats + batch_floats))
        yield from (same_shape[first : first + count] for first in range(0, len(same_shape), count))


def _all_logits(task: Task, job: Job, models: Sequence[TrainedModel]) -> np.ndarray:
    """The logits of the validation rows by each model of a classical job, shape (models, rows, classes).

    Each corpus is predicted by itself: which corpora are predicted together must not change the last bits.
    """
    corpora, module = task.corpora[job.validation], baselines.module(job.spec.model)
    logits = np.empty((len(models), len(job.validation), task.classes))
    for corpus in np.unique(corpora):
        own = corpora == corpus
        logits[:, own] = module.all_logits(models, task.features, job.validation[own])
    return logits


def _comparison(job: Job, history: list[dict], validation: np.ndarray) -> Comparison:
    """The result of a job that compares settings."""
    return Comparison(job, history, validation.reshape(-1, *validation.shape[-2:]))


def _with_choice(task: Task, result: JobResult, choice: Choice | None) -> JobResult:
    """The result of a job whose setting was chosen on folds: what was left out takes the place of validation rows."""
    if choice is None:
        return result
    job = result.job
    history = result.history if job.spec.is_network else choice.compared
    result = replace(result, choice=choice, history=history)
    if len(job.validation):
        return result
    probabilities = calibration.probabilities(choice.logits / job.temperature, job.is_multi_label)
    scores = task.score_predictions(choice.logits.argmax(axis=1), choice.rows)
    return replace(result, validation_probabilities=probabilities, validation_uar=scores)


def _job_result(task: Task, job: Job, history: list[dict], validation: np.ndarray, test: np.ndarray) -> JobResult:
    """The result of a job from the logits of its validation and test rows."""
    temperature = _temperature(task, job, validation)
    scores = task.score_predictions(validation.argmax(axis=1), job.validation)
    of_test, of_validation = (
        calibration.probabilities(z / temperature, job.is_multi_label) for z in (test, validation)
    )
    return JobResult(job, of_test, of_validation, history, scores, label_sets=label_sets(task, job, test))


def label_sets(task: Task, job: Job, logits: np.ndarray) -> np.ndarray | None:
    """Return `JobResult.label_sets` of a job; None if its model predicts one class per utterance.

    Args:
        logits: of the test rows, shape (len(job.test), classes). The probability of a class is 1/2 where it is 0.
    """
    if not job.is_multi_label:
        return None
    return np.stack([task.target_matrix(job.test, job.training.targets) > 0, logits >= 0])


def _temperature(task: Task, job: Job, logits: np.ndarray) -> float:
    """The temperature of a job: that of its choice, or the one that the logits of the validation rows lead to."""
    if job.temperature is not None:
        return job.temperature
    rows = job.validation
    return calibration.temperature(logits, task.labels[rows], task.corpora[rows], multi_label=job.is_multi_label)
