"""Measure a study of 20 corpora up to 100,000 utterances, half of them segments of longer files, step by step.

    python -m benchmarks.load --utterances 1500 3000 6000 --out benchmarks/results/load.json [--folder /tmp/load]

The corpora are those of benchmarks/load_corpora.py, with utterances of half a second, so that decoding is not the bulk
of the work. LOCO holds out each of them in turn, with two linear systems and one network. Each step is a process of its
own. A size that the file has already is not measured again, so that a long series can be interrupted.
`python -m benchmarks.scaling --page --load benchmarks/results/load.json` writes the table of docs/scaling.md.
"""

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks import load_corpora, step_costs
from mer import files

JOBS = 2
"""The number of processes of each step."""
STEPS = ("01", "02", "03", "04", "07", "09")
"""The steps that are measured."""


def study(folder: Path) -> dict[str, Any]:
    """Return the parameters of the study whose recordings and feature store are below a folder."""
    return {
        "data": {"raw": str(folder / "raw"), "store": str(folder / "store")},
        "corpora": {name: {"table": f"{name}/table.csv", "language": "en"} for name in load_corpora.CORPORA},
        "features": {"text": {"dimensions": 256}},
        "systems": {
            "ridge": {"model": "ridge", "inputs": ["audio"]},
            "logistic": {"model": "logistic", "inputs": ["audio"]},
            "gated": {"model": "gated", "inputs": ["audio", "text"], "training": {"choose_by": "speakers"}},
        },
        "training": {"epochs": 10, "hidden": 32, "batch_size": 256},
        "evaluation": {"seeds": [0], "protocols": ["loco"], "min_clips": 20},
        "steps": list(STEPS),
    }


def measure(utterances: int, folder: Path) -> dict[str, Any]:
    """Run the study from empty folders; return what each step took."""
    name, place = f"load-{os.getpid()}-{utterances}", folder / str(utterances)
    load_corpora.write(place / "raw", utterances)
    path = place / "load.yaml"
    path.write_text(yaml.safe_dump(study(place), sort_keys=False), encoding="utf-8")
    before = os.getloadavg()[0]
    try:
        steps = step_costs.measure_steps(path, name, STEPS, JOBS)
        store = sum(one.stat().st_size for one in (place / "store").rglob("*") if one.is_file())
    finally:
        shutil.rmtree(files.ROOT / "outputs" / name, ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)
    return {"utterances": utterances, "store_mb": round(store / 1e6, 1), "steps": steps,
            "date": pd.Timestamp.now().date().isoformat(),
            "load": [round(before, 1), round(os.getloadavg()[0], 1)]}  # fmt: skip


def main() -> None:
    """Measure what is missing, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utterances", type=int, nargs="+", required=True)
    parser.add_argument("--folder", type=Path, default=Path("data/load"), help="for corpora and stores")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file of measurements")
    arguments = parser.parse_args()
    step_costs.adopt_orphans()
    content = files.read_json(arguments.out) if arguments.out.is_file() else {"measured": []}
    for utterances in arguments.utterances:
        if all(one["utterances"] != utterances for one in content["measured"]):
            content["measured"].append(measure(utterances, arguments.folder))
            files.write_json(arguments.out, content)
            print(json.dumps(content["measured"][-1]), flush=True)


if __name__ == "__main__":
    main()
