"""What our hand-made features cost and are worth beside openSMILE's eGeMAPS.

    python benchmarks/functionals.py RAW [--clips 120] [--repeats 5]
    python benchmarks/functionals.py RAW --quality [--store FOLDER]

RAW is a folder of corpora as below data/raw. The speed is of arrays that are decoded already, both extractors in this
process and thread, clip by clip in turn. It is processor time, which is the wall clock's on an idle machine; the
fastest of the repeats counts, per clip, then the median over clips. The limit is ten times openSMILE.

The quality is the UAR of a balanced logistic regression, standardised on its training rows, its regularisation chosen
by validation speakers: each of five corpora from the other four (LOCO, restricted answers), and in grouped folds.
"""

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from mer import features
from mer.corpora import chosen
from mer.dataset import build, labels, schema
from mer.evaluation import protocols, scores, study
from mer.features import acoustic
from mer.media.audio import read_mono
from mer.params.schema import Acoustic, Data, Features, System, Training
from mer.training import grid

CORPORA = ("emospeechin", "ravdess", "turevdb", "emodb", "nemo")
SETS = ("functionals", "egemaps")
ANCHOR = {"loco": 0.355, "in_corpus": 0.478}
"""mean UAR of eGeMAPS with the better of logistic regression and RBF SVM"""
LIMIT = 10.0
SECONDS = {"min_seconds": 0.1, "max_seconds": 30.0}
REGULARISATION = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def dataset(raw: Path) -> pd.DataFrame:
    """The usable rows of the five corpora."""
    options = {"policy": "paper7", "overrides": {}, "seed": 1337, "validation": 0.1, "test": 0.1, "folds": 5}
    return schema.usable(build.build(raw, chosen(CORPORA), **options, **SECONDS).manifest).reset_index(drop=True)


def speed(manifest: pd.DataFrame, raw: Path, clips: int, repeats: int) -> None:
    """Print milliseconds per clip of both."""
    picked = manifest.iloc[:: max(1, len(manifest) // clips)]
    sounds = [read_mono(raw / path) for path in picked["source_path"]]
    times = {name: np.full((len(sounds), repeats), np.inf) for name in SETS}
    compute = {name: acoustic.EXTRACTORS[name].open(Acoustic(extractor=name), features.Where()) for name in SETS}
    for turn in range(-1, repeats):  # the first turn fills caches
        for at, samples in enumerate(sounds):
            for name in SETS:
                start = time.process_time()
                compute[name]([samples])
                if turn >= 0:
                    times[name][at, turn] = time.process_time() - start
    best = {name: values.min(axis=1) for name, values in times.items()}
    seconds = np.array([len(samples) / 16_000 for samples in sounds])
    print(f"\n{len(sounds)} clips, median {np.median(seconds):.2f} s, {repeats} repeats, one thread each")
    for name, values in best.items():
        print(f"{name:12} median {1000 * np.median(values):6.2f} ms a clip, all clips {values.sum():6.2f} s "
              f"({seconds.sum() / values.sum():5.0f} times real time)")  # fmt: skip
    ratios = best["egemaps"] / best["functionals"]
    whole = best["egemaps"].sum() / best["functionals"].sum()
    print(f"ratio: median clip {np.median(ratios):.1f}, slowest clip {ratios.min():.1f}, all clips {whole:.1f} "
          f"(limit {LIMIT:.0f})")  # fmt: skip


def quality(manifest: pd.DataFrame, raw: Path, store: Path) -> None:
    """Print UAR per corpus of both, and which regularisation was chosen."""
    classes = labels.classes("paper7")
    rows = []
    for name in SETS:
        section = Features(acoustic={"extractor": name})
        features.extract(manifest, raw, store, section, Data(**SECONDS), features.Where())
        seen = features.load(features.keys(manifest, section), store, features.specs(section, Data(**SECONDS)))
        task = study.task_of(manifest, seen, classes)
        system = {name: System(model="logistic", modalities=("audio",))}
        cells = protocols.plan(manifest, ("loco", "in_corpus"), list(CORPORA))
        training = Training(inverse_regularisation=REGULARISATION)
        jobs, skipped = study.jobs(cells, system, training, (0,), task)
        assert not skipped, skipped
        done = grid.run(task, jobs, grid.Engine())
        table = scores.predictions(done, manifest, classes)
        clusters = dict.fromkeys(CORPORA, "speaker_id")
        found = scores.score(table, classes, clusters, study="functionals", confidence=0.95)
        rows.append(found[(found["metric"] == "UAR") & found["seed"].isna() & (found["answers"] == "restricted")])
    results = pd.concat(rows)
    results["shown"] = [f"{v:.3f} [{a:.2f}, {b:.2f}]" for v, a, b in results[["value", "low", "high"]].to_numpy()]
    for protocol, anchor in ANCHOR.items():
        part = results[results["protocol"] == protocol]
        print(f"\n{protocol}, restricted answers: UAR and its 95 % interval over speakers")
        print(part.pivot(index="system", columns="test_corpus", values="shown")[list(CORPORA)].to_string())
        means = part.groupby("system")["value"].mean()
        print(", ".join(f"{name}: mean {means[name]:.3f}" for name in SETS), f"(anchor of eGeMAPS {anchor})")


def main() -> None:
    """Print one of the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--store", type=Path, help="keeps the vectors; by default they are thrown away")
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
          f"Python {platform.python_version()}, NumPy {np.__version__}")  # fmt: skip
    threadpool_limits(1)
    manifest = dataset(arguments.raw)
    if not arguments.quality:
        speed(manifest, arguments.raw, arguments.clips, arguments.repeats)
        return
    with tempfile.TemporaryDirectory() as place:
        quality(manifest, arguments.raw, arguments.store or Path(place))


if __name__ == "__main__":
    main()
