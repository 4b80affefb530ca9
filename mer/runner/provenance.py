"""The versions, the hardware and the state of the code with which a study was run."""

import importlib.metadata
import os
import platform
import re

from mer import files


def collect() -> dict:
    """Return versions, git state and hardware in JSON types; None stands for what is unknown."""
    return {
        "python": platform.python_version(),
        "packages": packages(),
        "git": files.git_state(),
        "hardware": {
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "memory_gb": _memory(),
            "gpu": files.program_output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") or None,
        },
    }


def packages() -> dict[str, str]:
    """Return the installed versions of the locked packages, or of the direct requirements without a lock."""
    lock = files.ROOT / "constraints.txt"
    try:
        lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else _requirements()
    except importlib.metadata.PackageNotFoundError:
        return {}
    names = {match[0] for line in lines if (match := re.match(r"[A-Za-z0-9][\w.-]*", line.strip()))}
    versions: dict[str, str] = {}
    for name in sorted(names, key=str.lower):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _requirements() -> list[str]:
    return [line for line in importlib.metadata.requires("mer") or [] if "extra ==" not in line]


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
