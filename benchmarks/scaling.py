"""Measure the cost of each step against the number of utterances, corpora, systems and workers.

    python -m benchmarks.scaling --utterances 1000 2000 4000 --out benchmarks/results/scaling.json
    python -m benchmarks.scaling --utterances 1000 10000 100000 --corpora 2 3 5 --systems 1 2 4 --workers 1 2 4 --out …
    python -m benchmarks.scaling --page --out benchmarks/results/scaling.json --load benchmarks/results/load.json

Each measurement is a run of synthetic corpora from empty folders; only one number differs from `BASE`. The third
command writes the tables of docs/scaling.md anew, with those of benchmarks/load.py. A measurement that the file has
already is not repeated, so that a long series can be interrupted. Each step is a process of its own
(benchmarks/step_costs.py); its time is that of the processor, which other programs hardly change.
"""

import argparse
import json
import math
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks import step_costs
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
"""The smallest growth of a step's time, in seconds, from which a power is stated: less is mostly start-up."""
NOT_MEASURED = "*not measured yet*"
"""What the page says instead of a table without measurements."""
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
        try:
            steps = step_costs.measure_steps(path, name, STEPS, numbers["workers"])
            rows = pd.read_parquet(outputs / "data" / "manifest.parquet", columns=["duration"])
        finally:
            shutil.rmtree(outputs, ignore_errors=True)
        store = sum(one.stat().st_size for one in Path(place, "store").rglob("*") if one.is_file())
    return {"numbers": numbers, "rows": len(rows), "hours": round(float(rows["duration"].sum()) / 3600, 4),
            "store_mb": round(store / 1e6, 1), "steps": steps, "load": round(os.getloadavg()[0], 1)}  # fmt: skip


def series(values: dict[str, Iterable[int]]) -> list[dict[str, int]]:
    """Return the numbers of all measurements: of each axis its values, with `BASE` for the others.

    >>> series({"workers": [1, 2], "systems": []})[0]
    {'utterances': 1000, 'corpora': 5, 'systems': 3, 'workers': 1}
    """
    return [BASE | {axis: value} for axis, own in values.items() for value in own]


def power(first: dict, last: dict, sizes: tuple[int, int]) -> float | None:
    """Return the power of a size with which the processor time of a step grows; None if it hardly grows.

    Args:
        first, last: what the step took, as from `step_costs.measure_steps`.
        sizes: the size of the first and of the last measurement.

    >>> power({"processor_seconds": 10}, {"processor_seconds": 40}, (1000, 2000))
    2.0
    """
    before, after = (one["processor_seconds"] for one in (first, last))
    if after - before < MIN_SECONDS or before <= 0 or sizes[0] == sizes[1]:
        return None
    return math.log(after / before) / math.log(sizes[1] / sizes[0])


def table(measured: list[dict], axis: str) -> str:
    """Return the Markdown table of one axis: processor time and peak memory of each step, and the time of all."""
    own = [one for one in measured if all(one["numbers"][name] == BASE[name] for name in AXES if name != axis)]
    own.sort(key=lambda one: one["numbers"][axis])
    if not own:
        return NOT_MEASURED
    title = "planned" if axis == "utterances" else axis  # the next column says how many there were
    lines = [f"| {title} | utterances | hours | " + " | ".join(STEPS) + " | all, wall | store |",
             "|" + "---|" * (len(STEPS) + 5)]  # fmt: skip
    for one in own:
        lines.append(f"| {one['numbers'][axis]:,} | {one['rows']:,} | {one['hours']:.2f} | {_costs(one['steps'])} | "
                     f"{one['store_mb']:.0f} MB |")  # fmt: skip
    sizes = [one["rows"] if axis == "utterances" else one["numbers"][axis] for one in (own[0], own[-1])]
    if axis != "workers" and len(own) > 1:
        lines.append(f"| *power* | | | {_powers(own[0]['steps'], own[-1]['steps'], sizes)} | |")
    return "\n".join(lines)


def load_table(measured: list[dict]) -> str:
    """Return the Markdown table of benchmarks/load.py, with the power of growth from each row to the next."""
    own = sorted(measured, key=lambda one: one["utterances"])
    if not own:
        return NOT_MEASURED
    lines = ["| utterances | " + " | ".join(STEPS) + " | all, wall | store |", "|" + "---|" * (len(STEPS) + 3)]
    for before, one in zip([None, *own[:-1]], own, strict=True):
        if before is not None:
            sizes = [before["utterances"], one["utterances"]]
            lines.append(f"| *power* | {_powers(before['steps'], one['steps'], sizes)} | |")
        lines.append(f"| {one['utterances']:,} | {_costs(one['steps'])} | {one['store_mb']:.0f} MB |")
    return "\n".join(lines)


def _costs(steps: dict[str, dict]) -> str:
    cells = [f"{steps[step]['processor_seconds']:.1f} s, {steps[step]['peak_mb']:.0f} MB" for step in STEPS]
    return " | ".join([*cells, f"{sum(one['seconds'] for one in steps.values()):.0f} s"])


def _powers(first: dict[str, dict], last: dict[str, dict], sizes: list[int]) -> str:
    values = [power(first[step], last[step], (sizes[0], sizes[1])) for step in STEPS]
    return " | ".join(["–" if value is None else f"{value:.2f}" for value in values] + [""])


def write_page(content: dict[str, Any], load: dict[str, Any]) -> None:
    """Write the tables of the page anew.

    Args:
        content: the measurements of this benchmark.
        load: those of benchmarks/load.py.
    """
    text = PAGE.read_text(encoding="utf-8")
    tables = {axis: table(content["measured"], axis) for axis in AXES} | {"load": load_table(load["measured"])}
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
    parser.add_argument("--load", type=Path, help="the JSON file of benchmarks/load.py, for the page")
    arguments = parser.parse_args()
    step_costs.adopt_orphans()
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
        write_page(content, files.read_json(arguments.load) if arguments.load else {"measured": []})


if __name__ == "__main__":
    main()
