"""Choosing by corpora or by speakers: what each gives on corpora that nobody has seen, and what it costs.

    python run_all.py params/STUDY.yaml --steps 01,02 && python -m benchmarks.choosing outputs/STUDY [--input audio]

STUDY is any study of four families or more. Each classical model is trained for LOCO by both ways of choosing, from the
same values of C, and with each value of C fixed. Scores are means over corpora of the chance-corrected UAR; differences
are tested over speakers (mer/evaluation/comparison/comparison.py). Times are of the processor, in one thread.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mer import params, stats
from mer.evaluation.comparison import comparison
from mer.evaluation.protocols import jobs as planning
from mer.evaluation.protocols.jobs import StudyTask, open_task
from mer.evaluation.scores import scores
from mer.params.run import RUN_FOLDER
from mer.params.schema import System, Training
from mer.params.systems import STRENGTHS
from mer.training import grid
from mer.training.engines import device
from mer.training.job import JobResult

MODELS = ("logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf")
WAYS = ("corpora", "speakers")
USES = ("data", "corpora", "labels", "features", "transcripts", "systems", "training", "evaluation", "compute")
READS = ("data/manifest.parquet", "data/features.json", "data/inputs.parquet", "tables/duplicates.csv")


def main() -> None:
    """Print the scores, what was chosen, the tests and the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the run folder of a study whose steps 01 and 02 have run")
    parser.add_argument("--input", default="audio")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--json", type=Path, help="where the figures are written")
    arguments = parser.parse_args()
    os.environ[RUN_FOLDER] = str(arguments.run.resolve())
    device.prepare("cpu", 1)
    study = open_task(params.open_run(str(arguments.run / "params.yaml"), uses=USES, reads=READS))
    figures = {}
    for model in arguments.models:
        figures[model] = measured(study, model, arguments.input)
        print(f"\n{model}\n{pd.DataFrame(figures[model]['systems']).round(3).to_string(index=False)}")
        print(pd.DataFrame(figures[model]["difference"]).round(4).to_string(index=False))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def measured(study: StudyTask, model: str, input_name: str) -> dict[str, list[dict]]:
    """Return the row of each way of choosing and each fixed C, and the paired difference of the two ways."""
    predictions, rows = [], []
    values = STRENGTHS["corpora"]
    systems = {way: {"choose_by": way, "inverse_regularisation": values} for way in WAYS}
    systems |= {f"C = {value:g}": {"choose_by": "speakers", "inverse_regularisation": (value,)} for value in values}
    for name, training in systems.items():
        system = System(model=model, inputs=(input_name,), training=training)
        planned, _ = planning.plan_jobs(study.plan(("loco",)), {name: system}, Training(), (0,), study.task)
        start = time.process_time()
        results = grid.run_jobs(study.task, planned, grid.Engine())
        seconds = time.process_time() - start
        predictions.append(scores.predictions(results, study.manifest, study.classes, study.task.features.present))
        rows.append({"system": name, **_scores(study, predictions[-1]), "ECE": _calibration_error(study, results),
                     "seconds": seconds, "chosen": " ".join(map(_chosen, results))})  # fmt: skip
    both = pd.concat(predictions[: len(WAYS)], ignore_index=True)
    compared = comparison.compare(both, study.scoring, "speakers", answers="restricted")
    columns = ["test_corpus", "value", "reference_value", "difference", "low", "high", "p", "p_holm", "verdict"]
    return {"systems": rows, "difference": compared[columns].to_dict("records")}


def _scores(study: StudyTask, predictions: pd.DataFrame) -> dict[str, float]:
    """The mean over corpora of the chance-corrected UAR, and the UAR of each, of restricted predictions."""
    results = scores.score(predictions, study.scoring, study="t")
    own = results[(results["answers"] == "restricted") & results["seed"].isna()]
    own = own[own["test_corpus"].isin(study.scored)]
    corrected, uar = (own[own["metric"] == name] for name in ("UAR_chance_corrected", "UAR"))
    return {"mean": float(corrected["value"].mean()), **uar.set_index("test_corpus")["value"].astype(float).to_dict()}


def _calibration_error(study: StudyTask, results: list[JobResult]) -> float:
    """The mean calibration error over held-out families, of free predictions."""
    return float(np.mean([stats.calibration_error(study.task.labels[r.job.test], r.probabilities) for r in results]))


def _chosen(result: JobResult) -> str:
    best = result.choice.setting if result.choice else max(result.history, key=lambda one: one["mean"])
    return f"{best['inverse_regularisation']:g}" + (f"/{best['gamma']:g}" if "gamma" in best else "")


if __name__ == "__main__":
    main()
