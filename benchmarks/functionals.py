"""What our hand-made features cost and are worth beside openSMILE's eGeMAPS.

    python -m benchmarks.functionals RAW [--clips 120] [--repeats 5]
    python -m benchmarks.functionals RAW --quality [--store FOLDER] [--jobs 2]

RAW is a folder of corpora as below data/raw. The speed is of arrays that are decoded already, both extractors in this
process and thread, clip by clip in turn. It is processor time, which is the wall clock's on an idle machine; the
fastest of the repeats counts, per clip, then the median over clips. The limit is ten times openSMILE.

The quality is what two classifiers make of both sets on five corpora, each cell with its interval over speakers, each
row with the paired difference of the means (`benchmarks/model_quality.py` says how hyper-parameters are chosen). It
takes some ten minutes on two cores, most of it openSMILE's.
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

from benchmarks import model_quality as worth
from mer import features, stats
from mer.corpora import selected
from mer.dataset.manifest import build, labels, schema
from mer.features import registry
from mer.media.audio import read_mono
from mer.params.schema import AudioFeatures, Data

CORPORA = ("emospeechin", "ravdess", "turevdb", "emodb", "nemo")
SETS = OURS, THEIRS = ("functionals", "egemaps")
ANCHOR = {
    ("loco", "restricted", "training"): 0.355, ("loco", "restricted", "speaker"): 0.451,
    ("loco", "free", "training"): 0.302, ("loco", "free", "speaker"): 0.362,
    ("in_corpus", "restricted", "training"): 0.478, ("in_corpus", "restricted", "speaker"): 0.569,
}  # fmt: skip
"""mean UAR that was to be beaten by 0.05: eGeMAPS with the better of both classifiers per row, measured elsewhere"""
LIMIT = 10.0
SECONDS = {"min_seconds": 0.1, "max_seconds": 30.0}


def dataset(raw: Path) -> pd.DataFrame:
    """The usable rows of the five corpora."""
    options = {"policy": "paper7", "overrides": {}, "seed": 1337, "validation": 0.1, "test": 0.1, "folds": 5}
    return schema.usable(
        build.build(raw, selected(CORPORA), build.BuildOptions(**options, **SECONDS)).manifest
    ).reset_index(drop=True)


def speed(manifest: pd.DataFrame, raw: Path, clips: int, repeats: int) -> None:
    """Print milliseconds per clip of both."""
    picked = manifest.iloc[:: max(1, len(manifest) // clips)]
    sounds = [read_mono(raw / path) for path in picked["source_path"]]
    times = {name: np.full((len(sounds), repeats), np.inf) for name in SETS}
    compute = {
        name: registry.extractor("audio", name).open(AudioFeatures(extractor=name), features.Resources())
        for name in SETS
    }
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


def vectors(manifest: pd.DataFrame, raw: Path, store: Path, name: str) -> np.ndarray:
    """Return the vectors of a set, shape (clips, features)."""
    section = {"audio": AudioFeatures(extractor=name)}
    features.extract(manifest, raw, store, section, Data(**SECONDS), features.Resources())
    seen = features.load(features.keys(manifest, section), store, features.specs(section, Data(**SECONDS)))
    assert seen.present["audio"].all()
    return seen.arrays["audio"]


def quality(manifest: pd.DataFrame, raw: Path, store: Path, jobs: int) -> None:
    """Print UAR per corpus of both, its mean, and whether the means differ."""
    number = {name: at for at, name in enumerate(labels.classes("paper7"))}
    truth = manifest["emotion"].map(number).to_numpy(dtype=np.int64)
    corpora, speakers = (manifest[column].to_numpy(dtype=str) for column in ("corpus", "speaker_id"))
    clips = worth.Clips(truth, corpora, speakers, len(number))
    cells = worth.measure({name: vectors(manifest, raw, store, name) for name in SETS}, clips, jobs)
    rows = [key[1:] for key in cells if key[0] == OURS]
    gains = {row: _gain(cells[OURS, *row], cells[THEIRS, *row]) for row in rows}
    adjusted = dict(zip(rows, stats.holm([gain.p for gain in gains.values()]), strict=True))
    for protocol, answers in worth.ROWS:
        for norm in worth.NORMS:
            print(f"\n{protocol}, {answers} answers, standardised per {norm}: UAR and its 95 % interval over speakers "
                  f"(anchor of eGeMAPS {ANCHOR[protocol, answers, norm]:.3f})")  # fmt: skip
            shown = []
            for classifier in worth.CLASSIFIERS:
                row = (classifier, norm, protocol, answers)
                shown += [_line(name, classifier, cells[name, *row]) for name in SETS]
                shown[-2]["difference"] = _interval(gains[row], "+.3f")
                shown[-2]["p (Holm)"] = f"{gains[row].p:.4f} ({adjusted[row]:.4f})"
            print(pd.DataFrame(shown).fillna("").to_string(index=False))


def _line(name: str, classifier: str, cells: dict[str, np.ndarray]) -> dict[str, str]:
    alone = {corpus: stats.jackknife(cells[corpus]) for corpus in CORPORA}
    found = {corpus: f"{one.point:.3f} [{one.low:.2f}, {one.high:.2f}]" for corpus, one in alone.items()}
    return {
        "set": name,
        "classifier": classifier,
        **found,
        "mean": _interval(stats.combined([stats.estimate(c) for c in cells.values()]), ".3f"),
    }


def _gain(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> stats.Comparison:
    return stats.compare([(ours[corpus], theirs[corpus]) for corpus in CORPORA])


def _interval(one: stats.Interval | stats.Comparison, form: str) -> str:
    return f"{one.point:{form}} [{one.low:{form}}, {one.high:{form}}]"


def main() -> None:
    """Print one of the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--store", type=Path, help="keeps the vectors; by default they are thrown away")
    parser.add_argument("--jobs", type=int, default=2, help="processes that train classifiers")
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
        quality(manifest, arguments.raw, arguments.store or Path(place), arguments.jobs)


if __name__ == "__main__":
    main()
