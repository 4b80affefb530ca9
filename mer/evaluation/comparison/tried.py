"""The configurations that were tested on each corpus, counted over all runs: `outputs/tried.csv`.

A test score that is the highest of many configurations is too high, also where every single run chooses inside its
training corpora: whoever changes a study after looking at its test scores chooses by them. This table counts what has
been looked at. Rows are only added, each by one write at the end of the file, so that runs at the same time, and runs
whose folders are deleted later, are counted.

A configuration is a system with everything that its models depend on except the rows: inputs, training, alterations of
the training recordings and classes. Another seed, fold or set of training corpora is not another configuration.
"""

import csv
import datetime
import errno
import io
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mer import files
from mer.evaluation.comparison.selection import configuration_counts
from mer.evaluation.protocols.jobs import StudyTask
from mer.params.systems import System
from mer.training.job import JobResult

COLUMNS = ("corpus", "protocol", "configuration", "settings", "system", "model", "inputs", "run", "date")
"""The columns of the file: the test corpus (synthetic ones have other names), the protocol, the digest of the
configuration, the number of settings that were compared inside the training corpora, and where it was first tested."""
KEY = ["corpus", "protocol", "configuration"]
"""The columns that make a row: a configuration is counted once for a test corpus and protocol."""


def record(path: Path, study: StudyTask, results: Iterable[JobResult], run: str) -> pd.DataFrame:
    """Add the configurations of tested results to a file, and return all of its rows.

    Args:
        path: `outputs/tried.csv`; it is made if it does not exist.
        study: the study that the results are of.
        results: tested results, also of ensembles.
        run: name of the run.

    Returns:
        As from `read`.

    Raises:
        OSError: the rows were not written, or only some of them.
    """
    known = set(read(path)[KEY].itertuples(index=False, name=None))
    new = [row for row in _rows(study, results, run) if tuple(row[name] for name in KEY) not in known]
    if new:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            content = _lines(new, is_first=file.tell() == 0)
            if file.write(content) != len(content):  # the system writes a part of it, which is no error
                raise OSError(errno.ENOSPC, "the disk is full: rows are missing that would count", str(path))
    return read(path)


def _lines(rows: list[dict], *, is_first: bool) -> bytes:
    """Rows as lines of the file. An empty line before them ends one that was not written to its end."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if is_first:
        writer.writeheader()
    else:
        text.write("\n")
    writer.writerows(rows)
    return text.getvalue().encode()


def read(path: Path) -> pd.DataFrame:
    """Return the rows of a file, each configuration once per corpus and protocol; none if the file does not exist.

    Lines that are not rows, as after a full disk, are left out.
    """
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    lines = path.read_text("utf-8", errors="replace").splitlines()  # each by itself: a damaged one must not hide others
    rows = [row for line in lines for row in csv.DictReader([line], COLUMNS) if _is_row(row)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(settings=table["settings"].astype("int64")).drop_duplicates(KEY, ignore_index=True)


def _is_row(row: dict) -> bool:
    return None not in row and None not in row.values() and row["settings"].isdecimal() and len(row["settings"]) < 10


def _rows(study: StudyTask, results: Iterable[JobResult], run: str) -> list[dict]:
    """One row per configuration, test corpus and protocol."""
    grouped: dict[tuple[str, str], list[JobResult]] = {}
    for result in results:
        grouped.setdefault((result.job.system, result.job.cell.protocol), []).append(result)
    rows = []
    for (system, protocol), of_system in grouped.items():
        tested = {name for one in of_system for name in set(study.task.corpora[one.job.test].tolist())}
        spec = study.params.systems[system]
        own = {
            "protocol": protocol, "configuration": configuration(study, system), "model": spec.model,
            "settings": max(1, configuration_counts(of_system)[0]), "system": system,
            "inputs": "+".join(study.inputs_of(system)), "run": run, "date": datetime.date.today().isoformat(),
        }  # fmt: skip
        rows += [{"corpus": name} | own for name in sorted(tested)]
    return rows


def configuration(study: StudyTask, system: str) -> str:
    """Return the digest of a system's configuration: its parameters, inputs, augmentation, labels and classes."""
    p, spec = study.params, study.params.systems[system]
    if spec.members:
        own = [configuration(study, name) for name in spec.members]
        content = {"members": own, "members_per": spec.members_per, "weights": spec.weights}
    else:
        trained = {name: one.model_dump(mode="json") for name, one in p.features.items() if one.is_trained}
        content = {
            "system": spec.model_dump(mode="json", exclude={"training"}),
            "training": spec.training_parameters(p.training).model_dump(mode="json"),
            "inputs": {name: [study.specs.get(name), trained.get(name)] for name in study.inputs_of(system)},
            "labels": p.labels.model_dump(mode="json"),
            "classes": study.classes,
        } | _augmentation(study, spec)
    return files.digest(content)[:16]


def _augmentation(study: StudyTask, spec: System) -> dict[str, dict]:
    """The alterations of the training recordings, of a system whose model or candidates are trained on them."""
    p = study.params
    if not any(one.training_parameters(p.training).augmented for one in spec.variants()):
        return {}
    return {"augmentation": p.augmentation.model_dump(mode="json", exclude={"seed"})}


def sentence(table: pd.DataFrame, study: StudyTask) -> str:
    """Return how many configurations have been tested by LOCO on the corpora of a study, in all runs."""
    own = table[table["corpus"].isin(study.scored) & (table["protocol"] == "loco")]
    once = own.drop_duplicates("configuration")
    if once.empty:
        return "No configuration has been tested by LOCO on these corpora."
    return (f"Over all runs, {len(once):,} configurations with {once['settings'].sum():,} settings have been tested by "
            f"LOCO on these corpora (outputs/tried.csv). A choice among them by their test scores is not inside the "
            "training corpora.")  # fmt: skip
