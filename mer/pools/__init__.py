"""Work that is done in units: by threads or processes of this machine, or by the workers of a dask cluster.

A unit is a function of a module and its argument. What it returns depends neither on where it is computed nor on how
many are computed at once. A unit whose process is killed is computed again, with fewer at once.
"""

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.context import BaseContext
from typing import Any

ATTEMPT = "MER_ATTEMPT"
"""The environment variable with the number of attempts of a step that ran out of memory before this one."""
CLUSTER = "MER_DASK"
"""The environment variable with the address of the dask scheduler that units are sent to; absent without one."""
MAX_RETRIES = 2
"""The number of times that something that ran out of memory is tried again."""
CHUNK = 64
"""The number of items that are sent to another process at once."""


class WorkerKilled(RuntimeError):
    """A process ended without a result, again and again."""

    def __init__(self, work: str) -> None:
        super().__init__(
            f"a process of {work} was killed {MAX_RETRIES + 1} times, most likely because memory ran out: use fewer "
            "processes (--jobs 1) or smaller batches, and run the same command again; it continues with what is "
            "finished"
        )


@dataclass(frozen=True)
class Work:
    """One kind of work.

    Attributes:
        name: what it is, for messages: `the training`.
        function: computes one unit.
        setup: is called once in each process before its first unit; None for nothing.
        arguments: the arguments of `setup`, which are sent once to each process.
        device: the device of the units: cpu, cuda or mps.
    """

    name: str
    function: Callable[[Any], Any]
    setup: Callable[..., None] | None = None
    arguments: tuple = ()
    device: str = "cpu"


def fewer(count: int, attempt: int) -> int:
    """Return half of a number for each attempt that ran out of memory, at least 1.

    >>> [fewer(6, attempt) for attempt in (0, 1, 2)]
    [6, 3, 1]
    """
    return max(1, count >> attempt)


def batch_size(size: int) -> int:
    """Return the size of a batch whose other members change no more than the rounding of a result.

    It is halved for each attempt of this step that ran out of memory.
    """
    return fewer(size, int(os.environ.get(ATTEMPT, "0")))


def on_cluster() -> bool:
    """Return whether units are computed by a dask cluster."""
    return bool(os.environ.get(CLUSTER))


def completed(
    work: Work, units: Sequence[Any], processes: int, context: BaseContext | None = None
) -> Iterator[tuple[int, Any]]:
    """Yield (number, result) of units as they finish.

    Units that were being computed when a process was killed are computed again, with half as many processes, twice.

    Args:
        units: the arguments of `work.function`; those that take longest first.
        processes: the number of processes of this machine.
        context: how they are started; None for the default of the system.

    Raises:
        WorkerKilled: processes were killed each time.
    """
    if on_cluster():
        from mer.pools import dask_cluster

        yield from dask_cluster.completed(work, units)
        return
    left = dict(enumerate(units))
    for attempt in range(MAX_RETRIES + 1):
        try:
            yield from _completed_here(work, left, fewer(processes, attempt), context)
            return
        except BrokenProcessPool:
            now = fewer(processes, attempt + 1)
            if attempt < MAX_RETRIES:
                warnings.warn(f"again: a process of {work.name} was killed, most likely because memory ran out; "
                              f"{len(left)} of {len(units)} are computed with {now} at once", stacklevel=2)  # fmt: skip
    raise WorkerKilled(work.name)


def _completed_here(
    work: Work, left: dict[int, Any], processes: int, context: BaseContext | None
) -> Iterator[tuple[int, Any]]:
    """Yield (number, result) of the units that are left, and remove them."""
    with ProcessPoolExecutor(processes, context, _begin, (work.setup, work.arguments)) as pool:
        waiting = {pool.submit(work.function, unit): number for number, unit in left.items()}
        for future in as_completed(waiting):
            result = future.result()
            del left[waiting[future]]
            yield waiting[future], result


def _begin(setup: Callable[..., None] | None, arguments: tuple) -> None:
    """Prepare a worker process, which ends when the process that it works for is killed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if setup is not None:
        setup(*arguments)


def _end_with_parent() -> None:
    parent_process().join()
    os._exit(1)  # a unit may take hours; what it stores is whole or absent, as if this process had been killed, too


def ordered(
    work: Work, items: Sequence[Any], jobs: int, context: BaseContext | None = None, chunk: int = CHUNK
) -> Iterator[Any]:
    """Yield the result of each of many small items, in their order.

    Args:
        items: the arguments of `work.function`.
        jobs: the number of threads, or of processes if there is a context.
        context: how processes are started; None for threads.
        chunk: the number of items that are sent to another process at once.
    """
    if context is None and not on_cluster():
        with ThreadPoolExecutor(max(1, jobs)) as pool:
            yield from pool.map(work.function, items)
        return
    chunks = [items[first : first + chunk] for first in range(0, len(items), chunk)]
    of_chunks = Work(work.name, _Chunk(work.function), work.setup, work.arguments, work.device)
    early: dict[int, list] = {}
    following = 0
    for number, results in completed(of_chunks, chunks, max(1, jobs), context):
        early[number] = results
        while following in early:
            yield from early.pop(following)
            following += 1


@dataclass(frozen=True)
class _Chunk:
    """A function of many items at once."""

    function: Callable[[Any], Any]

    def __call__(self, items: Sequence[Any]) -> list:
        return [self.function(item) for item in items]
