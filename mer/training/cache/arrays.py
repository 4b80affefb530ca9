"""Arrays and JSON in one sealed file, for trainings; a file that is damaged or has another's name is not read."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mer import sealed


def write(path: Path, kind: str, arrays: Mapping[str, np.ndarray], told: object) -> None:
    """Write arrays and JSON types, in one step.

    Args:
        path: its name is part of what is sealed, so it has to say what the file is of.
        kind: names what is told; the file is read as this kind only.
    """
    from safetensors.numpy import save_file

    whole = {name: np.asarray(values, order="C") for name, values in arrays.items()}
    with sealed.replacing(path, path.name) as partial:
        save_file(whole, partial, metadata={kind: json.dumps({"seal": sealed.BLANK, "told": told})})


def read(path: Path, kind: str) -> tuple[dict[str, np.ndarray], object] | None:
    """Return what was written; None where there is no such file, or one of another kind.

    A damaged one is thrown away, with a warning.
    """
    from safetensors import SafetensorError, safe_open

    try:
        sealed.check(path, path.name)
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            text = (file.metadata() or {}).get(kind)
        return text and (arrays, json.loads(text)["told"])
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        sealed.discard(path, error, "it is trained anew")
        return None
