"""A grid of trainings by every engine, what bounds it, and which engine pays where.

    python -m benchmarks.engines [--device cpu] [--share 1.0] [--jobs 2] [--epochs 10] [--only grid|sweep|breakdown]

The grid: 7 held-out corpora × 5 seeds × 8 settings (2 rates × 2 decays × 2 balances) = 280 runs, on made-up corpora of
480 clips. `--share` takes a part of the runs, evenly spread, for all engines alike.

* `plain` is what one writes who does not think of it: for each run, in one process, the network in torch's own parts,
  standardised tensors in memory, shuffled batches by `index_select`, torch's AdamW, clipping, validation after every
  epoch. (A `DataLoader` over a `TensorDataset`, which many would write, is slower.) With one thread, and with torch's
  default of a thread per core.
* `single` and `stacked` are the engines of these names in one process and in `--jobs` of one thread each, their start
  included; `auto` is what a study gets.

Wall clock. Efficiency is 6 × parameters × samples over what as many cores as the row keeps busy (threads, or processes)
could do in that time, which is the best of 20 products of 2048² float32 matrices in one thread, times the cores.
Parameters are those that a step uses. The sweep compares processor seconds in one process.

On a CUDA device (`--device cuda`) `plain` and `single` take every twentieth of the runs that `stacked` takes, in one
process, and are scaled to all of them; efficiency is that of the device, with float32 products as torch does them.
`--only` and `--jobs` are for a processor.
"""

import argparse
import os
import platform
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.training import WIDTHS, Plain, clocks, product_speed, used
from mer.features import Features
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.engines import device, engine
from mer.training.job import Job
from mer.training.networks import loop, losses, sampling
from mer.training.networks.trained import tensors
from mer.training.scaling import standardise
from mer.training.task import Task

CORPORA, CLIPS, CLASSES, SEEDS = 7, 480, 7, 5
SETTINGS = [{"learning_rate": rate, "weight_decay": decay, "balance": balance}
            for rate in (3e-4, 1e-3) for decay in (1e-4, 1e-2)
            for balance in ("class_weights", "logit_adjustment")]  # fmt: skip
LARGE = ("flexible_at", WIDTHS, 128)
SMALL = ("gated", {"audio": 40, "text": 64}, 16)
PAPER = ("gated", {"audio": 512, "text": 768}, 64)
SIZES = [("concat", {"audio": 16, "text": 16}, 8), SMALL, ("gated", {"audio": 160, "text": 256}, 32), LARGE]
RUNS = (2, 8, 32)
ENGINES = ("single", "stacked")
EPOCHS = 3
"""of the sweep"""


def generated(widths: dict[str, int]) -> Task:
    """Corpora of which a network can learn."""
    generator = np.random.default_rng(0)
    n = CORPORA * CLIPS
    labels = generator.integers(0, CLASSES, n)
    arrays = {m: generator.normal(0, 1, (n, d)).astype(np.float32) for m, d in widths.items()}
    for values in arrays.values():
        values += generator.normal(0, 0.3, (CLASSES, values.shape[1])).astype(np.float32)[labels]
    corpora = np.repeat([f"corpus{c}" for c in range(CORPORA)], CLIPS)
    return Task(Features(arrays, {m: np.ones(n, bool) for m in widths}), labels, corpora, CLASSES)


def planned(task: Task, model: str, hidden: int, epochs: int) -> list[Job]:
    """The runs: another corpus is held out in turn, an eighth of each other one validates."""
    rows, jobs = np.arange(len(task.labels)), []
    common = {"epochs": epochs, "hidden": hidden, "missing": "none", "modality_dropout": 0.0, "dropout": 0.1}
    for seed in range(SEEDS):
        for number, setting in enumerate(SETTINGS):
            for held_out in np.unique(task.corpora):
                others = task.corpora != held_out
                parts = rows[others & (rows % 8 > 0)], rows[others & (rows % 8 == 0)], rows[~others]
                jobs.append(Job(model, (number, held_out), System(model=model, inputs=("audio", "text")),
                                Training(**common, **setting), seed, *parts))  # fmt: skip
    return jobs


def torchs(task: Task, job: Job) -> nn.Module:
    """Return a job's network, of `torch.nn`'s own parts alone."""
    if job.spec.model == LARGE[0]:
        return Plain(job.training.hidden, job.training.dropout)
    return loop.initial_network(task, job)


def plain(task: Task, jobs: list[Job], where: str) -> None:
    """One network after the other, as one would write it."""
    for job in jobs:
        t = job.training
        scaler = standardise.fit(task.features, job.train, job.spec.inputs)
        x, _ = tensors(task.features, job.train, scaler, where)
        held, _ = tensors(task.features, job.validation, scaler, where)
        y = torch.as_tensor(task.labels[job.train], device=where)
        shares = sampling.class_shares(task.labels[job.train], task.corpora[job.train], CLASSES, 1.0)
        weights, shift = (torch.as_tensor(v, device=where) for v in losses.balance(shares, t.balance))
        built = torchs(task, job).to(where)
        optimiser = torch.optim.AdamW(built.parameters(), lr=t.learning_rate, weight_decay=t.weight_decay)
        criterion = nn.CrossEntropyLoss(weight=weights, label_smoothing=t.label_smoothing)
        for _ in range(t.epochs):
            built.train()
            for batch in torch.randperm(len(y), device=where).split(t.batch_size):
                optimiser.zero_grad()
                loss = criterion(built({m: v.index_select(0, batch) for m, v in x.items()}) + shift, y[batch])
                loss.backward()
                nn.utils.clip_grad_norm_(built.parameters(), t.clip_norm)
                optimiser.step()
            built.eval()
            with torch.no_grad():
                task.score_predictions(built(held).argmax(dim=1).cpu().numpy(), job.validation)


def describe(size: tuple[str, dict[str, int], int]) -> str:
    """A network in words."""
    model, widths, hidden = size
    return f"{model} {'+'.join(map(str, widths.values()))}, {hidden}"


def table(size: tuple[str, dict[str, int], int], share: float, epochs: int, jobs_at_once: int) -> None:
    """Print the grid by every engine."""
    task = generated(size[1])
    every = planned(task, size[0], size[2], epochs)
    jobs = every[:: round(1 / share)]
    parameters = used(loop.initial_network(task, jobs[0]), size[1])
    work = 6 * parameters * sum(len(j.train) * epochs for j in jobs)
    print(f"\n{describe(size)}: {parameters:,} parameters used, {len(jobs)} of {len(every)} runs, {epochs} "
          f"epochs of {len(jobs[0].train)} clips, load {os.getloadavg()[0]:.1f}\n{'':26} seconds efficiency times as "
          f"fast as plain with 1 thread, {os.cpu_count()} threads")  # fmt: skip
    speed, plains = product_speed(1), []

    def line(name: str, cores: int, work_of: Callable[[], object]) -> None:
        wall, _ = clocks(work_of)
        if name.startswith("plain"):
            plains.append(wall)
        against = "".join(f"{seconds / wall:12.2f}" for seconds in plains)
        print(f"{name:26} {wall:7.1f} {work / wall / cores / speed:10.0%} {against}", flush=True)

    for threads in (1, os.cpu_count()):
        device.prepare("cpu", threads)
        torch.use_deterministic_algorithms(False)  # as one would leave it
        line(f"plain, {threads} thread(s)", threads, lambda: plain(task, jobs, "cpu"))
    for name, at_once in (("single", 1), ("single", jobs_at_once), ("stacked", 1), ("stacked", jobs_at_once),
                          ("auto", jobs_at_once)):  # fmt: skip
        how = engine.Engine(name, max_processes=at_once)
        processes = how.processes(sum(engine.seconds(task, job) for job in jobs), len(jobs))
        line(f"{name}, {processes} process(es)", processes, lambda h=how: grid.run_jobs(task, jobs, h))


def table_on_a_gpu(size: tuple[str, dict[str, int], int], share: float, epochs: int) -> None:
    """Print the grid on a CUDA device."""
    task = generated(size[1])
    jobs = planned(task, size[0], size[2], epochs)[:: round(1 / share)]
    few = jobs[::20]
    parameters = used(torchs(task, jobs[0]), size[1])
    work = 6 * parameters * sum(len(j.train) * epochs for j in jobs)
    print(
        f"\n{describe(size)} on {torch.cuda.get_device_name()}: {parameters:,} parameters used, {len(jobs)} runs, "
        f"{epochs} epochs of {len(jobs[0].train)} clips\n{'':26} seconds efficiency times plain"
    )
    device.prepare("cuda", 1)
    speed = product_speed(1, "cuda")
    grid.run_jobs(task, jobs[:1], engine.Engine("single", "cuda"))  # libraries set themselves up
    plain(task, jobs[:1], "cuda")
    torch.use_deterministic_algorithms(False)  # as one would leave it
    per_run = clocks(lambda: plain(task, few, "cuda"))[0] / len(few)

    def line(name: str, wall: float) -> None:
        print(f"{name:26} {wall:7.1f} {work / wall / speed:10.1%} {per_run * len(jobs) / wall:12.1f}", flush=True)

    line(f"plain, {len(few)} runs scaled", per_run * len(jobs))
    device.prepare("cuda", 1)
    wall, _ = clocks(lambda: grid.run_jobs(task, few, engine.Engine("single", "cuda")))
    line(f"single, {len(few)} runs scaled", wall / len(few) * len(jobs))
    torch.cuda.reset_peak_memory_stats()
    for name in ("stacked", "stacked again"):
        line(name, clocks(lambda: grid.run_jobs(task, jobs, engine.Engine("stacked", "cuda")))[0])
    print(f"peak memory of the device {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


def sweep() -> None:
    """Print processor seconds of both engines for networks of some sizes and some numbers of runs."""
    print(f"\none process; processor seconds, load {os.getloadavg()[0]:.1f}\n"
          f"{'network':24} {'runs':>5} {'single':>8} {'stacked':>8}  which pays")  # fmt: skip
    for size in SIZES:
        task = generated(size[1])
        for name in ENGINES:  # what is imported and compiled once
            grid.run_jobs(task, planned(task, size[0], size[2], 1)[:1], engine.Engine(name))
        for count in RUNS:
            jobs = planned(task, size[0], size[2], EPOCHS)[:count]
            single, stacked = (processor_time(task, jobs, engine.Engine(name)) for name in ENGINES)
            pays = "either" if 0.8 < single / stacked < 1.25 else "single" if single < stacked else "stacked"
            print(f"{describe(size):24} {count:5} {single:8.2f} {stacked:8.2f}  {pays}", flush=True)


def processor_time(task: Task, jobs: list[Job], engine: engine.Engine) -> float:
    """Processor seconds of a grid."""
    return clocks(lambda: grid.run_jobs(task, jobs, engine))[1]


def breakdown(size: tuple[str, dict[str, int], int]) -> None:
    """Print where the time of a single training goes, by kind of operation."""
    from torch.profiler import ProfilerActivity, profile

    kinds = {"matrix products": ("mm", "addmm", "bmm", "baddbmm"), "optimiser": ("adamw", "lerp", "addcmul", "addcdiv"),
             "norm": ("vector_norm",), "gather": ("index", "take"),
             "dropout": ("bitwise", "arange", "ge", "shift")}  # fmt: skip
    device.prepare("cpu", 1)
    task = generated(size[1])
    job = planned(task, size[0], size[2], 8)[0]
    grid.fit_job(task, job, "cpu")
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        took, _ = clocks(lambda: grid.fit_job(task, job, "cpu"))
    spent = dict.fromkeys([*kinds, "other operations"], 0.0)
    for event in watched.key_averages():
        if not event.key.startswith("aten::"):
            continue
        name = event.key.removeprefix("aten::").strip("_")
        kind = next((k for k, words in kinds.items() if any(name == w or (len(w) > 4 and w in name) for w in words)),
                    "other operations")  # fmt: skip
        spent[kind] += event.self_cpu_time_total / 1e6
    spent["Python, autograd, NumPy"] = took - sum(spent.values())
    print(f"\nwhere a training of {describe(size)} spends its time (profiled, 1 thread)")
    for kind, part in spent.items():
        print(f"  {kind:26} {part / took:5.0%}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", choices=["grid", "sweep", "breakdown"])
    given = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}")
    if given.device == "cuda":
        for size in (SMALL, LARGE, PAPER):
            table_on_a_gpu(size, given.share, given.epochs)
        return
    for size in (SMALL, LARGE, PAPER):
        if given.only in (None, "breakdown"):
            breakdown(size)
        if given.only in (None, "grid"):
            table(size, given.share, given.epochs, given.jobs)
    if given.only in (None, "sweep"):
        sweep()


if __name__ == "__main__":
    main()
