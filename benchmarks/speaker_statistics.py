"""Measure how many unlabelled clips of a speaker or corpus its statistics need.

    python -m benchmarks.speaker_statistics RAW --store FOLDER [--draws 20] [--strength 1e-3] [--json FILE]

Each of the five corpora of `benchmarks.functionals` is held out in turn, and a logistic regression on `functionals` is
trained on all rows of the others with each kind of `training.normalisation`. The test corpus is then cut down to a few
clips per speaker: they are scaled by the statistics of these clips alone and predicted (restricted), which is what
`mer.predict --adapt speaker` does. Clips are drawn in turn from all classes (`balanced`), or from one or two classes
that are drawn for each speaker. The second table draws clips of the whole corpus, of any speaker, and scales them as
`mer.predict --adapt corpus` does. Confusions are summed over draws, the fewer the more clips are drawn. A cell is the
mean UAR over the five corpora. The rows of `training` use no statistics of the test corpus.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.normalisation import fit, load, loco_jobs
from mer import files, stats
from mer.features import Features
from mer.training.job import Job
from mer.training.model import TrainedModel
from mer.training.task import Task

KINDS = ("training", "corpus", "speaker", "speaker_shrunk", "speaker_ranks")
CORPUS_KINDS = ("training", "corpus", "corpus_ranks", "coral")
PER_SPEAKER, PER_CORPUS = (1, 2, 3, 5, 10, 20, 50, 0), (5, 10, 20, 50, 100, 200, 0)
"""The numbers of clips; 0 stands for all."""
CLASSES = {"balanced": 0, "two classes": 2, "one class": 1}
"""How clips are drawn -> the number of classes they are drawn from; 0 stands for all."""


def drawn(labels: np.ndarray, count: int, n_classes: int, generator: np.random.Generator) -> np.ndarray:
    """Return the positions of drawn clips, ascending: the classes take turns.

    Args:
        labels: class of each clip.
        count: number of clips, 0 for all; fewer if there are not so many of these classes.
        n_classes: number of classes that are drawn first, 0 for all.
    """
    present = np.unique(labels)
    chosen = generator.permutation(present)[: n_classes or len(present)]
    turns = np.full(len(labels), np.inf)
    for order, one in enumerate(chosen):
        positions = generator.permutation(np.flatnonzero(labels == one))
        turns[positions] = np.arange(len(positions)) * len(chosen) + order
    allowed = np.flatnonzero(np.isfinite(turns))
    return np.sort(allowed[np.argsort(turns[allowed], kind="stable")][: count or None])


def draw(task: Task, job: Job, groups: np.ndarray, count: int, n_classes: int,
         generator: np.random.Generator) -> np.ndarray:  # fmt: skip
    """Return rows of the test corpus, of each group as from `drawn`."""
    parts = []
    for group in np.unique(groups[job.test]):
        rows = job.test[groups[job.test] == group]
        parts.append(rows[drawn(task.labels[rows], count, n_classes, generator)])
    return np.concatenate(parts)


def confusion(task: Task, model: TrainedModel, job: Job, rows: np.ndarray) -> np.ndarray:
    """Return the confusion matrix of rows of the test corpus that are scaled by themselves."""
    features = task.features
    arrays, present = ({n: values[rows] for n, values in part.items()} for part in (features.arrays, features.present))
    alone = Features(arrays, present, features.extractors, modalities=features.modalities)
    groups = {kind: values[rows] for kind, values in task.groups.items()}
    predicted = model.predict(model.normaliser.apply(alone, groups), np.arange(len(rows)))
    allowed = np.unique(task.labels[job.test])
    return stats.confusion(task.labels[rows], stats.restrict(predicted, allowed), task.classes)


def curves(
    task: Task, manifest: pd.DataFrame, by: str, counts: tuple[int, ...], kinds: tuple, options: argparse.Namespace
) -> pd.DataFrame:
    """Return the mean UAR over corpora with columns classes, normalisation and one per number of clips.

    Args:
        by: `speaker` or `corpus`, of which so many clips are drawn.
    """
    rows = {}
    models = {kind: [(job, fit(task, job)[0]) for job in
                     loco_jobs(manifest, ("functionals",), kind, options.strength)] for kind in kinds}  # fmt: skip
    for way, n_classes in CLASSES.items():
        for kind in kinds:
            found = {"classes": way, "normalisation": kind}
            for count in counts:
                scores = [_uar(task, by, count, n_classes, one, options.draws) for one in models[kind]]
                found[str(count or "all")] = round(float(np.mean(scores)), 3)
            rows[way, kind] = found
    return pd.DataFrame(rows.values())


def _uar(task: Task, by: str, count: int, n_classes: int, trained: tuple[Job, TrainedModel], draws: int) -> float:
    job, model = trained
    total = np.zeros((task.classes, task.classes), np.int64)
    clips = draws * (5 if by == "speaker" else 25)  # of a corpus there is one group, of speakers there are many
    repeats = max(4, clips // max(5, count or 100)) if count or n_classes else 1
    for seed in range(repeats):
        rows = draw(task, job, task.groups[by], count, n_classes, np.random.default_rng(seed))
        total += confusion(task, model, job, rows)
    return stats.uar(total)


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--store", type=Path, required=True, help="folder of the vectors")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--strength", type=float, default=1e-3)
    parser.add_argument("--json", type=Path, help="also writes the tables to this file")
    options = parser.parse_args()
    task, manifest = load(options.raw, options.store, None, 0)
    per_speaker = manifest.groupby(["corpus", "speaker_id"]).size().groupby("corpus").describe()
    print("clips per speaker\n", per_speaker[["count", "min", "50%", "max"]].to_string(), "\n")
    tables = {}
    for by, counts, kinds in (("speaker", PER_SPEAKER, KINDS), ("corpus", PER_CORPUS, CORPUS_KINDS)):
        found = curves(task, manifest, by, counts, kinds, options)
        print(f"clips per {by}: mean restricted UAR over corpora\n{found.to_string(index=False)}\n", flush=True)
        tables[by] = found.to_dict("records")
    if options.json:
        files.write_json(options.json, {"draws": options.draws, "strength": options.strength, **tables})


if __name__ == "__main__":
    main()
