"""The device of networks."""

import os

DEVICE = "MER_DEVICE"
"""The environment variable with the device of a step that has one of its own (`resources` of a study)."""


def available() -> dict[str, bool]:
    """Return device -> whether this machine has it."""
    import torch

    return {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


def resolve(requested: str) -> str:
    """Return `cpu`, `cuda` or `mps`; `auto` is `cuda` if the machine has it, and `cpu` otherwise.

    Raises:
        ValueError: this machine does not have the device.
    """
    import torch

    devices = available()
    if requested == "auto":
        return "cuda" if devices["cuda"] else "cpu"
    if not devices[requested]:
        raise ValueError(
            f"compute.device: torch {torch.__version__} finds no device {requested!r} on this machine; use auto or cpu"
        )
    return requested


def prepare(requested: str, threads: int) -> str:
    """Set up this process so that a seed fixes every bit of a result, and return the device.

    Args:
        requested: as for `resolve`; a step with a device of its own takes that one.
        threads: number of threads of torch.
    """
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic matrix products on a GPU
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("error")  # `use_deterministic_algorithms` also imports the compiler: a second
    torch.utils.deterministic.fill_uninitialized_memory = False  # saves a hundred fills in each step
    return resolve(os.environ.get(DEVICE) or requested)
