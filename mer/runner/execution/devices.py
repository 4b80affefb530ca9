"""Find the GPUs that notebooks can be given, without loading torch."""

import os
import platform
import shutil
import subprocess


def gpus(device: str, steps_per_gpu: int = 1) -> tuple[str, ...]:
    """Return the devices that notebooks can be given, each repeated by the number of notebooks that may share it.

    Args:
        device: the study's `compute.device`: auto, cpu, cuda or mps.
        steps_per_gpu: the number of notebooks that may use one device at once.

    >>> gpus("cpu")
    ()
    """
    if device == "cpu":
        return ()
    if device == "mps" or (device == "auto" and platform.system() == "Darwin" and platform.machine() == "arm64"):
        return ("mps",) * steps_per_gpu
    return tuple(number for number in _cuda() for _ in range(steps_per_gpu))


def _cuda() -> list[str]:
    """Return the numbers of the CUDA devices that this process may use."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [number.strip() for number in visible.split(",") if number.strip() not in ("", "-1")]
    if (program := shutil.which("nvidia-smi")) is None:
        return []
    try:
        result = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number in range(result.stdout.count("GPU ") if result.returncode == 0 else 0)]
