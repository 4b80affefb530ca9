"""Arrays and JSON in one sealed file; a file that is damaged or has another name is not read."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mer import sealed, tensor_files


def write_arrays(path: Path, kind: str, arrays: Mapping[str, np.ndarray], metadata: object) -> None:
    """Write arrays and JSON types, in one step.

    Args:
        path: its name is sealed with the content, so it must identify the content.
        kind: kind of the metadata; the file is read as this kind only.
    """
    with sealed.replacing(path, path.name) as partial:
        tensor_files.write(partial, arrays, {kind: json.dumps({"seal": sealed.BLANK, "metadata": metadata})})


def read_arrays(path: Path, kind: str) -> tuple[dict[str, np.ndarray], object] | None:
    """Return what was written; None if there is no such file, or one of another kind.

    A damaged file is deleted, with a warning.
    """
    from safetensors import SafetensorError, safe_open

    try:
        sealed.check(path, path.name)
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            text = (file.metadata() or {}).get(kind)
        return text and (arrays, json.loads(text)["metadata"])
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        sealed.discard(path, error, "it is trained again")
        return None
