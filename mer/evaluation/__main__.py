"""Test a checkpoint on any corpus, part or study: `python -m mer.evaluation CHECKPOINT`; see `--help`.

A file instead of a checkpoint holds predictions that were made elsewhere: `python -m mer.evaluation predictions.csv`
scores them with the same intervals and tests (docs/python.md).

Exit codes: 0 the checkpoint was tested or the predictions were scored, 2 this was impossible.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from mer import commands, csv_tables, files, processors
from mer.dataset.manifest import schema
from mer.evaluation import checkpoint, row_selection
from mer.evaluation.checkpoint import EvaluationResult
from mer.evaluation.row_selection import EvaluationData
from mer.evaluation.scores import class_scores
from mer.stats import MULTI_LABEL_METRICS

PRINTED_COLUMNS = ["test_corpus", "answers", "metric", "value", "low", "high", "chance", "n", "speakers", "classes"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    if options.checkpoint.is_file():
        return _score_file(options)
    folder = options.checkpoint.resolve()
    run = options.on or folder.parent.parent
    out = options.out or files.from_root("outputs/evaluations") / f"{folder.name}-on-{run.resolve().name}"
    try:
        _refuse_run_folders(out)
        result, study = _evaluate(options, run)
        _write(out, result, study)
    except BrokenPipeError:
        raise
    except (ImportError, OSError, ValueError) as error:  # all errors of checkpoints and studies are of these
        print(f"evaluation: {error}", file=sys.stderr)
        return 2
    _print(result)
    print(f"written to {files.to_root(out)}")
    return 0


def _score_file(options: argparse.Namespace) -> int:
    """Score predictions that were made elsewhere; return the exit code."""
    from mer.api.scoring import score

    out = options.out or files.from_root("outputs/evaluations") / options.checkpoint.stem
    try:
        _refuse_run_folders(out)
        scores = score(options.checkpoint, reference=options.reference)
        page = scores.write(out)
    except (OSError, ValueError) as error:  # all errors of tables of predictions are of these
        print(f"evaluation: {error}", file=sys.stderr)
        return 2
    with pd.option_context("display.width", 200):
        print(scores.uar.drop(columns=["p_chance", "why_none"]).round(3).to_string(index=False))
    print(f"written to {files.to_root(page)}")
    return 0


def _evaluate(options: argparse.Namespace, run: Path) -> tuple[EvaluationResult, EvaluationData]:
    from mer.features import Resources
    from mer.training.checkpoints.checkpoint import open_checkpoint

    open_checkpoint(options.checkpoint)  # before anything slow
    study = row_selection.open_study(run)
    inputs = None if options.inputs is None else [name for name in options.inputs.split(",") if name]
    resources = Resources(options.device, options.jobs)
    names = tuple(options.corpora)
    return checkpoint.evaluate(options.checkpoint, study, names, options.part, inputs, resources), study


def _write(out: Path, result: EvaluationResult, study: EvaluationData) -> None:
    from mer.report.pages import checkpoint_evaluation

    confusion = class_scores.confusion_table(result.predictions, study.classes)
    by_class = class_scores.class_scores(confusion)
    out.mkdir(parents=True, exist_ok=True)
    schema.save(result.results, out / "results.parquet")
    schema.save(result.predictions, out / "predictions.parquet")
    for name, table in (("results", result.results), ("confusion", confusion), ("classes", by_class),
                        ("left_out", result.left_out)):  # fmt: skip
        csv_tables.write(out / f"{name}.csv", table)
    model = {"name": result.card.name, "tensors_sha256": result.card.tensors_sha256}
    request = {"run": study.name, "part": result.part, "inputs": list(result.inputs)}
    left_out = result.left_out.to_dict("records")
    untested = result.untested.to_dict("records")
    files.write_json(out / "evaluation.json", {**model, **request, "left_out": left_out, "untested": untested})
    checkpoint_evaluation.write(out, result, study.name, confusion, by_class)


def _print(result: EvaluationResult) -> None:
    from mer.report.pages import checkpoint_evaluation

    means = result.results[result.results["seed"].isna()]
    names = ["UAR", "WA", "weighted_F1", *MULTI_LABEL_METRICS]
    printed = means["metric"].isin(names) | (means["test_corpus"] == checkpoint.MEAN)
    with pd.option_context("display.width", 200):
        print(means.loc[printed, PRINTED_COLUMNS].round(3).to_string(index=False))
    for line in checkpoint_evaluation.overlap_lines(result):
        print(line)


def _refuse_run_folders(out: Path) -> None:
    """Refuse an output folder inside a run folder, which holds only outputs of its own steps."""
    for folder in (out.resolve(), *out.resolve().parents):
        if (folder / "run.json").is_file() or (folder / "stamps").is_dir():
            raise ValueError(
                f"--out {files.to_root(out)} lies inside of the run {files.to_root(folder)}; use another folder"
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mer.evaluation", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("checkpoint", type=Path, help="folder with model.json, such as outputs/demo/checkpoints/gated-seed0; or a "
        "table of predictions that were made elsewhere (CSV, TSV, Parquet)")  # fmt: skip
    add("--reference", help="of a table of predictions: the system with which others are compared")
    add("--on", type=Path, help="run folder whose data is tested; by default the checkpoint's own")
    add("--corpora", nargs="+", default=[], help="by default all of the study")
    parts = (
        "auto: the test part of corpora whose family is in the training data, and all rows of the others. Rows that "
        "overlap with the training data are left out of auto and test, and marked in the others"
    )
    add("--part", choices=row_selection.PARTS, default="auto", help=parts)
    add("--inputs", metavar="NAME,NAME", help="inputs that the model receives, by name or modality; the others are "
        "absent. By default all of its inputs")  # fmt: skip
    add("--out", type=Path, help="by default outputs/evaluations/<checkpoint>-on-<run>")
    add("--device", default="cpu", help="device of networks: cpu, cuda, mps")
    add("--jobs", type=int, default=processors.count(), help="threads of extraction; changes no prediction")
    return parser


if __name__ == "__main__":
    sys.exit(commands.run(main))
