"""Compare the kinds of `training.normalisation` by leave-one-corpus-out on real recordings.

    python -m benchmarks.normalisation RAW --store FOLDER [--whisper FOLDER --layer 2] [--strength 1e-3] [--json FILE]

RAW is a folder of corpora like `data/raw`; the five corpora of `benchmarks.functionals` are read. Every row of the
tables is a logistic regression with one fixed inverse regularisation, trained on all rows of four corpora and tested on
the fifth, with restricted predictions. Nothing is chosen, so no row has an advantage by choice. Each row has the mean
UAR over corpora with its interval over speakers, the paired difference to `training`, and its p-value after Holm over
the table. `fallback` is a transductive model whose test features are scaled by the statistics of the training rows
instead, as `mer.predict` does without `--adapt`.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.functionals import CORPORA, SECONDS, dataset
from mer import features, files, stats
from mer.dataset.manifest import labels
from mer.evaluation.protocols import cells, jobs
from mer.features import Features
from mer.params.schema import AudioFeatures, Data, System, Training
from mer.training import grid
from mer.training.job import Job
from mer.training.model import TrainedModel
from mer.training.task import Task

KINDS = ("training", "ranks", "corpus", "corpus_ranks", "coral", "speaker", "speaker_shrunk", "speaker_ranks",
         ("corpus_ranks", "speaker_shrunk"), ("speaker_shrunk", "coral"))  # fmt: skip
FALLBACKS = ("corpus", "corpus_ranks", "coral", "speaker", "speaker_shrunk")
"""The kinds whose models are also tested by the statistics of the training rows."""


def load(raw: Path, store: Path, whisper: Path | None, layer: int) -> tuple[Task, pd.DataFrame]:
    """Return the task of the five corpora with the inputs `functionals` and, with a network, `layer`; and its rows."""
    manifest, classes = dataset(raw), labels.classes("paper7")
    sections = {"functionals": AudioFeatures(extractor="functionals")}
    if whisper is not None:
        sections["layer"] = AudioFeatures(extractor="encoder", model=str(whisper), layer=layer)
    data = Data(**SECONDS)
    features.extract(manifest, raw, store, sections, data, features.Resources())
    vectors = features.load(features.keys(manifest, sections), store, features.specs(sections, data))
    return jobs.build_task(manifest, vectors, classes), manifest


def loco_jobs(manifest: pd.DataFrame, inputs: tuple[str, ...], kind: str | tuple[str, ...], strength: float) -> list:
    """Return a job per held-out corpus, which trains on all rows of the others."""
    training = Training(normalisation=kind, inverse_regularisation=(strength,))
    found = []
    for cell in cells.plan(manifest, ("loco",), sorted(CORPORA)):
        train = np.sort(np.concatenate([cell.train, cell.validation]))
        system = System(model="logistic", inputs=inputs)
        found.append(Job("logistic", cell, system, training, 0, train, train[:0], cell.test))
    return found


def fit(task: Task, job: Job) -> tuple[TrainedModel, Features]:
    """Return the model of a job, with its normaliser, and the features of all rows as it reads them."""
    normaliser, scaled = task.fit_normaliser(job)
    model = grid.fit_job(scaled, replace(job, training=job.training.model_copy(update={"normalisation": "training"})),
                         "cpu")  # fmt: skip
    model.normaliser = normaliser
    return model, scaled.features


def confusions(task: Task, manifest: pd.DataFrame, model: TrainedModel, job: Job, scaled: Features) -> np.ndarray:
    """Return the restricted confusions of the test rows, shape (speakers, classes, classes)."""
    truth = task.labels[job.test]
    predicted = stats.restrict(model.predict(scaled, job.test), np.unique(truth))
    speakers = manifest["speaker_id"].to_numpy(str)[job.test]
    return stats.cluster_confusions(truth, predicted, speakers, task.classes)[0]


def measure(task: Task, manifest: pd.DataFrame, inputs: tuple[str, ...], strength: float) -> dict[str, dict]:
    """Return name of a row -> corpus -> confusions."""
    rows: dict[str, dict] = {}
    for kind in KINDS:
        name = kind if isinstance(kind, str) else " + ".join(kind)
        for job in loco_jobs(manifest, inputs, kind, strength):
            model, scaled = fit(task, job)
            ways = {name: scaled}
            if kind in FALLBACKS:
                ways[f"{name}, fallback"] = model.normaliser.apply(task.features, None)
            for way, vectors in ways.items():
                counts = confusions(task, manifest, model, job, vectors)
                rows.setdefault(way, {})[job.cell.held_out] = counts
    return rows


def table(rows: dict[str, dict], reference: str = "training") -> pd.DataFrame:
    """Return UAR per corpus, the mean with its interval, and the difference of the means to that of a reference."""
    corpora = sorted(rows[reference])
    others = [name for name in rows if name != reference]
    gains = {name: stats.compare([(rows[name][c], rows[reference][c]) for c in corpora]) for name in others}
    adjusted = dict(zip(others, stats.holm([gains[name].p for name in others]), strict=True))
    shown = []
    for name, cells_ in rows.items():
        mean = stats.combined([stats.estimate(cells_[c]) for c in corpora])
        row = {"normalisation": name, **{c: f"{stats.uar(cells_[c].sum(axis=0)):.3f}" for c in corpora}}
        row["mean"] = f"{mean.point:.3f} [{mean.low:.3f}, {mean.high:.3f}]"
        if name in gains:
            gain = gains[name]
            row["difference"] = f"{gain.point:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
            row["p (Holm)"] = f"{adjusted[name]:.4f}"
        shown.append(row)
    return pd.DataFrame(shown).fillna("")


def main() -> None:
    """Print a table per set of inputs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--store", type=Path, required=True, help="folder of the vectors")
    parser.add_argument("--whisper", type=Path, help="folder of a Whisper network")
    parser.add_argument("--layer", type=int, default=2)
    parser.add_argument("--strength", type=float, default=1e-3)
    parser.add_argument("--json", type=Path, help="also writes the tables to this file")
    options = parser.parse_args()
    task, manifest = load(options.raw, options.store, options.whisper, options.layer)
    names, tables = tuple(task.features.arrays), {}
    for inputs in [(name,) for name in names] + ([names] if len(names) > 1 else []):
        print(f"\n{' + '.join(inputs)}, C = {options.strength:g}: restricted UAR with each corpus held out")
        found = table(measure(task, manifest, inputs, options.strength))
        print(found.to_string(index=False), flush=True)
        tables[" + ".join(inputs)] = found.to_dict("records")
    if options.json:
        files.write_json(options.json, {"strength": options.strength, "layer": options.layer, "tables": tables})


if __name__ == "__main__":
    main()
