"""A checkpoint asked about rows of any study: other parts, other corpora, another study's features."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mer import corpora, features, files, params
from mer.dataset import labels, schema
from mer.evaluation import scores
from mer.evaluation.protocols import Cell
from mer.evaluation.study import task_of
from mer.features import Features
from mer.params.schema import System, Training
from mer.training import checkpoint
from mer.training.job import Done, Job

NEEDED = ("params.yaml", "data/manifest.parquet", "data/features.json", "data/inputs.parquet")
PARTS = ("auto", "all", "train", "validation", "test")


class Mismatch(ValueError):
    """The checkpoint and the study do not go together, or nothing is asked."""


@dataclass(frozen=True)
class Study:
    """A finished run folder, as far as it takes to ask a model about it."""

    name: str
    usable: pd.DataFrame
    features: Features
    specs: dict[str, dict]
    classes: tuple[str, ...]
    clusters: dict[str, str | tuple[str, ...]]
    confidence: float


def open_study(folder: Path) -> Study:
    """Read the parameters, manifest and features of a run folder.

    Raises:
        Mismatch: it is no run folder in which steps 01 and 02 have run.
    """
    lacking = [name for name in NEEDED if not (folder / name).is_file()]
    if lacking:
        raise Mismatch(f"{files.to_root(folder)}: {lacking[0]} is not there; run the study's steps 01 and 02 first")
    p = params.load(folder / "params.yaml")
    usable = schema.usable(pd.read_parquet(folder / "data/manifest.parquet"))
    specs = files.read_json(folder / "data/features.json")["specs"]
    keys = features.read_keys(folder / "data/inputs.parquet", usable["utterance_id"])
    seen = features.load(keys, files.from_root(p.data.store), specs)
    clusters = corpora.clusters(corpora.chosen(p.corpora))
    return Study(p.name, usable, seen, specs, labels.classes(p.labels.policy), clusters, p.evaluation.confidence)


def chosen(card: dict, study: Study, names: tuple[str, ...], part: str) -> np.ndarray:
    """Return the rows to ask about; numbers of the study's usable rows.

    Args:
        names: corpora; none means all.
        part: of the study's split; `auto` is the test part of corpora that the model or an ancestor has seen, and all
            of the others.

    Raises:
        Mismatch: a corpus that the study lacks, or no row.
    """
    there = study.usable["corpus"]
    if unknown := sorted(set(names) - set(there)):
        raise Mismatch(f"{unknown[0]} is not in this study, which has {', '.join(sorted(set(there)))}")
    wanted = there.isin(names) if names else pd.Series(True, there.index)
    if part == "auto":
        known = {family for told in (card, *card.get("ancestors", ())) for family in told.get("families") or ()}
        wanted &= ~study.usable["family"].isin(known) | (study.usable["split"] == "test")
    elif part != "all":
        wanted &= study.usable["split"] == part
    rows = np.flatnonzero(wanted & study.features.available(card["modalities"]))
    if not len(rows):
        raise Mismatch(
            f"no row is left: corpora {', '.join(names) or 'all'}, part {part}, {'+'.join(card['modalities'])}"
        )
    return rows


def evaluate(folder: Path, study: Study, names: tuple[str, ...] = (), part: str = "auto",
             device: str = "cpu") -> tuple[pd.DataFrame, pd.DataFrame, dict]:  # fmt: skip
    """Return the results of a checkpoint, its predictions, and its card.

    Raises:
        Mismatch: other classes or features than the model was trained on, or nothing to ask.
        checkpoint.Unusable: the folder holds no model.
    """
    model, card = checkpoint.load(folder, device)
    if set(card["classes"]) != set(study.classes):
        raise Mismatch(f"the model answers {', '.join(card['classes'])}; the study has {', '.join(study.classes)}")
    for modality in card["modalities"]:
        if study.specs.get(modality) != card["features"][modality]:
            raise Mismatch(f"{modality}: {_difference(card['features'][modality], study.specs.get(modality))}")
    rows = chosen(card, study, names, part)
    order = [card["classes"].index(name) for name in study.classes]  # the study's, whatever the model's
    none = rows[:0]
    job = Job((card["name"], Cell("checkpoint", tuple(card["corpora"]), "", 0, none, none, rows)),
              System(model=card["model"], modalities=tuple(card["modalities"])),
              Training.model_validate(card["training"]), card["seed"], none, none, rows)  # fmt: skip
    seen = task_of(study.usable, study.features, study.classes).seen_by(job.training)
    done = Done(job, model.predict(seen.features, rows)[:, order], [])
    table = scores.predictions([done], study.usable, study.classes).assign(train_corpora="+".join(card["corpora"]))
    clusters = {name: study.clusters[name] for name in set(table["test_corpus"])}
    return scores.score(table, study.classes, clusters, study=study.name, confidence=study.confidence), table, card


def _difference(ours: dict, theirs: dict | None) -> str:
    if theirs is None:
        return "the model needs it, and the study has no such features"
    name = next(name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name))
    return f"the model was trained on {name} = {ours.get(name)!r}; the study's features have {theirs.get(name)!r}"
