"""Small notebooks for the benchmarks of the runner."""

import json
from pathlib import Path

from mer.runner import Study

SETUP = """import os
from pathlib import Path

def open_run(params_file, **declared):
    return Path(os.environ["MER_RUN_FOLDER"])

folder = open_run(params_file, uses=("evaluation",), reads={reads!r}, writes={writes!r})
"""
METADATA = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write_notebook(path: Path, body: str, *, reads: tuple = (), writes: tuple = ()) -> None:
    """Write one notebook."""
    cell_texts = [
        ("markdown", "# A step\nOne line.", []),
        ("code", 'params_file = "params/demo.yaml"', ["parameters"]),
        ("code", SETUP.format(reads=reads, writes=writes), ["setup"]),
        ("code", body, []),
    ]
    cells = [
        {"cell_type": kind, "id": f"cell-{at}", "metadata": {"tags": tags}, "source": text,
         **({"outputs": [], "execution_count": None} if kind == "code" else {})}
        for at, (kind, text, tags) in enumerate(cell_texts)
    ]  # fmt: skip
    book = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(book), encoding="utf-8")


def study(folder: Path, steps: tuple[str, ...], run: str = "run") -> Study:
    """Return the study of the notebooks below `folder`."""
    params = {"evaluation": {"seeds": [0, 1, 2]}}
    return Study("toy", folder / run, params, "name: toy\n", folder / "notebooks", steps, "toy")
