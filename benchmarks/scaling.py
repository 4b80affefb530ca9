"""Measure the cost of each step against the number of utterances, corpora, systems and workers.

    python -m benchmarks.scaling --utterances 500 1000 2000 --out benchmarks/results/scaling.json
    python -m benchmarks.scaling --utterances 1000 10000 100000 --corpora 2 3 5 --systems 1 2 4 --workers 1 2 4 --out …
    python -m benchmarks.scaling --page --out benchmarks/results/scaling.json

Each measurement is a run of synthetic corpora from empty folders; only one number differs from `BASE`. The third
command writes the tables of docs/scaling.md anew. A measurement that the file has already is not repeated, so that a
long series can be interrupted. Times are wall-clock times of whole steps, as the runner writes them to `run.json`.
"""

import argparse
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mer import files

PAGE = files.ROOT / "docs" / "scaling.md"
"""The page with the tables."""
BASE = {"utterances": 1000, "corpora": 5, "systems": 3, "workers": 2}
"""The numbers that are not varied."""
CORPORA = ("cremad", "emodb", "esd", "meld", "ravdess")
"""The synthetic corpora, of which the first ones are used."""
SPEAKERS = 12
"""The number of speakers of each corpus."""
EMOTIONS = 6
"""The number of utterances of a speaker with `clips: 1`, about; the tables state how many there were."""
SYSTEMS = {
    "logistic": {"model": "logistic", "inputs": ["audio"]},
    "gated": {"model": "gated", "inputs": ["audio", "text"]},
    "logistic_text": {"model": "logistic", "inputs": ["text"]},
    "concat": {"model": "concat", "inputs": ["audio", "text"]},
    "ridge": {"model": "ridge", "inputs": ["audio"]},
    "attention": {"model": "attention", "inputs": ["audio", "text"]},
}
"""The systems, of which the first ones are used."""
STEPS = ("01", "02", "03", "04", "07", "09")
"""The steps that are measured."""
AXES = tuple(BASE)
"""The numbers that are varied, each by itself."""
MIN_SECONDS = 1.0
"""The smallest growth of a step's time, in seconds, from which an exponent is stated: less is mostly start-up."""
MARKER = "<!-- scaling: {} -->\n{}\n<!-- end -->"
"""A table of the page between its markers."""


def study(numbers: dict[str, int], folder: Path) -> dict[str, Any]:
    """Return the parameters of a study of a given size.

    Args:
        numbers: the value of each axis.
        folder: the folder of the recordings and of the feature store.
    """
    corpora = CORPORA[: numbers["corpora"]]
    clips = max(1, round(numbers["utterances"] / len(corpora) / SPEAKERS / EMOTIONS))
    return {
        "data": {"raw": str(folder / "raw"), "store": str(folder / "store"),
                 "synthetic": {"seed": 0, "speakers": SPEAKERS, "clips": clips}},
        "corpora": list(corpora),
        "features": {"text": {"dimensions": 256}},
        "systems": dict(list(SYSTEMS.items())[: numbers["systems"]]),
        "training": {"epochs": 25, "hidden": 32, "batch_size": 64},
        "evaluation": {"seeds": [0]},
        "steps": list(STEPS),
    }  # fmt: skip


def measure(numbers: dict[str, int]) -> dict[str, Any]:
    """Run a study from empty folders; return what it took, step by step."""
    name = f"scaling-{os.getpid()}"
    outputs = files.ROOT / "outputs" / name
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "scaling.yaml"
        path.write_text(yaml.safe_dump(study(numbers, Path(place)), sort_keys=False), encoding="utf-8")
        command = [
            sys.executable,
            "run_all.py",
            str(path),
            "--name",
            name,
            "--jobs",
            str(numbers["workers"]),
            "--quiet",
        ]
        try:
            subprocess.run(command, cwd=files.ROOT, check=True)
            summary = files.read_json(outputs / "run.json")
            rows = pd.read_parquet(outputs / "data" / "manifest.parquet", columns=["duration"])
        finally:
            shutil.rmtree(outputs, ignore_errors=True)
        store = sum(one.stat().st_size for one in Path(place, "store").rglob("*") if one.is_file())
    steps = {one["number"]: {"seconds": one["seconds"], "peak_mb": one["peak_mb"]} for one in summary["steps"]}
    return {"numbers": numbers, "rows": len(rows), "hours": round(float(rows["duration"].sum()) / 3600, 4),
            "store_mb": round(store / 1e6, 1), "steps": steps}  # fmt: skip


def series(values: dict[str, Iterable[int]]) -> list[dict[str, int]]:
    """Return the numbers of all measurements: of each axis its values, with `BASE` for the others.

    >>> series({"workers": [1, 2], "systems": []})[0]
    {'utterances': 1000, 'corpora': 5, 'systems': 3, 'workers': 1}
    """
    return [BASE | {axis: value} for axis, own in values.items() for value in own]


def exponent(first: dict, last: dict, axis: str, step: str) -> float | None:
    """Return the power of `axis` with which the time of a step grows between two measurements.

    None if the time grows by less than `MIN_SECONDS`.
    """
    before, after = (one["steps"][step]["seconds"] for one in (first, last))
    size = [one["rows"] if axis == "utterances" else one["numbers"][axis] for one in (first, last)]
    if after - before < MIN_SECONDS or before <= 0 or size[0] == size[1]:
        return None
    return math.log(after / before) / math.log(size[1] / size[0])


def table(measured: list[dict], axis: str) -> str:
    """Return the Markdown table of one axis: seconds and peak memory of each step."""
    own = [one for one in measured if all(one["numbers"][name] == BASE[name] for name in AXES if name != axis)]
    own.sort(key=lambda one: one["numbers"][axis])
    if not own:
        return "*not measured yet*"
    lines = [f"| {axis} | utterances | hours | " + " | ".join(STEPS) + " | store |", "|" + "---|" * (len(STEPS) + 4)]
    for one in own:
        cells = [f"{one['steps'][step]['seconds']:.1f} s, {one['steps'][step]['peak_mb']:.0f} MB" for step in STEPS]
        lines.append(f"| {one['numbers'][axis]:,} | {one['rows']:,} | {one['hours']:.2f} | " + " | ".join(cells)
                     + f" | {one['store_mb']:.0f} MB |")  # fmt: skip
    if axis in ("utterances", "systems", "corpora") and len(own) > 1:
        powers = [exponent(own[0], own[-1], axis, step) for step in STEPS]
        cells = ["–" if power is None else f"{power:.2f}" for power in powers]
        lines.append("| *power* | | | " + " | ".join(cells) + " | |")
    return "\n".join(lines)


def write_page(content: dict[str, Any]) -> None:
    """Write the tables of the page anew."""
    text = PAGE.read_text(encoding="utf-8")
    tables = {axis: table(content["measured"], axis) for axis in AXES}
    tables["machine"] = f"Measured on {content['machine']} ({content['date']})."
    for name, body in tables.items():
        pattern = re.compile(re.escape(f"<!-- scaling: {name} -->") + r".*?<!-- end -->", re.DOTALL)
        text = pattern.sub(lambda _, name=name, body=body: MARKER.format(name, body), text)
    files.write_text(PAGE, text)


def main() -> None:
    """Measure what is missing, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for axis in AXES:
        parser.add_argument(f"--{axis}", type=int, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True, help="the JSON file of measurements")
    parser.add_argument("--page", action="store_true", help="write the tables of docs/scaling.md")
    arguments = parser.parse_args()
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    content = {"machine": machine, "date": pd.Timestamp.now().date().isoformat(), "measured": []}
    if arguments.out.is_file():
        content = files.read_json(arguments.out)
    for numbers in series({axis: getattr(arguments, axis) for axis in AXES}):
        if any(one["numbers"] == numbers for one in content["measured"]):
            continue
        content["measured"].append(measure(numbers))
        files.write_json(arguments.out, content)
        print(json.dumps(content["measured"][-1]), flush=True)
    if arguments.page:
        write_page(content)


if __name__ == "__main__":
    main()
