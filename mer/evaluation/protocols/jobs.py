"""From a study's manifest and features to a task, and from planned cells to jobs."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

from mer import corpora, features, files
from mer.corpora import Corpus
from mer.dataset.identity import duplicates
from mer.dataset.manifest import annotations, labels, schema
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import inner_folds
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.scores.confusions import Cluster, Scoring
from mer.features import AugmentedRows, Features, encoder_items
from mer.params import Run
from mer.params.features import Input, in_order
from mer.params.run import DeclaredParams
from mer.params.schema import Params, System, Training
from mer.training import ensemble
from mer.training.job import Fold, Job, JobResult
from mer.training.task import Augmented, Task


class NothingToTrain(ValueError):
    """No cell of the plan can be run."""


@dataclass(frozen=True)
class StudyTask:
    """The data of a study as the steps that train read it.

    Attributes:
        params: the sections of the study's parameters that the step declares.
        classes: the classes of the policy, in order.
        corpora: name -> corpus, of all corpora of the study.
        manifest: the usable rows, index 0..n-1.
        excluded: corpus -> reason why it is listed and not scored; empty text for corpora that are scored.
        near_duplicates: columns first and second, row numbers of near-duplicates.
        specs: specifications of the feature stores, as step 02 has written them.
        task: the same rows in numbers.
    """

    params: Params | DeclaredParams
    classes: tuple[str, ...]
    corpora: dict[str, Corpus]
    manifest: pd.DataFrame
    excluded: dict[str, str]
    near_duplicates: pd.DataFrame
    specs: dict[str, dict]
    task: Task

    @property
    def scored(self) -> list[str]:
        """The corpora that are scored: only they train, validate and test."""
        return [corpus for corpus, reason in self.excluded.items() if not reason]

    @property
    def clusters(self) -> dict[str, Cluster]:
        """Corpus -> manifest column, or columns, over which intervals are computed."""
        return corpora.clusters(self.corpora)

    @property
    def scoring(self) -> Scoring:
        """How predictions of this study are scored."""
        return Scoring(self.classes, self.clusters, self.params.evaluation.confidence)

    def systems(self, *, finetuned: bool) -> dict[str, System]:
        """Return the systems of the study by name: those that train an encoder, for step 06, or the others.

        Args:
            finetuned: which of the two. An ensemble trains an encoder if one of its members does.
        """
        p = self.params
        trained = {name for name, one in p.features.items() if one.is_trained}
        return {name: system for name, system in p.systems.items()
                if bool(trained & set(self.inputs_of(name))) == finetuned}  # fmt: skip

    def inputs_of(self, system: str) -> tuple[str, ...]:
        """Return the names of a system's inputs; of an ensemble those of all members."""
        p = self.params
        members = p.systems[system].members or (system,)
        return in_order(dict.fromkeys(name for each in members for name in p.systems[each].all_inputs), p.features)

    def plan(self, names: tuple[str, ...]) -> list[Cell]:
        """Return the cells of some protocols.

        Raises:
            ValueError: as from `cells.plan`.
        """
        accepted = self.params.evaluation.accept_duplicates
        return protocols.plan(self.manifest, names, self.scored, self.near_duplicates, accepted)

    def jobs(self, cells: list[Cell], systems: Mapping[str, System] | None = None) -> tuple[list[Job], list[str]]:
        """Return a job per cell, system and seed, and a sentence for every cell that cannot be run.

        Args:
            cells: as from `plan`.
            systems: name -> system; by default the systems of the study that train no encoder. The members of an
                ensemble are added.

        Raises:
            NothingToTrain: no cell can be run.
        """
        p, selected = self.params, dict(self.systems(finetuned=False) if systems is None else systems)
        members = {name: p.systems[name] for spec in selected.values() for name in spec.members}
        planned = members | selected if systems else selected
        jobs, skipped = plan_jobs(cells, planned, p.training, p.evaluation.seeds, self.task)
        return [*jobs, *_family_jobs(jobs, selected, self.manifest["family"].to_numpy(str), self.task)], skipped

    def with_ensembles(self, results: list[JobResult], systems: Mapping[str, System] | None = None) -> list[JobResult]:
        """Return results of jobs, and then those of the ensembles that combine them; nothing is trained.

        Args:
            results: results of the jobs of `jobs`.
            systems: name -> system; by default the systems of the study that train no encoder. Results of other
                systems are left out.
        """
        selected = dict(self.systems(finetuned=False) if systems is None else systems)
        of_systems = [result for result in results if result.job.system in selected]
        return [*of_systems, *ensemble.results(self.task, results, selected)]


def open_task(run: Run) -> StudyTask:
    """Return the data of a study as steps 01 and 02 have written them, ready for planning and training.

    Args:
        run: declares the parameters data, corpora, labels, features, training and evaluation, the section systems for
            `jobs`, and the files data/manifest.parquet, data/features.json, data/inputs.parquet and
            tables/duplicates.csv.

    Raises:
        MissingInput: an earlier step has not run.
        OutputChanged: a file differs from what its step wrote.
        MissingVectors: vectors of these rows are missing in the feature store.
        OutdatedDuplicates: the table of near-duplicates belongs to another manifest.
    """
    usable = schema.usable(pd.read_parquet(run.read("data/manifest.parquet")))
    specs = files.read_json(run.read("data/features.json"))["specs"]
    keys = features.read_keys(run.read("data/inputs.parquet"), usable["utterance_id"])
    near_duplicates = duplicates.load(run.read("tables/duplicates.csv"), usable)
    augmented = features.read_augmented(run.read("data/inputs.parquet"), usable["utterance_id"])
    return study_task(run.params, usable, near_duplicates, keys, specs, augmented)


def study_task(
    p: Params | DeclaredParams,
    usable: pd.DataFrame,
    near_duplicates: pd.DataFrame,
    keys: Mapping[str, Sequence[str | None]],
    specs: dict[str, dict],
    augmented: AugmentedRows | None = None,
) -> StudyTask:
    """Return rows of a manifest and their stored vectors as the data of a study.

    Args:
        p: the sections data, corpora, labels, features, evaluation, and those that the methods of `StudyTask` read.
        usable: the usable rows of the manifest, with the classes of the policy.
        near_duplicates: as from `duplicates.load`.
        keys: input -> the address of each row's vector.
        specs: input -> specification of its store.
        augmented: altered copies of the rows; None without copies.

    Raises:
        MissingVectors: vectors of these rows are missing in the feature store.
    """
    policy, study_corpora, store = labels.of_study(p.labels), corpora.of_study(p), files.from_root(p.data.store)
    vectors, sources = load_with_augmented(keys, augmented or AugmentedRows(), p.features, store, specs)
    mappings = labels.mappings(policy, study_corpora, p.labels.overrides)
    targets = annotations.training_targets(usable, study_corpora, mappings, policy.classes)
    return StudyTask(
        p, policy.classes, study_corpora, usable,
        excluded=protocols.scored_corpora(usable, p.evaluation.min_clips, p.evaluation.min_speakers),
        near_duplicates=near_duplicates,
        specs=specs,
        task=build_task(usable, vectors, policy.classes, targets, sources),
    )  # fmt: skip


def load_with_augmented(
    keys: Mapping[str, list[str | None]],
    augmented: AugmentedRows,
    inputs: Mapping[str, Input],
    folder: Path,
    specs: Mapping[str, dict],
) -> tuple[Features, np.ndarray]:
    """Return the features of the usable rows and, after them, of their altered copies; and the sources of the copies.

    A copy that lacks an input that its recording has is left out.

    Args:
        keys: input -> the address of each usable row.
        augmented: the copies, as from `features.read_augmented`.
        inputs: the section `features`.
        folder: the folder of all stores.
        specs: input -> specification of its store.
    """
    sources, every = augmented.sources, dict(keys)
    if len(sources):
        every = {name: [*keys[name], *augmented.keys[name]] for name in keys}
        loaded = features.load(every, folder, specs)
        whole = np.all([present[-len(sources) :] == present[sources[:, 0]] for present in loaded.present.values()], 0)
        sources = sources[whole]
        every = {name: [*keys[name], *itertools.compress(augmented.keys[name], whole)] for name in keys}
    vectors = features.load(every, folder, specs)
    return replace(vectors, items=encoder_items.load(inputs, every, folder, specs)), sources


def build_task(
    manifest: pd.DataFrame,
    vectors: Features,
    classes: tuple[str, ...],
    targets: dict[str, np.ndarray] | None = None,
    sources: np.ndarray | None = None,
) -> Task:
    """Return the usable manifest as a task; rows keep their numbers, and augmented rows follow them.

    Args:
        manifest: usable rows, index 0..n-1.
        vectors: features of the same rows, and of the augmented rows.
        classes: the classes of the policy, in order.
        targets: as from `annotations.training_targets`; required if `training.targets` is not `hard`.
        sources: of the augmented rows, the rows that each is made from (`Augmented.sources`); None if there are none.
    """
    numbers = manifest["emotion"].map({c: i for i, c in enumerate(classes)}).to_numpy(dtype=np.int64)
    corpus, groups = manifest["corpus"].to_numpy(dtype=str), normalisation_groups(manifest)
    if sources is None or not len(sources):
        return Task(vectors, numbers, corpus, len(classes), targets or {}, groups)
    first = sources[:, 0]
    every = np.concatenate([np.arange(len(manifest)), first])
    of_rows = {kind: values[every] for kind, values in (targets or {}).items()}
    # copies are standardised by themselves, so that they change no statistics of recordings
    own = {k: np.concatenate([names, np.char.add(names[first], "/augmented")]) for k, names in groups.items()}
    further = Augmented(np.arange(len(manifest), len(every)), sources)
    return Task(vectors, numbers[every], corpus[every], len(classes), of_rows, own, further)


def normalisation_groups(manifest: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return `speaker` and `corpus` -> the group of each row that `training.normalisation` standardises together.

    The parts of a published split are separate groups because they may share speakers: statistics of test rows must
    not affect training rows.
    """
    part = manifest["split"].astype(object).where(manifest["fold"].isna(), "").fillna("").astype(str)
    corpus = manifest["corpus"].astype(str) + "/" + part
    speaker = corpus + "/" + manifest["speaker_id"].astype(str)
    return {"speaker": speaker.to_numpy(str), "corpus": corpus.to_numpy(str)}


def plan_jobs(
    cells: list[Cell], systems: dict[str, System], training: Training, seeds: tuple[int, ...], task: Task
) -> tuple[list[Job], list[str]]:
    """Return a job per cell, system and seed, and a sentence for every cell that cannot be run.

    A system uses the rows on which it has at least one of its inputs, also each of its candidates. A system whose
    solution does not depend on the seed is trained once. An ensemble has no job: its members are trained
    (`mer.training.ensemble`). A system that chooses by corpora trains on the validation rows, too, and needs no cells
    of inner LOCO: its folds leave out the same families. A classical model that chooses by speakers is trained on the
    validation rows, too, after they have chosen, unless they are those of a published split. All seeds use the setting
    that the first one has chosen.

    Args:
        cells: as from `cells.plan`.
        systems: name -> system.
        training: training parameters of the study.
        seeds: the seeds of networks.
        task: features and classes of the rows.

    Raises:
        NothingToTrain: no cell can be run.
    """
    planned, skipped = [], []
    single = {name: system for name, system in systems.items() if not system.is_ensemble}
    available = {
        name: np.logical_and.reduce([task.features.available(one.inputs) for one in system.variants()])
        for name, system in single.items()
    }
    choosing = {  # a training of an encoder takes too long for folds
        name: (system.training_parameters(training), available[name])
        for name, system in single.items()
        if not task.features.trained(system.all_inputs)
    }
    folds = _folds([cell for cell in cells if cell.protocol != protocols.INNER], choosing, task)
    needless = _needless_cells(cells, systems, folds)
    inner = (cell for cell in cells if cell.protocol == protocols.INNER)
    folds |= _folds(inner, choosing, task, needless)
    for name, system in single.items():
        parameters = system.training_parameters(training)
        for cell in (cell for cell in cells if cell.train_corpora and (name, cell) not in needless):
            train, validation, test = (rows[available[name][rows]] for rows in (cell.train, cell.validation, cell.test))
            purpose = "test on" if not len(test) else "train on two classes" if len(set(task.labels[train])) < 2 else ""
            if purpose:
                inputs, trained_on = "+".join(system.inputs), "+".join(cell.train_corpora)
                skipped.append(f"{name}, {cell.protocol} of {trained_on}: no {inputs} to {purpose}")
                continue
            for seed in seeds if system.is_network else seeds[:1]:
                one = Job(name, cell, system, parameters, seed, train, validation, test)
                planned.append(_with_folds(one, folds.get((name, cell), ()), seeds[0]))
    if not systems:
        raise NothingToTrain("this step has nothing to train: every system trains an encoder, which step 06 does")
    if not planned:
        reason = "; ".join(sorted(set(skipped))[:3]) or "no corpus is scored (evaluation.min_clips, min_speakers)"
        raise NothingToTrain(f"this step has nothing to train: {reason}")
    return planned, sorted(set(skipped))


def _family_jobs(jobs: list[Job], systems: Mapping[str, System], families: np.ndarray, task: Task) -> list[Job]:
    """The jobs of the members of ensembles over families; two ensembles may share them.

    Raises:
        ValueError: a system has the name of a member.
    """
    members: dict[tuple, Job] = {}
    for name, spec in systems.items():
        for job in ensemble.family_members(jobs, spec, families) if spec.members_per == "family" else ():
            if job.system in systems:
                raise ValueError(f"systems.{job.system}: this is the name of a member of the ensemble {name}; take "
                                 "another name")  # fmt: skip
            if len(set(task.labels[job.train])) > 1:
                same = members.setdefault((job.system, job.cell, job.seed), job)
                if same.family != job.family:
                    raise ValueError(f"the families {same.family!r} and {job.family!r} have one name in the ensemble "
                                     f"{name}, {job.system}; rename one")  # fmt: skip
    return list(members.values())


def _folds(
    cells: Iterable[Cell],
    systems: Mapping[str, tuple[Training, np.ndarray]],
    task: Task,
    needless: Collection[tuple[str, Cell]] = (),
) -> dict[tuple[str, Cell], tuple[Fold, ...]]:
    """The folds of each system and cell. Systems share the arrays of a cell, unless they cannot read all rows.

    Args:
        systems: name -> its training parameters, and which rows it can read.
        needless: cells, with systems, that get no folds.
    """
    folds = {}
    for cell in cells:
        names = [name for name in systems if (name, cell) not in needless and systems[name][0].choose_by != "speakers"]
        of_cell = tuple(cell.folds) if names else ()
        folds |= {(name, cell): inner_folds.usable(of_cell, systems[name][0], task, systems[name][1]) for name in names}
    return folds


def _needless_cells(
    cells: list[Cell], systems: Mapping[str, System], folds: Mapping[tuple[str, Cell], tuple[Fold, ...]]
) -> set[tuple[str, Cell]]:
    """The cells of inner LOCO, with systems, whose two families the folds of the system's LOCO cells leave out.

    An ensemble of which one member needs such a cell needs it of all members.

    Args:
        folds: those of the systems in all other cells.
    """
    left_out = {(name, cell.held_out, fold.name) for (name, cell), own in folds.items() if cell.protocol == "loco"
                for fold in own}  # fmt: skip
    needless = {
        (name, cell)
        for name in {name for name, _ in folds}
        for cell in cells
        if cell.protocol == protocols.INNER
        and all((name, *pair) in left_out for pair in permutations(cell.held_out.split("+")))
    }
    for members in (system.members for system in systems.values() if system.is_ensemble):
        for cell in {cell for _, cell in needless}:
            if any((member, cell) not in needless for member in members):
                needless -= {(member, cell) for member in members}
    return needless


def _with_folds(job: Job, by_corpora: tuple[Fold, ...], seed: int) -> Job:
    """The job with the folds on which it chooses with a seed, and with the values of C from which it chooses."""
    choose_by = "corpora" if by_corpora else "speakers"
    strengths = {"inverse_regularisation": job.training.strengths(choose_by)}
    job = replace(job, training=job.training.model_copy(update=strengths), choose_by=choose_by)
    rows = np.union1d(job.train, job.validation)
    validation = (Fold("validation", np.sort(job.train), np.sort(job.validation)),)
    if by_corpora:
        return replace(job, train=rows, validation=rows[:0], folds=by_corpora, choice_seed=seed)
    only_validate = job.cell.has_published_validation or any(one.is_network for one in job.spec.variants())
    if len(job.validation) and not only_validate:
        return replace(job, train=rows, validation=rows[:0], folds=validation, choice_seed=seed)
    return replace(job, folds=validation, choice_seed=seed) if job.spec.candidates else job


def learning_curves(results: list[JobResult]) -> pd.DataFrame:
    """Return the histories of network trainings with columns run, epoch, corpus, metric, value.

    `corpus` is empty for the loss and `mean` for the mean over corpora. If corpora chose the number of epochs, it is
    the family that was left out, whose score is the chance-corrected UAR of restricted predictions.
    """
    rows = []
    for result in results:
        if not result.job.spec.is_network:
            continue
        run = f"{result.job.system}, seed {result.job.seed}"
        for epoch in result.history:
            rows.append((run, epoch["epoch"], "", "loss", epoch["loss"]))
            scores = {} if result.leaves_families_out else epoch
            rows += [
                (run, epoch["epoch"], c, "UAR", v) for c, v in scores.items() if c not in ("epoch", "loss", "rate")
            ]
        for family, curve in result.choice.curves.items() if result.leaves_families_out else ():
            rows += [(run, number, family, "score of the family left out", value) for number, value in enumerate(curve)]
    return pd.DataFrame(rows, columns=["run", "epoch", "corpus", "metric", "value"])
