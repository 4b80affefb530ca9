"""The data of one row: its classes, its inputs and the corpora that it uses."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mer import corpora, features, files
from mer.dataset.manifest import build, lost_utterances, schema
from mer.dataset.manifest.relabelling import relabelled
from mer.evaluation.protocols.jobs import StudyTask, study_task
from mer.features import Resources, vectors
from mer.params.ablations import Ablation, study_of
from mer.params.schema import Params


@dataclass(frozen=True)
class Row:
    """A row of the table, ready to be trained.

    Attributes:
        name: name of the row.
        reference: the system that it is compared with.
        changes: what it changes.
        data: the study that it stands for. Its first system has the name of the row.
    """

    name: str
    reference: str
    changes: Ablation
    data: StudyTask


def open_row(name: str, study: StudyTask, manifest: pd.DataFrame, resources: Resources) -> Row:
    """Return a row with its data; vectors that the store lacks are extracted.

    Args:
        name: name of the row.
        study: the study, with the section `ablations` among its parameters.
        manifest: all rows of the manifest, as step 01 has written them.
        resources: device and processes of the extraction.

    Raises:
        ValueError: too many vectors of a corpus cannot be computed.
        UnknownLabel: the row's policy does not cover a corpus.
    """
    p, changes = study_of(study.params, name), study.params.ablations.rows[name]
    data = replace(study, params=p)
    if changes.labels or changes.features:
        data = _opened(p, study, manifest, resources)
    reference = study.params.ablations.reference_of(name, study.params.systems)
    return Row(name, reference, changes, without_corpora(data, changes.without))


def _opened(p: Params, study: StudyTask, manifest: pd.DataFrame, resources: Resources) -> StudyTask:
    """The data of a row with other labels or inputs."""
    if p.labels != study.params.labels:
        options = [build.BuildOptions.of_study(one) for one in (study.params, p)]
        manifest = relabelled(manifest, study.corpora, *options)
    read = {name for system in p.systems.values() for name in system.all_inputs}
    used = {name: one for name, one in p.features.items() if name in read}
    p = p.model_copy(update={"features": used})
    raw, store = (files.from_root(place) for place in (p.data.raw, p.data.store))
    filled = features.fill_in(manifest, features.transcribe(manifest, raw, store, p, resources))
    stores = features.extract(filled, raw, store, used, p.data, resources)
    keys, usable = features.keys(filled, used), schema.usable(manifest)
    failures = vectors.failures(stores, keys, usable, used)
    lost_utterances.stop_if_unreadable(failures, usable, p.data.max_lost)
    near_duplicates = _renumbered(study.near_duplicates, study.manifest, usable)
    return study_task(p, usable, near_duplicates, keys, features.specs(used, p.data))


def _renumbered(near_duplicates: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Pairs of row numbers of one manifest as those of another; pairs that are not in it are left out."""
    number = pd.Series(np.arange(len(after)), after["utterance_id"].to_numpy(object))
    ids = before["utterance_id"].to_numpy(object)
    sides = {name: number.reindex(ids[near_duplicates[name].to_numpy("int64")]).to_numpy(float)
             for name in ("first", "second")}  # fmt: skip
    return pd.DataFrame(sides).dropna().astype("int64").reset_index(drop=True)


def without_corpora(study: StudyTask, names: Iterable[str]) -> StudyTask:
    """Return a study in which some corpora are neither trained on nor tested.

    Args:
        names: ids of corpora as in the parameters.
    """
    left_out = dict.fromkeys(_in_manifest(study, names), "left out by this row")
    excluded = {corpus: reason or left_out.get(corpus, "") for corpus, reason in study.excluded.items()}
    return replace(study, excluded=excluded)


def reason_against(row: Row, study: StudyTask) -> str:
    """Return why a row would be its reference: the corpora that it leaves out are not scored. Empty text if not."""
    names = _in_manifest(study, row.changes.without)
    if names and not set(names) & set(study.scored) and set(row.changes.changes) == {"without"}:
        return f"{', '.join(row.changes.without)}: not scored in this study"
    return ""


def _in_manifest(study: StudyTask, names: Iterable[str]) -> list[str]:
    """Ids of corpora as they are in the manifest: those of a synthetic study have a suffix."""
    return [f"{name}{corpora.SYNTHETIC if study.params.data.synthetic else ''}" for name in names]


def unsearched(row: Row, study: StudyTask) -> int:
    """Return how many utterances of a row were not searched for near-duplicates, because the study excludes them."""
    return int((~row.data.manifest["utterance_id"].isin(study.manifest["utterance_id"])).sum())
