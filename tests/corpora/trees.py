"""Tiny files in the layout of a corpus."""

import zlib
from pathlib import Path

import numpy as np
import soundfile


def put(folder: Path, path: str, data: bytes | str = b"RIFF") -> Path:
    """Write a file and the folders above it."""
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data.encode() if isinstance(data, str) else data)
    return place


def speech(path: Path, seconds: float = 0.5, rate: int = 16_000, seed: int | None = None) -> Path:
    """Write noise that differs for each path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(path.as_posix().encode()) if seed is None else seed)
    soundfile.write(path, random.normal(0, 0.05, round(seconds * rate)), rate)
    return path
