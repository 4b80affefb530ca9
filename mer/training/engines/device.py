"""Where to compute."""

import os


def resolve(wanted: str) -> str:
    """Return `cpu`, `cuda` or `mps`; `auto` takes a CUDA device where there is one.

    Raises:
        ValueError: the device that was asked for is not there.
    """
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[wanted]:
        raise ValueError(
            f"compute.device: {wanted!r} was asked for and torch {torch.__version__} finds none; use auto or cpu"
        )
    return wanted


def prepare(wanted: str, threads: int) -> str:
    """Return the device, with this process set up so that a seed fixes every bit of a result on it."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic matrix products on a GPU
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a hundred fills a step, for memory that nobody reads
    return resolve(wanted)


def describe(device: str) -> str:
    """Return the device in words for reports."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else device
    return f"{name}, torch {torch.__version__}, {torch.get_num_threads()} thread(s) per run"
