"""What exact Shapley values of training corpora cost, and what they are on real recordings.

    python benchmarks/shapley.py [--threads 1] [--repeats 3] [--refits 126]
    python benchmarks/shapley.py --raw RAW [--store FOLDER] [--penalty 0.1]

Without RAW: 7 generated corpora of 1,500 rows, 24 speakers, 7 classes and 928 features; every coalition for every
target, reading of the rows, prediction and intervals included. The rival is scikit-learn as one would write it:
`StandardScaler` and `RidgeClassifier` (float64, Cholesky, balanced) once per distinct coalition, predicting all targets
outside, which is kinder than once per coalition and target. `--refits` takes fewer coalitions, evenly spread, and
scales the time up. Both sides in this process, with the same number of BLAS threads; wall clock and processor time.

With RAW, a folder of corpora as below data/raw: the tables of our functionals.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mer import features, stats
from mer.corpora import selected
from mer.dataset.manifest import build, labels, schema
from mer.evaluation.comparison import shapley
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs
from mer.evaluation.scores.confusions import Scoring
from mer.params.features import read_inputs
from mer.params.schema import Data
from mer.training.task import Task

CORPORA, ROWS, SPEAKERS, CLASSES, WIDTH = 7, 1500, 24, 7, 928
LIMIT = 5.0
PENALTY = 0.1
REAL = ("emospeechin", "ravdess", "turevdb", "emodb", "nemo")
SECONDS = {"min_seconds": 0.1, "max_seconds": 30.0}


def generated() -> tuple[Task, pd.DataFrame, list[protocols.Cell]]:
    """Corpora that share some of what tells their classes apart."""
    generator = np.random.default_rng(0)
    n = CORPORA * ROWS
    corpus = np.repeat([f"corpus{c}" for c in range(CORPORA)], ROWS)
    label = generator.integers(0, CLASSES, n)
    common, own = generator.normal(0, 0.2, (2, CORPORA, CLASSES, WIDTH))
    mixing = np.eye(WIDTH) + generator.normal(0, 0.1, (WIDTH, WIDTH))
    x = generator.normal(0, 1, (n, WIDTH)) @ mixing + (common[:1] + own)[np.arange(n) // ROWS, label]
    speaker = np.char.add(corpus, (np.arange(n) % SPEAKERS).astype(str))
    manifest = pd.DataFrame({"corpus": corpus, "family": corpus, "speaker_id": speaker})
    rows, cells = np.arange(n), []
    for held_out in np.unique(corpus):
        others = tuple(np.unique(corpus[corpus != held_out]))
        cells.append(
            protocols.Cell("loco", others, held_out, 0, rows[corpus != held_out], rows[:0], rows[corpus == held_out])
        )
    seen = features.Features({"audio": x.astype(np.float32)}, {"audio": np.ones(n, bool)})
    return Task(seen, label, corpus, CLASSES), manifest, cells


def clocks(function) -> tuple[float, float, object]:
    """Wall clock and processor time of a call, and what it returned."""
    wall, processor = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - wall, time.process_time() - processor, result


def refit(task: Task, coalition: list[str]) -> dict[str, float]:
    """scikit-learn on the rows of a coalition: target -> UAR."""
    x, train = task.features.arrays["audio"], np.isin(task.corpora, coalition)
    scaler = StandardScaler().fit(x[train].astype(np.float64))
    model = RidgeClassifier(alpha=PENALTY * train.sum(), class_weight="balanced", solver="cholesky")
    model.fit(scaler.transform(x[train].astype(np.float64)), task.labels[train])
    answers = model.predict(scaler.transform(x[~train].astype(np.float64)))
    truth, where = task.labels[~train], task.corpora[~train]
    return {t: stats.uar(stats.confusion(truth[where == t], answers[where == t], CLASSES)) for t in np.unique(where)}


def speed(repeats: int, refits: int) -> None:
    """Print the time of both sides and whether they agree."""
    task, manifest, cells = generated()
    scoring = Scoring(tuple(map(str, range(CLASSES))), dict.fromkeys(np.unique(task.corpora), "speaker_id"))

    def ours() -> tuple[pd.DataFrame, pd.DataFrame]:
        return shapley.of_corpora(task, manifest, cells, ("audio",), scoring, penalty=PENALTY)

    runs = [clocks(ours) for _ in range(repeats)]
    coalitions = runs[0][2][1]
    every = sorted(set(coalitions["corpora"]) - {""})
    (wall, fast), (processor, least) = (
        (statistics.median(times), min(times)) for times in ([run[i] for run in runs] for i in (0, 1))
    )
    print(f"\n{CORPORA} corpora of {len(task.labels):,} rows and {WIDTH} features, {len(coalitions)} values of "
          f"{len(every)} coalitions (limit {LIMIT:.0f} s)\nours, median of {repeats}: {wall:.2f} s, processor "
          f"{processor:.2f} s; fastest {fast:.2f} s, processor {least:.2f} s")  # fmt: skip
    if not refits:
        return
    picked = every[:: max(1, len(every) // refits)]
    worth = coalitions.set_index(["corpora", "target"])["value"]
    plain = [(name, *clocks(lambda n=name: refit(task, n.split("+")))) for name in picked]
    apart = [abs(worth[name, target] - value) for name, *_, found in plain for target, value in found.items()]
    share = len(every) / len(picked)
    rival_wall, rival_processor = (share * sum(p[i] for p in plain) for i in (1, 2))
    print(f"scikit-learn, {len(picked)} of {len(every)} coalitions refitted, scaled to all: {rival_wall:.1f} s, "
          f"processor {rival_processor:.1f} s; {rival_wall / wall:.1f} and {rival_processor / processor:.1f} times "
          f"ours")  # fmt: skip
    print(f"largest difference of {len(apart)} UARs: {max(apart):.1e}, {np.count_nonzero(apart)} differ at all")


def real(raw: Path, store: Path, penalty: float) -> None:
    """Print what each corpus is worth for each of the others."""
    options = {"policy": "paper7", "overrides": {}, "seed": 1337, "validation": 0.1, "test": 0.1, "folds": 5}
    whole = build.build(raw, selected(REAL), build.BuildOptions(**options, **SECONDS)).manifest
    manifest = schema.usable(whole).reset_index(drop=True)
    section, data = read_inputs({"audio": {"extractor": "functionals"}}), Data(**SECONDS)
    features.extract(whole, raw, store, section, data, features.Resources())
    seen = features.load(features.keys(whole, section), store, features.specs(section, data))
    classes = labels.classes("paper7")
    task = jobs.build_task(manifest, seen, classes)
    cells = protocols.plan(manifest, ("loco",), list(REAL))
    scoring = Scoring(classes, dict.fromkeys(REAL, "speaker_id"))
    seconds, _, (values, coalitions) = clocks(
        lambda: shapley.of_corpora(task, manifest, cells, ("audio",), scoring, penalty=penalty)
    )
    values["shown"] = [f"{v:+.3f} [{a:+.2f}, {b:+.2f}]" for v, a, b in values[["value", "low", "high"]].to_numpy()]
    table = values.pivot(index="player", columns="target", values="shown").fillna("")
    ends = coalitions.groupby("target")["value"].agg(["first", "last"]).T
    ends.index = ["guessing", "all others"]  # as coalitions are in order
    print(f"\nUAR gained by a training corpus (row) for a target (column), λ = {penalty:g} n, {seconds:.2f} s; "
          f"95 % intervals over the target's speakers")  # fmt: skip
    print(pd.concat([table, ends.map("{:.3f}".format)])[list(REAL)].to_string())


def main() -> None:
    """Print the speed, or the tables of real recordings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--store", type=Path, help="keeps the vectors; by default they are thrown away")
    parser.add_argument("--penalty", type=float, default=PENALTY)
    parser.add_argument("--threads", type=int, default=1, help="of BLAS")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--refits", type=int, default=126)
    arguments = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
          f"{arguments.threads} BLAS thread(s), Python {platform.python_version()}, NumPy {np.__version__}, "
          f"SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}")  # fmt: skip
    threadpool_limits(arguments.threads)
    if not arguments.raw:
        speed(arguments.repeats, arguments.refits)
        return
    with tempfile.TemporaryDirectory() as place:
        real(arguments.raw, arguments.store or Path(place), arguments.penalty)


if __name__ == "__main__":
    main()
