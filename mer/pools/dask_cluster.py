"""Units of work that the workers of a dask cluster compute (`--dask`, `dask:` in the parameters).

Client, scheduler and workers are processes of one user, with the same code and a shared file system, which `check`
makes sure of. Functions and their arguments are sent as pickles, as between the processes of a local pool. No pickle is
written to a file.

A worker that dies is replaced by its cluster, and dask computes its units again. Whatever a unit stores is stored once:
it looks first whether another worker has stored it.
"""

import contextlib
import importlib
import os
import sys
import time
import uuid
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from mer import files
from mer.pools import CLUSTER, MAX_RETRIES, Work, WorkerKilled, fewer

UNITS_PER_WORKER = 2
"""The number of units that are sent ahead to each worker, so that none waits."""
GPU = "GPU"
"""The resource of workers with a GPU: `dask worker --resources GPU=1`. Units on a GPU are sent to these only."""
FORWARDED = ("MER_SHARED", "MER_ATTEMPT", "MER_DEVICE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
"""The environment variables that units see as the process that sends them does."""
LIBRARIES = ("numpy", "scipy", "torch", "scikit-learn", "transformers", "soundfile", "soxr", "av")
"""The packages whose versions must be the same everywhere, because results depend on them."""
REFRESH_SECONDS = 10.0
"""The time after which the workers are counted again, in seconds."""
CONNECT_SECONDS = 120
"""The time in which the scheduler has to answer, in seconds."""
OTHER_CODE = "other code of mer than this process; update it and start the workers again"
LOST = "the dask scheduler ended or cannot be reached: run the same command again; it continues with what is finished"

_state: dict[str, str] = {}
"""The work that this worker is set up for."""


class ClusterError(ValueError):
    """A cluster cannot be used; the message says why, and what to do."""


def dask() -> Any:
    """Return the package `distributed`.

    It is imported by name, so that trainings do not depend on its version.

    Raises:
        ClusterError: it is not installed.
    """
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise ClusterError("dask is not installed: pip install -c constraints.txt -e '.[dask]'") from None


@lru_cache(maxsize=1)
def client(address: str) -> Any:
    """Return the connection of this process to a scheduler.

    Raises:
        ClusterError: dask is not installed, or nothing answers.
    """
    try:
        return dask().Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ClusterError(
            f"{address}: no dask scheduler answers ({reason}); start one with `dask scheduler`"
        ) from None


KINDS = {
    "slurm": ("dask_jobqueue", "SLURMCluster"),
    "pbs": ("dask_jobqueue", "PBSCluster"),
    "ssh": ("distributed", "SSHCluster"),
    "local": ("distributed", "LocalCluster"),
}
"""The package and the class of each kind of cluster."""
START_SECONDS = 600
"""The time in which the first worker of a new cluster has to start, in seconds."""


@contextlib.contextmanager
def started(kind: str, count: int, options: dict[str, Any]) -> Iterator[str]:
    """Start a cluster of workers with one thread each; yield the address of its scheduler, and end it with the block.

    Args:
        kind: slurm, pbs, ssh or local.
        count: the number of worker processes.
        options: arguments of its class.

    Raises:
        ClusterError: a package is missing, or the cluster does not start.
    """
    dask()
    package, name = KINDS[kind]
    try:
        module = dask() if package == "distributed" else importlib.import_module("dask_jobqueue")
        make = getattr(module, name)
        cluster = make(**_cluster_options(kind, count, options))
    except ImportError:
        raise ClusterError(f"{package} is not installed: pip install -c constraints.txt -e '.[dask]'") from None
    except Exception as error:  # of the queue, of ssh, of an unknown argument
        raise ClusterError(f"{name} does not start ({' '.join(str(error).split())}); see dask.options") from None
    with cluster:
        if kind in ("slurm", "pbs"):
            cluster.scale(count)
        try:
            client(cluster.scheduler_address).wait_for_workers(1, timeout=START_SECONDS)
        except Exception as error:  # TimeoutError of one of several libraries
            raise ClusterError(f"{name}: no worker started in {START_SECONDS} s ({error})") from None
        yield cluster.scheduler_address
        client(cluster.scheduler_address).close()


def _cluster_options(kind: str, count: int, options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a cluster whose workers compute one unit at a time with this code."""
    exported = {"PYTHONPATH": str(files.ROOT), "PYTHONHASHSEED": "0"}
    if kind == "local":
        return {"n_workers": count, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None,
                "env": exported, **options}  # fmt: skip
    if kind == "ssh":
        hosts = list(options.get("hosts", ()))
        each = max(1, count // max(1, len(hosts) - 1))
        return {**options, "worker_options": {"nthreads": 1, "n_workers": each, **options.get("worker_options", {})}}
    prologue = [f"export {name}={value}" for name, value in exported.items()]
    own = list(options.get("job_script_prologue", ()))
    return {"cores": 1, "processes": 1, **options, "job_script_prologue": prologue + own}


def workers(connection: Any) -> dict[str, dict]:
    """Return the workers of a cluster by address, as the scheduler describes them."""
    return connection.scheduler_info(n_workers=-1)["workers"]


def completed(work: Work, units: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield (number, result) of units as they finish, as `mer.pools.completed` does.

    Raises:
        WorkerKilled: the workers that computed a unit were killed each time.
        ClusterError: the scheduler is gone.
    """
    distributed = dask()
    connection = client(os.environ[CLUSTER])
    queue, futures, killed = list(range(len(units)))[::-1], {}, [0] * len(units)
    sent = _Sent(connection, work, units)
    pool = distributed.as_completed(loop=connection.loop)
    attempt = 0
    try:
        while queue or futures:
            while queue and len(futures) < fewer(sent.ahead(), attempt):
                future = sent.submit(number := queue.pop())
                futures[future] = number
                pool.add(future)
            future = next(pool)
            number = futures.pop(future)
            try:
                result = future.result()
            except distributed.scheduler.KilledWorker:
                killed[number] += 1
                if killed[number] > MAX_RETRIES:
                    raise WorkerKilled(work.name) from None
                attempt = max(attempt, killed[number])
                queue.append(number)
                warnings.warn(f"again: workers of {work.name} were killed, most likely because memory ran out; fewer "
                              "units are sent at once", stacklevel=2)  # fmt: skip
                continue
            yield number, result
    except (distributed.CancelledError, distributed.comm.CommClosedError, OSError) as error:
        if isinstance(error, OSError) and connection.status == "running":
            raise  # of a unit: a file is missing, a disk is full
        raise ClusterError(LOST) from None
    finally:
        with contextlib.suppress(Exception):  # the scheduler may be gone
            connection.cancel(list(futures))


class _Sent:
    """Sends units of one kind of work."""

    def __init__(self, connection: Any, work: Work, units: Sequence[Any]) -> None:
        self._client, self._work, self._units, self._token = connection, work, units, uuid.uuid4().hex
        self._environment = {name: os.environ.get(name) for name in FORWARDED}
        self._threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        # as the result of a task, because the scheduler makes that again if the worker that holds it dies
        self._arguments = connection.submit(_hold, work.arguments, key=f"arguments-{self._token}", pure=False)
        self._counted, self._workers = -REFRESH_SECONDS, {}

    def ahead(self) -> int:
        """Return the number of units that are sent ahead. Workers come and go, so they are counted now and then."""
        if time.monotonic() > self._counted + REFRESH_SECONDS or not self._workers:
            self._counted, self._workers = time.monotonic(), workers(self._client)
        return UNITS_PER_WORKER * max(1, len(self._workers))

    def submit(self, number: int) -> Any:
        """Send one unit; return its future."""
        work = self._work
        setup = (self._token, work.setup, self._environment, self._threads, loaded_code())
        return self._client.submit(
            _compute, setup, self._arguments, work.function, self._units[number], pure=False, priority=-number,
            resources=requirements(self._workers, work.device), key=f"{_word(work.name)}-{uuid.uuid4().hex}",
        )  # fmt: skip


def requirements(known: dict[str, dict], device: str) -> dict[str, float] | None:
    """Return the resources that a unit occupies: a GPU, where workers declare them.

    >>> requirements({"tcp://a": {"resources": {"GPU": 1.0}}}, "cuda"), requirements({"tcp://a": {}}, "cuda")
    ({'GPU': 1}, None)
    """
    declared = any(GPU in (one.get("resources") or {}) for one in known.values())
    return {GPU: 1} if device != "cpu" and declared else None


def _word(name: str) -> str:
    return name.removeprefix("the ").replace(" ", "_")


def _hold(arguments: tuple) -> tuple:
    return arguments


def _compute(setup: tuple, arguments: tuple, function: Any, unit: Any) -> Any:
    """Compute a unit in a worker."""
    from threadpoolctl import threadpool_limits

    token, start, environment, threads, code = setup
    with threadpool_limits(threads):
        if _state.get("token") != token:
            if loaded_code() != code:
                raise ClusterError(f"a dask worker runs {OTHER_CODE}")
            for name, value in environment.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            os.environ.pop(CLUSTER, None)  # a unit sends no units
            if start is not None:
                start(*arguments)
            _state["token"] = token
        return function(unit)


def check(address: str, folders: dict[str, Path], raw: Path | None = None) -> list[str]:
    """Return what is wrong with a cluster: other code, other versions, or files that its workers do not see.

    A file is written to each folder, and each worker reads it.

    Args:
        address: of the scheduler.
        folders: the parameter that names a folder -> the folder; it is created.
        raw: a folder that may be read-only, whose names are compared.
    """
    try:
        connection = client(address)
    except ClusterError as error:
        return [f"dask: {error}"]
    if not (known := workers(connection)):
        return [f"dask: {address}: has no workers; start some: dask worker {address} --nthreads 1 --nworkers 4"]
    problems = [f"dask: {name} computes {one['nthreads']} units at once; start it with --nthreads 1, so that a "
                "unit has its process for itself" for name, one in known.items() if one["nthreads"] != 1]  # fmt: skip
    token, written = uuid.uuid4().hex, {}
    try:
        for name, folder in folders.items():
            folder.mkdir(parents=True, exist_ok=True)
            written[name] = folder / f".dask-{token}.txt"
            written[name].write_text(token)
        reports = connection.run(describe, {name: str(path) for name, path in written.items()}, raw and str(raw))
    except OSError as error:
        return [f"dask: {error.filename}: cannot be written ({error.strerror})"]
    except Exception as error:  # a worker that cannot import the code raises anything
        return [
            f"dask: workers cannot run this code ({' '.join(str(error).split())}); start them where it is installed"
        ]
    finally:
        for path in written.values():
            path.unlink(missing_ok=True)
    own = describe({}, raw and str(raw))
    own["read"] |= dict.fromkeys(written, token)
    return problems + [problem for worker, report in reports.items() for problem in _differences(worker, report, own)]


def describe(paths: dict[str, str], raw: str | None = None) -> dict:
    """Return what a process runs and reads: versions, digest of its code, content of some files, names in `raw`."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    read = {}
    for name, path in paths.items():
        try:
            read[name] = Path(path).read_text()
        except OSError:
            read[name] = None
    if raw is not None:
        read["the names in data.raw"] = sorted(os.listdir(raw)) if Path(raw).is_dir() else None  # noqa: PTH208
    return {"versions": versions, "code": loaded_code(), "read": read, "root": str(files.ROOT)}


@lru_cache(maxsize=1)
def loaded_code() -> str:
    """Return a digest of the package as it was when this process first used a cluster.

    Workers outlive an edit of the code, and go on with what they have loaded.
    """
    sources = sorted(path for path in (files.ROOT / "mer").rglob("*.py") if "__pycache__" not in path.parts)
    return files.digest([[path.relative_to(files.ROOT).as_posix(), files.digest_file(path)] for path in sources])


def _differences(worker: str, report: dict, own: dict) -> Iterator[str]:
    for name, content in own["read"].items():
        if report["read"].get(name) != content:
            yield f"dask: {worker} does not see {name} as this process does; it must be on a shared file system"
    for name, here in own["versions"].items():
        if (there := report["versions"].get(name)) != here:
            yield f"dask: {worker} has {name} {there}, this process {here}; install the same version"
    if report["code"] != own["code"]:
        yield f"dask: {worker} runs {OTHER_CODE} ({report['root']})"
