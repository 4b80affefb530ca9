"""What adaptation without labels gains and how often it harms, with and without its guard; and calibration.

    python -m benchmarks.adaptation RAW [--model FOLDER --layer 2] [--normalisation corpus] [--store FOLDER] [--json F]

RAW is a folder of the five corpora of `benchmarks.functionals`. Each is held out in turn, and predicted by a logistic
regression on functionals, or on one layer of an encoder. Its regularisation and its temperature are chosen by leaving
out each training corpus as well; so is everything that adaptation needs. Nothing of the held-out corpus is read but its
features, and, for restricted predictions, its set of classes.

Every held-out corpus is a target as it is (`natural`), with the same number of rows of each class (`balanced`), with
shares of classes drawn at random (`skewed`, `two classes`), with one class (`single class`), and with 20 or 40 rows
(`few`). `before` is the method on every target with enough rows, `after` with its guard: a method is used if it does no
harm inside the training corpora. Gains are differences of UAR, accuracy (WA) and log loss (lower is a gain) to the
predictions that are not adapted; harm is the share of targets that lose more than one point of UAR.

The second table is the calibration error on each held-out corpus, with its interval over speakers, with a temperature
fitted to validation speakers and with one fitted to corpora left out.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from benchmarks import functionals, model_quality
from mer import features, stats
from mer.dataset.manifest import labels
from mer.params.schema import AudioFeatures, Data
from mer.training import calibration
from mer.training.adaptation import adaptation, methods, trial
from mer.training.adaptation.rows import Rows, Source, restricted

ANSWERS = ("free", "restricted")
DRAWS = {"balanced": 2, "skewed": 6, "two classes": 3, "few": 4}
"""Kind of target -> how often it is drawn from each held-out corpus."""


@dataclass(frozen=True)
class HeldOut:
    """One held-out corpus.

    Attributes:
        rows, labels: its rows, predicted by the model of the other corpora, and their class numbers.
        source, source_labels: the rows of the other corpora, each predicted without its own corpus.
        by_speakers: probabilities of the rows by a model that validation speakers chose and calibrated.
    """

    rows: Rows
    labels: np.ndarray
    source: Rows
    source_labels: np.ndarray
    by_speakers: np.ndarray


def held_out(vectors: np.ndarray, clips: model_quality.Clips, normalisation: str) -> dict[str, HeldOut]:
    """Return corpus -> its predictions by logistic regressions that were chosen without it."""
    x = vectors.astype(np.float64)
    if normalisation != "training":
        groups = clips.speakers if normalisation == "speaker" else clips.corpora
        x = scaled(x, groups, clips.corpora)

    def scores(train: np.ndarray, test: np.ndarray) -> list[np.ndarray]:
        ready = x if normalisation != "training" else model_quality.standardised(x, x[train])
        found = model_quality.CLASSIFIERS["logistic"](ready, clips.labels, train, test, clips.classes)
        return [np.where(z < -1e8, -np.inf, z) for z in found]

    everything = np.arange(len(clips.labels))
    outer, inner = model_quality.nested(scores, everything, clips.corpora)
    is_validation = validation_rows(clips)
    return {
        corpus: _held_out(corpus, x, clips, outer[corpus], inner, _by_speakers(scores, clips, corpus, is_validation))
        for corpus in outer
    }


def scaled(x: np.ndarray, groups: np.ndarray, wider: np.ndarray) -> np.ndarray:
    """Standardise each group by itself; one of fewer than 5 rows by its corpus."""
    result = x.copy()
    for name in np.unique(groups):
        own = groups == name
        by = own if own.sum() >= 5 else wider == wider[own][0]
        result[own] = model_quality.standardised(x[own], x[by])
    return result


def validation_rows(clips: model_quality.Clips) -> np.ndarray:
    """Return which rows are of validation speakers: a tenth of the speakers of each corpus, at least one."""
    generator, chosen = np.random.default_rng(0), []
    for corpus in np.unique(clips.corpora):
        speakers = np.unique(clips.speakers[clips.corpora == corpus])
        chosen += list(generator.permutation(speakers)[: max(1, round(0.1 * len(speakers)))])
    return np.isin(clips.speakers, chosen)


def _by_speakers(scores, clips: model_quality.Clips, corpus: str, is_validation: np.ndarray) -> np.ndarray:
    rows, outside = np.arange(len(clips.labels)), clips.corpora != corpus
    validation, test = rows[outside & is_validation], rows[~outside]
    found = scores(rows[outside & ~is_validation], np.concatenate([validation, test]))
    truth, names = clips.labels[validation], clips.corpora[validation]
    worth = [_mean_uar(z[: len(validation)], truth, names) for z in found]
    logits = found[int(np.argmax(worth))]
    t = calibration.temperature(logits[: len(validation)], truth, names, multi_label=False)
    return softmax(logits[len(validation) :] / t, axis=1)


def _held_out(corpus: str, x: np.ndarray, clips, outer: list, inner: dict, by_speakers: np.ndarray) -> HeldOut:
    others = [b for a, b in inner if a == corpus]
    source = np.concatenate([np.flatnonzero(clips.corpora == b) for b in others])
    truth, names = clips.labels[source], clips.corpora[source]
    left_out = [np.concatenate([inner[corpus, b][choice] for b in others]) for choice in range(len(outer))]
    choice = int(np.argmax([_mean_uar(z, truth, names) for z in left_out]))
    t = calibration.temperature(left_out[choice], truth, names, multi_label=False)

    def predicted(rows: np.ndarray, logits: np.ndarray) -> Rows:
        return Rows(softmax(logits / t, axis=1), x[rows], clips.corpora[rows], clips.speakers[rows])

    own = np.flatnonzero(clips.corpora == corpus)
    return HeldOut(
        predicted(own, outer[choice]), clips.labels[own], predicted(source, left_out[choice]), truth, by_speakers
    )


def _mean_uar(logits: np.ndarray, truth: np.ndarray, corpora: np.ndarray) -> float:
    """The mean over corpora of the UAR of restricted predictions."""
    values = []
    for corpus in np.unique(corpora):
        own = corpora == corpus
        answers = stats.restrict(logits[own], np.unique(truth[own]))
        values.append(stats.uar(stats.confusion(truth[own], answers, logits.shape[1])))
    return float(np.mean(values))


def targets(truth: np.ndarray, generator: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the kind of a target and its rows."""
    classes, rows = np.unique(truth), np.arange(len(truth))
    yield "natural", rows
    yield from (("single class", rows[truth == number]) for number in classes)
    for _ in range(DRAWS["balanced"]):
        count = np.bincount(truth)[classes].min()
        yield "balanced", np.concatenate([generator.permutation(rows[truth == c])[:count] for c in classes])
    for _ in range(DRAWS["skewed"]):
        shares = generator.dirichlet(np.full(len(classes), 0.5)) * min(200, len(rows) // 2)
        parts = [generator.permutation(rows[truth == c])[: round(n)] for c, n in zip(classes, shares, strict=True)]
        yield "skewed", np.concatenate(parts)
    for _ in range(DRAWS["two classes"]):
        yield "two classes", rows[np.isin(truth, generator.choice(classes, 2, replace=False))]
    for draw in range(DRAWS["few"]):
        yield "few", generator.permutation(rows)[: 20 if draw % 2 else 40]


def gains(cases: dict[str, HeldOut]) -> pd.DataFrame:
    """Return one row per held-out corpus, target, method, kind of predictions, without and with the guard."""
    rows = []
    for corpus, case in cases.items():
        classes = case.rows.probabilities.shape[1]
        uniform = np.full(classes, 1 / classes)
        for method in methods.METHODS:
            guarded = trial.fit(method, case.source, case.source_labels, uniform)
            sources = {"before": replace(guarded, steps=np.ones(2)), "after": guarded}
            for kind, own in targets(case.labels, np.random.default_rng(1)):
                if len(own) >= adaptation.MIN_ROWS:
                    base = {"corpus": corpus, "method": method, "kind": kind}
                    rows += [base | row for row in _target_gains(method, sources, case, own)]
    return pd.DataFrame(rows)


def _target_gains(method: str, sources: dict[str, Source], case: HeldOut, own: np.ndarray) -> Iterator[dict]:
    rows, truth = case.rows.take(own), case.labels[own]
    present = np.isin(np.arange(rows.probabilities.shape[1]), case.labels)
    for answers in ANSWERS:
        allowed = None if answers == "free" else np.tile(present, (len(own), 1))
        plain = _scores(restricted(rows.probabilities, present if answers != "free" else present | True), truth)
        for guard, source in sources.items():
            found = _scores(adaptation.adapt(method, source, rows, allowed), truth)
            yield {"answers": answers, "guard": guard, "UAR": plain[0], **dict(zip(("dUAR", "dWA", "dloss"),
                   found - plain, strict=True))}  # fmt: skip


def _scores(p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    confusion = stats.confusion(truth, p.argmax(axis=1), p.shape[1])
    loss = -np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-9)).mean()
    return np.array([stats.uar(confusion), stats.wa(confusion), loss])


def calibration_table(cases: dict[str, HeldOut]) -> pd.DataFrame:
    """Return the calibration error of each corpus and the mean, with intervals over speakers, by way of calibration."""
    rows = []
    for answers in ANSWERS:
        for name in ("validation speakers", "corpora left out"):
            estimates = {}
            for corpus, case in cases.items():
                p = case.by_speakers if name == "validation speakers" else case.rows.probabilities
                present = np.isin(np.arange(p.shape[1]), case.labels)
                p = p if answers == "free" else restricted(p, present)
                speakers = np.unique(case.rows.speakers, return_inverse=True)[1]
                estimates[corpus] = stats.estimate_probabilities(
                    case.labels, p[None], stats.calibration_error, [speakers]
                )
            for corpus, parts in [(c, [one]) for c, one in estimates.items()] + [("mean", list(estimates.values()))]:
                one = stats.combined(parts)
                rows.append({"answers": answers, "temperature": name, "corpus": corpus, "ECE": one.point,
                             "low": max(0.0, one.low), "high": one.high})  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--model", help="an encoder's folder; by default functionals")
    parser.add_argument("--layer", type=int, default=2)
    parser.add_argument("--normalisation", choices=("training", "corpus", "speaker"), default="training")
    parser.add_argument("--store", type=Path, help="keeps the vectors; by default they are thrown away")
    parser.add_argument("--json", type=Path, help="writes both tables there, too")
    arguments = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}")
    threadpool_limits(1)
    manifest = functionals.dataset(arguments.raw)
    number = {name: at for at, name in enumerate(labels.classes("paper7"))}
    truth = manifest["emotion"].map(number).to_numpy(dtype=np.int64)
    corpora, speakers = (manifest[column].to_numpy(dtype=str) for column in ("corpus", "speaker_id"))
    clips = model_quality.Clips(truth, corpora, speakers, len(number))
    with tempfile.TemporaryDirectory() as place:
        vectors = _vectors(manifest, arguments, arguments.store or Path(place))
    cases = held_out(vectors, clips, arguments.normalisation)
    found = gains(cases)
    found["harm"] = found["dUAR"] < -0.01
    keys = ["answers", "method", "kind", "guard"]
    table = found.groupby(keys)[["UAR", "dUAR", "dWA", "dloss", "harm"]].mean()
    errors = calibration_table(cases)
    print(table.round(3).to_string(), errors.round(3).to_string(index=False), sep="\n\n")
    if arguments.json:
        tables = {"gains": table.reset_index().round(4), "calibration": errors.round(4)}
        text = json.dumps({name: part.to_dict("records") for name, part in tables.items()}, indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")


def _vectors(manifest: pd.DataFrame, arguments: argparse.Namespace, store: Path) -> np.ndarray:
    if not arguments.model:
        return functionals.vectors(manifest, arguments.raw, store, "functionals")
    section = {"audio": AudioFeatures(extractor="encoder", model=arguments.model, layer=arguments.layer)}
    data = Data(**functionals.SECONDS)
    features.extract(manifest, arguments.raw, store, section, data, features.Resources())
    return features.load(features.keys(manifest, section), store, features.specs(section, data)).arrays["audio"]


if __name__ == "__main__":
    main()
