"""Processes that were killed: the error that says so, and what is tried again with less at once."""

import os
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

ATTEMPT = "MER_ATTEMPT"
"""The environment variable with the number of attempts of a step that ran out of memory before this one."""
MAX_RETRIES = 2
"""The number of times that something that ran out of memory is tried again."""


class WorkerKilled(RuntimeError):
    """A process of a pool ended without a result."""


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
