"""Which GPUs there are to be given to notebooks, found out without loading torch."""

import os
import platform
import shutil
import subprocess


def gpus(device: str, at_once: int = 1) -> tuple[str, ...]:
    """Return the devices that notebooks may be given, each as often as it may serve at once.

    Args:
        device: the study's `compute.device`: auto, cpu, cuda or mps.

    >>> gpus("cpu")
    ()
    """
    if device == "cpu":
        return ()
    if device == "mps" or (device == "auto" and platform.system() == "Darwin" and platform.machine() == "arm64"):
        return ("mps",) * at_once
    return tuple(number for number in _cuda() for _ in range(at_once))


def _cuda() -> list[str]:
    """The numbers of the CUDA devices that this process may use."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [number.strip() for number in visible.split(",") if number.strip() not in ("", "-1")]
    if (program := shutil.which("nvidia-smi")) is None:
        return []
    try:
        answer = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number in range(answer.stdout.count("GPU ") if answer.returncode == 0 else 0)]
