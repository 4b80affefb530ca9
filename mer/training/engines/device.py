"""The device of trainings."""

from mer.features.devices import available, prepare, resolve

__all__ = ["available", "describe", "prepare", "resolve"]


def describe(device: str) -> str:
    """Return a phrase for reports: the device, the version of torch and the number of threads."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else device
    return f"{name}, torch {torch.__version__}, {torch.get_num_threads()} thread(s) per job"
