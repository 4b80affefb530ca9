"""The trainings of encoders that a study plans: what step 06 runs, alone or with `torchrun`.

    torchrun --nproc-per-node 2 -m mer.evaluation.finetuning params/finetune.yaml

trains with two processes or GPUs what step 06 would train, and stores the results where the step finds them. The YAML
file is the same. A run by hand needs steps 01 and 02 of the study.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mer import files, params
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.protocols.jobs import NothingToTrain, StudyTask, open_task
from mer.params.run import RUN_FOLDER, open_run
from mer.training import grid
from mer.training.cache.results import ResultCache
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import CheckpointError
from mer.training.checkpoints.checkpoint import StudyRecord
from mer.training.engines import device
from mer.training.engines.engine import Engine
from mer.training.finetune import log
from mer.training.job import Job, JobResult
from mer.training.model import TrainedModel

TRAININGS = "finetuning"
"""The folder of the run folder with results and unfinished trainings of encoders, and with their log."""
ADDRESS = "address.json"
"""The file beside a checkpoint that says by which training it was written, and the history of that training."""
READS = ("data/manifest.parquet", "data/features.json", "data/inputs.parquet", "tables/duplicates.csv")
"""The files of the run folder that are read."""
SECTIONS = ("data", "corpora", "labels", "features", "transcripts", "systems", "training", "evaluation", "compute")
"""The sections of the parameters that are read."""


def plan(study: StudyTask) -> tuple[list[Cell], list[Job], list[str]]:
    """Return the cells of the study's protocols, the jobs that train encoders, and a sentence for each that cannot run.

    Raises:
        NothingToTrain: no system trains an encoder, or no cell can be run.
    """
    if not (systems := study.systems(finetuned=True)):
        raise NothingToTrain("no system of this study trains an encoder: give one an input with `train`, as in "
                             "params/finetune.yaml, or leave step 06 out of `steps`")  # fmt: skip
    cells = study.plan(study.params.evaluation.protocols)
    return cells, *study.jobs(cells, systems)


def run_jobs(study: StudyTask, jobs: list[Job], engine: Engine, folder: Path) -> list[JobResult]:
    """Carry out jobs, whose log grows on the screen, and return their results.

    Args:
        folder: stores results and unfinished trainings.
    """
    with log.shown(engine.log):
        return grid.run_jobs(study.task, jobs, engine, folder)


def trained_model(study: StudyTask, job: Job, engine: Engine, folder: Path, record: StudyRecord) -> TrainedModel:
    """Return the model of a job with its checkpoint: as it was stored, or trained now and stored.

    Args:
        folder: the folder of the checkpoint.
    """
    task = study.task
    cache = ResultCache(folder.parent, task, engine)
    address = cache.address([job])
    stored = folder / ADDRESS
    if (written := _stored(stored)) is not None and written["address"] == address:
        try:
            model = checkpoint.load(folder, engine.device, fields=None)[0]
            model.head.history = written["history"]
            return model
        except CheckpointError as error:
            log.write(f"{error}; it is trained again")
    model = grid.fit_job(task, job, engine.device, cache.snapshot_path([job]))
    checkpoint.save(folder, model, job, task, record)
    if task.features.trained(job.spec.inputs):  # other models are trained in less time than a check takes
        content = {"address": address, "history": model.history}
        files.write_json(stored, content | {"digest": files.digest(content)})
    return model


def _stored(path: Path) -> dict | None:
    """Return what was stored beside a checkpoint; None if there is nothing, or it is not what was written."""
    try:
        written = files.read_json(path)
        whole = written.pop("digest", None) in (None, files.digest(written)) and written.keys() == {
            "address",
            "history",
        }
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError, TypeError):
        whole = False
    if not whole:
        log.write(f"{files.to_root(path)}: damaged; the model is trained again")
    return written if whole else None


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m mer.evaluation.finetuning", description=__doc__.partition("\n")[0])
    parser.add_argument("params", help="the study, such as params/finetune.yaml")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time; one with torchrun")
    arguments = parser.parse_args(words)
    try:
        selected = params.load(arguments.params)
        os.environ.setdefault(RUN_FOLDER, str(files.ROOT / "outputs" / selected.name))
        run = open_run(arguments.params, uses=SECTIONS, reads=READS, writes=(TRAININGS,))
        study = open_task(run)
    except (params.ParamsError, FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    processor = device.prepare(selected.compute.device, selected.compute.threads)
    folder, jobs = run.write(TRAININGS), plan(study)[1]
    count = 1 if "RANK" in os.environ else arguments.jobs
    engine = Engine(selected.compute.engine, processor, selected.compute.threads, count, folder / "log.txt")
    run_jobs(study, jobs, engine, folder)
    print(f"{len(jobs)} trainings are stored in {files.to_root(folder)}; step 06 reads them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
