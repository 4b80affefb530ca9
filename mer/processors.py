"""How many processors there are, and how many threads numerical libraries use."""

import os
import sys

THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
                 "NUMEXPR_NUM_THREADS")  # fmt: skip
"""The environment variables from which numerical libraries read their number of threads when they are loaded."""


def count() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_threads(threads: int) -> None:
    """Set the number of threads of numerical libraries in this process, for those that are loaded and the others.

    The number changes the last bits of sums. Two threads that share a processor also make small products of matrices
    many times slower.
    """
    os.environ.update(dict.fromkeys(THREAD_LIMITS, str(threads)))
    if "numpy" in sys.modules:  # loaded libraries do not read the environment again
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)
