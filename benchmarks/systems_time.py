"""The processor time of step 04 by system: all protocols, one process, one thread.

    python run_all.py params/systems.yaml --steps 01,02 && python -m benchmarks.systems_time outputs/systems

Every system is trained by itself, as in notebook 04, with the cells of all protocols and those of inner LOCO.
"""

import argparse
import os
import time
from pathlib import Path

from mer import params
from mer.evaluation.comparison import selection
from mer.evaluation.protocols import jobs as planning
from mer.evaluation.protocols.jobs import open_task
from mer.evaluation.purity import row_access
from mer.params.run import RUN_FOLDER
from mer.training import grid
from mer.training.engines import device

USES = ("data", "corpora", "labels", "features", "transcripts", "systems", "training", "evaluation", "compute")
READS = ("data/manifest.parquet", "data/features.json", "data/inputs.parquet", "tables/duplicates.csv")
PROTOCOLS = ("in_corpus", "cross_corpus", "loco")


def main() -> None:
    """Print a line per system."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the run folder of a study whose steps 01 and 02 have run")
    parser.add_argument("--study", help="another YAML with the systems; by default the run's own")
    parser.add_argument("--systems", nargs="+", help="by default all")
    arguments = parser.parse_args()
    os.environ[RUN_FOLDER] = str(arguments.run.resolve())
    device.prepare("cpu", 1)
    run = params.open_run(str(arguments.run / "params.yaml"), uses=USES, reads=READS)
    p, study = params.load(arguments.study) if arguments.study else run.params, open_task(run)
    trainings = [system.training_parameters(p.training) for system in p.systems.values()]
    evaluation = p.evaluation.model_copy(update={"protocols": PROTOCOLS})
    cells = study.plan(PROTOCOLS)
    cells += selection.plan(study.manifest, study.scored, evaluation, trainings, study.near_duplicates)
    total = 0.0
    for name, system in p.systems.items():
        if system.is_ensemble or (arguments.systems and name not in arguments.systems):
            continue
        jobs, _ = planning.plan_jobs(cells, {name: system}, p.training, p.evaluation.seeds, study.task)
        start = time.process_time()
        grid.run_jobs(study.task, jobs, grid.Engine("auto"))
        trained = time.process_time() - start
        start = time.process_time()
        row_access.check_row_access(study.task, jobs)
        checked = time.process_time() - start
        total += trained + checked
        print(f"{name:20} {len(jobs):5} jobs {trained:8.1f} s, check of row access {checked:6.1f} s", flush=True)
    print(f"{'all':20} {total:33.1f} s")


if __name__ == "__main__":
    main()
