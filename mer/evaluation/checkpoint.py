"""A checkpoint asked about rows of any study, whose features it extracts itself.

What is called a test has nothing in it that the model, or one that it began with, was trained or validated on: no
recording, no person, no longer line of its families, by digests of their content
(mer/training/checkpoints/training_data.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mer import corpora, features, files, params
from mer.dataset.manifest import labels, schema
from mer.evaluation.protocols import cells
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.protocols.jobs import build_task
from mer.evaluation.purity import dependencies
from mer.evaluation.scores import scores
from mer.features import Features, Where
from mer.params import output_check
from mer.params.schema import Params, System, Training
from mer.training.checkpoints import checkpoint, extraction, training_data
from mer.training.checkpoints.lineage import full_exposure, rows_digest
from mer.training.checkpoints.training_data import Exposure
from mer.training.job import Job, JobResult

NEEDED = ("params.yaml", "data/manifest.parquet")
PARTS = ("auto", "all", "train", "validation", "test")
TESTS = ("auto", "test")
"""parts that are called a test; of the others, rows that the model has seen are marked"""
MEAN = "TestA"
ALTERED_COPIES = (
    "recordings are known by their samples and lines by their words: a copy that was altered (louder, faster, by MP3, "
    "misspelt) is not known here, only where one study has both corpora and its step 01 compares them"
)
"""said of every test on corpora that did not train the model, as its study need not have compared them with those"""
UNKNOWN = "unknown"
"""stands in the column `seen` of every row where it is not known what the model has seen"""


class Mismatch(ValueError):
    """The checkpoint and the study do not go together, or nothing is asked."""


@dataclass(frozen=True)
class Study:
    """A run folder in which step 01 has run, as far as it takes to ask a model about it."""

    name: str
    params: Params
    manifest: pd.DataFrame
    classes: tuple[str, ...]

    @property
    def usable(self) -> pd.DataFrame:
        """The rows that may be asked about."""
        return schema.usable(self.manifest)


@dataclass(frozen=True)
class Chosen:
    """Rows to ask about.

    Attributes:
        rows: numbers of the study's usable rows.
        seen: what the model knows of each usable row (`memory.seen`); empty where nothing.
        left_out: columns corpus, seen, rows: how many were not asked about as the model has seen them.
    """

    rows: np.ndarray
    seen: pd.Series
    left_out: pd.DataFrame


@dataclass(frozen=True)
class Evaluated:
    """What a checkpoint answered.

    Attributes:
        results: tidy, with the columns `part` and `seen` (rows that the model has seen) besides; `test_corpus` TestA is
            the mean over acted corpora.
        predictions: a row per utterance, with the column `seen`.
    """

    results: pd.DataFrame
    predictions: pd.DataFrame
    left_out: pd.DataFrame
    card: dict
    modalities: tuple[str, ...]
    part: str
    acted: tuple[str, ...]
    """corpora of which TestA is the mean"""
    notes: tuple[str, ...]
    """people whom published splits share; networks behind its features that have seen what is asked, or may have"""


def open_study(folder: Path) -> Study:
    """Read the parameters and the manifest of a run folder.

    Raises:
        Mismatch: it is no run folder in which step 01 has run.
        OutputChanged: a file differs from what its step wrote.
    """
    lacking = [name for name in NEEDED if not (folder / name).is_file()]
    if lacking:
        raise Mismatch(f"{files.to_root(folder)}: {lacking[0]} is not there; run the study's step 01 first")
    for name in NEEDED:
        output_check.check(folder, name)
    p = params.load(folder / "params.yaml")
    manifest = pd.read_parquet(folder / "data/manifest.parquet")
    if absent := [name for name in schema.COLUMNS if name not in manifest]:
        raise Mismatch(
            f"{files.to_root(folder / NEEDED[1])}: has no column {absent[0]}, as an earlier version made it: run step "
            "01 again"
        )
    return Study(p.name, p, manifest, labels.classes(p.labels.policy))


def evaluate(folder: Path, study: Study, names: tuple[str, ...] = (), part: str = "auto",
             modalities: Sequence[str] | None = None, where: Where | None = None) -> Evaluated:  # fmt: skip
    """Ask a checkpoint.

    Args:
        names: corpora; none means all.
        part: as for `chosen`.
        modalities: that it gets; the others are absent, as in training. None for all.

    Raises:
        Mismatch: other classes than the model's, a modality that it cannot do without, or nothing to ask.
        CheckpointError: the folder holds no model, one that was changed, or one whose inputs are extracted in another
            way now.
        ImportError, FileNotFoundError: a recording, package or pretrained network is missing.
    """
    where = where or Where()
    model, card = checkpoint.load(folder, where.device, fields=None)
    if set(card["classes"]) != set(study.classes):
        raise Mismatch(f"the model answers {', '.join(card['classes'])}; the study has {', '.join(study.classes)}")
    given = _given(card, modalities)
    usable, known = study.usable, full_exposure(card, folder)
    asked = chosen(card, known, study, names, part)
    seen = extracted(card, study, given, folder, where)
    enough = (np.all if _takes_all(card) else np.any)([seen.present[m][asked.rows] for m in given], axis=0)
    rows = asked.rows[enough]
    if not len(rows):
        raise Mismatch(f"none of the {len(asked.rows)} rows has {'+'.join(given)}")
    order = [card["classes"].index(name) for name in study.classes]  # the study's, whatever the model's
    none = rows[:0]
    job = Job(card["name"], Cell("checkpoint", tuple(card["corpora"]), "", 0, none, none, rows),
              System(model=card["model"], inputs=tuple(card["modalities"])),
              Training.model_validate(card["training"]), card["seed"], none, none, rows)  # fmt: skip
    scaled = build_task(usable, seen, study.classes).normalised_for(job.training)
    done = JobResult(job, *(model.predict(scaled.features, part)[:, order] for part in (rows, none)))
    table = scores.predictions([done], usable, study.classes, scaled.features.present)
    table = table.assign(train_corpora="+".join(card["corpora"]), seen=asked.seen.iloc[rows].to_numpy())
    acted = _acted(table, study) if part in TESTS else ()
    results = _scored(table, study, acted).assign(part=part)
    notes = (*_shared(known, usable.iloc[rows], table), *_notes(card, table), *_unheard(card, table, part))
    return Evaluated(results, table, asked.left_out, card, given, part, acted, notes)


def chosen(card: dict, known: Exposure | None, study: Study, names: tuple[str, ...], part: str) -> Chosen:
    """Return the rows to ask about.

    Args:
        known: what the model has seen; None where it does not say.
        names: corpora; none means all.
        part: of the study's split; `auto` is the test part of corpora of a family that the model or an ancestor has
            seen, and all of the others. Of these two and of `test` what the model has seen is left out.

    Raises:
        Mismatch: a corpus that the study lacks, no row, or nothing that may be called a test.
    """
    usable = study.usable
    there = usable["corpus"]
    if unknown := sorted(set(names) - set(there)):
        raise Mismatch(f"{unknown[0]} is not in this study, which has {', '.join(sorted(set(there)))}")
    if known is None and part in TESTS:
        raise Mismatch(
            "the model does not say all that it has seen, as an earlier version made it or what it began with: nothing "
            "can be called a test of it; train it again, or ask it about `--part all`"
        )
    families = families_of(card)
    wanted = there.isin(names) if names else pd.Series(True, there.index)
    if part == "auto":
        wanted &= ~usable["family"].isin(families) | (usable["split"] == "test")
    elif part != "all":
        wanted &= usable["split"] == part
    seen = pd.Series(UNKNOWN, usable.index) if known is None else _seen(card, known, families, study)
    out = wanted & (seen != "") if part in TESTS else pd.Series(False, usable.index)
    left = pd.DataFrame({"corpus": there[out], "seen": seen[out]}).value_counts(sort=False).reset_index(name="rows")
    rows = np.flatnonzero(wanted & ~out)
    if not len(rows):
        seen_all = f": the model has seen all {out.sum()} of them, or their speakers" if out.any() else ""
        raise Mismatch(f"no row is left of {', '.join(names) or 'all corpora'}, part {part}{seen_all}")
    return Chosen(rows, seen, left)


def families_of(card: dict) -> set[str]:
    """Return the families that a model and its ancestors have seen, by name."""
    return {family for told in (card, *card.get("ancestors", ())) for family in told.get("families") or ()}


def extracted(card: dict, study: Study, modalities: Sequence[str], place: Path, where: Where) -> Features:
    """Return features of a study's usable rows as the model takes them; what the store lacks is computed.

    Args:
        modalities: the others are absent in all rows.
        place: the model's folder, for messages.

    Raises:
        checkpoint.CheckpointError: its inputs are not made in this way any more.
        ImportError, FileNotFoundError: a recording, package or pretrained network is missing.
    """
    inputs, data = extraction.extraction_parameters(card, {}, place)
    inputs = {name: inputs[name] for name in modalities}
    specs = extraction.specs({**card, "modalities": list(modalities)}, inputs, data, place)
    raw, store = (files.from_root(getattr(study.params.data, name)) for name in ("raw", "store"))
    manifest = study.manifest
    if "text" in modalities:
        heard = features.transcribe(manifest, raw, store, study.params, where)
        manifest = features.fill_in(manifest, heard)
    features.extract(manifest, raw, store, inputs, data, where)
    found = features.load(features.keys(manifest, inputs), store, specs)
    rows = len(schema.usable(manifest))
    absent = [m for m in card["modalities"] if m not in modalities]
    arrays = {m: np.zeros((rows, card["widths"][m]), np.float32) for m in absent}
    return Features({**found.arrays, **arrays}, {**found.present, **{m: np.zeros(rows, bool) for m in absent}},
                    {m: card["features"][m]["extractor"] for m in card["modalities"]}, card["layers"])  # fmt: skip


def _seen(card: dict, known: Exposure, families: set[str], study: Study) -> pd.Series:
    """What the model knows of each usable row.

    In the data that it comes from, the plan has parted longer lines between the corpora of a family already
    (`kin.parted`); a published test part may repeat a line of its own training part.
    """
    kept = study.manifest["exclude_reason"].isna()
    found = training_data.overlap_per_row(known, families, study.manifest)[kept.to_numpy()].reset_index(drop=True)
    trained = study.usable[found.isin(training_data.PARTS)]
    if rows_digest(trained) == card["rows_sha256"]:
        found = found.where(found != "line", "")
    return found


def _given(card: dict, modalities: Sequence[str] | None) -> tuple[str, ...]:
    taken = card["modalities"]
    if modalities is None:
        return tuple(taken)
    if unknown := [m for m in modalities if m not in taken]:
        raise Mismatch(f"--modalities {unknown[0]}: the model takes {', '.join(taken)}")
    given = tuple(m for m in taken if m in modalities)
    if not given:
        raise Mismatch(f"--modalities names none of {', '.join(taken)}")
    if _takes_all(card) and len(given) < len(taken):
        raise Mismatch(
            f"--modalities {','.join(given)}: the model was trained with `missing: none` and answers from "
            f"{', '.join(taken)} together, or not at all"
        )
    return given


def _takes_all(card: dict) -> bool:
    """Whether the model answers only where no modality is missing."""
    return System(model=card["model"]).is_network and Training.model_validate(card["training"]).missing == "none"


def _shared(known: Exposure | None, rows: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """A line for each corpus of which rows are asked about though the model knows the people: its parts share them."""
    if known is None:
        return []
    by_person = training_data.speakers_in_common(known, rows) & (table["seen"] == "").to_numpy()
    counts = pd.Series(by_person).groupby(rows["corpus"].to_numpy()).agg(["sum", "size"])
    return [f"{corpus}: {n:,} of {of:,} rows are of people whom it has heard, as the published parts share them"
            for corpus, n, of in counts.itertuples() if n]  # fmt: skip


def _notes(card: dict, table: pd.DataFrame) -> tuple[str, ...]:
    """A line for each network behind the model's features that has seen what is asked about, or may have."""
    families, lines = set(table["family"]), []
    for item in dependencies.behind(card, corpora.CORPORA):
        if met := sorted(families & item.families):
            lines.append(f"{item.what} has seen {', '.join(met)} ({item.source}): these are not unseen corpora")
        elif item.certainty == dependencies.UNKNOWN:
            lines.append(f"what {item.what} has seen is not known ({item.source})")
    return tuple(dict.fromkeys(lines))


def _unheard(card: dict, table: pd.DataFrame, part: str) -> tuple[str, ...]:
    others = set(table["test_corpus"]) - set(card["corpora"])
    return (ALTERED_COPIES,) if others and part in TESTS else ()


def _acted(table: pd.DataFrame, study: Study) -> tuple[str, ...]:
    """The acted corpora that were asked about and are large enough to be scored."""
    p, sets = study.params.evaluation, corpora.test_sets(corpora.of_study(study.params))
    reasons = cells.scored(study.usable, p.min_clips, p.min_speakers)
    return tuple(c for c in sorted(set(table["test_corpus"])) if sets.get(c) == MEAN and not reasons[c])


def _scored(table: pd.DataFrame, study: Study, acted: tuple[str, ...]) -> pd.DataFrame:
    """The results, with the mean over acted corpora where there are any."""
    clusters = corpora.clusters(corpora.of_study(study.params))
    clusters = {name: clusters[name] for name in set(table["test_corpus"])}
    confidence = study.params.evaluation.confidence
    results = scores.score(table, study.classes, clusters, study=study.name, confidence=confidence)
    results = scores.with_mean(results, list(acted), MEAN) if acted else results
    counts = (table["seen"] != "").groupby(table["test_corpus"]).sum()
    counts[MEAN] = counts[list(acted)].sum()
    return results.assign(seen=results["test_corpus"].map(counts).astype("Int64"))
