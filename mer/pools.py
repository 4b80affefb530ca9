"""The error of a pool of processes one of which was killed."""

from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager


class WorkerKilled(RuntimeError):
    """A process of a pool ended without a result."""


@contextmanager
def explained(work: str) -> Iterator[None]:
    """Turn the error of a broken pool, which states no reason, into one that says what to do.

    Args:
        work: what the processes do, for the message.

    Raises:
        WorkerKilled: a process of the pool was killed.
    """
    try:
        yield
    except BrokenProcessPool:
        raise WorkerKilled(
            f"a process of {work} was killed, most likely because memory ran out: use fewer processes (--jobs 1) or "
            "smaller batches, and run the same command again; it continues with what is finished"
        ) from None
