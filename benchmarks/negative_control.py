"""Labels permuted within speakers, through the whole pipeline: how far every protocol lies from chance.

    python benchmarks/negative_control.py RAW [--store FOLDER] [--permutations 20] [--corpora emodb ravdess …]

RAW is a folder of corpora as below data/raw. Cepstra of the recordings, logistic regression and a small gated network,
each with its own inner choice (strength, epoch). In-corpus, cross-corpus, multi-corpus and LOCO; what chance is says
mer/evaluation/protocols/negative_control.py.
"""

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import pandas as pd

from mer import features
from mer.corpora import selected
from mer.dataset.manifest import build, labels, schema
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs, negative_control
from mer.params.features import read_inputs
from mer.params.schema import Data, System, Training
from mer.training.engines import device

CORPORA = ("emodb", "emospeechin", "nemo", "ravdess", "turevdb")
SECONDS = {"min_seconds": 0.1, "max_seconds": 30.0}
PROTOCOLS = ("in_corpus", "cross_corpus", "multi_corpus", "loco")
SYSTEMS = {
    "logistic": System(model="logistic", inputs=("audio",)),
    "gated": System(model="gated", inputs=("audio",)),
}
TRAINING = Training(epochs=8, patience=3, batch_size=128, hidden=16, inverse_regularisation=(1e-3, 1e-1))


def main() -> None:
    """Print the table of the negative control."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--store", type=Path, help="keeps the vectors; by default they are thrown away")
    parser.add_argument("--permutations", type=int, default=20)
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA))
    parser.add_argument("--cepstra", type=int, default=13)
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    arguments = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    device.prepare("cpu", 1)
    options = {"policy": "paper7", "overrides": {}, "seed": 1337, "validation": 0.1, "test": 0.1, "folds": 5}
    whole = build.build(arguments.raw, selected(arguments.corpora), build.BuildOptions(**options, **SECONDS)).manifest
    manifest = schema.usable(whole).reset_index(drop=True)
    section, data = read_inputs({"audio": {"n_mfcc": arguments.cepstra}}), Data(**SECONDS)
    with tempfile.TemporaryDirectory() as place:
        store = arguments.store or Path(place)
        features.extract(whole, arguments.raw, store, section, data, features.Resources())
        seen = features.load(features.keys(whole, section), store, features.specs(section, data))
        classes = labels.classes("paper7")
        task = jobs.build_task(manifest, seen, classes)
        scored = [name for name, reason in protocols.scored_corpora(manifest, 100, 4).items() if not reason]
        cells = protocols.plan(manifest, PROTOCOLS, scored)
        start, systems = time.perf_counter(), {name: SYSTEMS[name] for name in arguments.systems}
        control = negative_control.NegativeControl(cells, systems, TRAINING, arguments.permutations)
        table = negative_control.run_all_protocols(task, manifest, classes, control)
    print(f"{len(manifest):,} clips of {', '.join(scored)}; {len(cells)} cells, {time.perf_counter() - start:.0f} s")
    with pd.option_context("display.width", 160):
        print(negative_control.summary(table).round(4).to_string(index=False))
        by = table[table["answers"] == "restricted"].groupby(["system", "protocol", "test_corpus"])
        print(by[["UAR", "chance", "guessing"]].mean().round(3).to_string())


if __name__ == "__main__":
    main()
