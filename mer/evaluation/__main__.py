"""Ask a checkpoint about any corpus, part or study: `python -m mer.evaluation CHECKPOINT`; see `--help`.

Exit codes: 0 it has answered, 2 nothing could be asked.
"""

import argparse
import os
import sys
from pathlib import Path

import pandas as pd

from mer import files
from mer.dataset.manifest import schema
from mer.evaluation import checkpoint
from mer.evaluation.checkpoint import Evaluated
from mer.evaluation.scores import class_scores

SHOWN = ["test_corpus", "answers", "metric", "value", "low", "high", "n", "speakers", "classes"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    place = given.checkpoint.resolve()
    run = given.on or place.parent.parent
    out = given.out or files.from_root("outputs/evaluations") / f"{place.name}-on-{run.resolve().name}"
    try:
        _outside_of_runs(out)
        told, study = _asked(given, run)
        _write(out, told, study)
    except (ImportError, OSError, ValueError) as error:  # Mismatch, Unusable and their like among them
        print(f"evaluation: {error}", file=sys.stderr)
        return 2
    _show(told)
    print(f"written to {files.to_root(out)}")
    return 0


def _asked(given: argparse.Namespace, run: Path) -> tuple[Evaluated, checkpoint.Study]:
    from mer.features import Resources
    from mer.training.checkpoints.checkpoint import read_card

    read_card(given.checkpoint)
    study = checkpoint.open_study(run)
    modalities = None if given.modalities is None else [m for m in given.modalities.split(",") if m]
    where = Resources(given.device, given.jobs)
    return checkpoint.evaluate(given.checkpoint, study, tuple(given.corpora), given.part, modalities, where), study


def _write(out: Path, told: Evaluated, study: checkpoint.Study) -> None:
    from mer.report.pages import checkpoint_evaluation

    confused = class_scores.confusions(told.predictions, study.classes)
    measures = class_scores.by_class(confused)
    out.mkdir(parents=True, exist_ok=True)
    schema.save(told.results, out / "results.parquet")
    schema.save(told.predictions, out / "predictions.parquet")
    for name, table in (("results", told.results), ("confusion", confused), ("classes", measures),
                        ("left_out", told.left_out)):  # fmt: skip
        files.write_text(out / f"{name}.csv", table.to_csv(index=False))
    said = {name: told.card[name] for name in ("name", "tensors_sha256")}
    asked = {"run": study.name, "part": told.part, "modalities": list(told.modalities)}
    left = told.left_out.to_dict("records")
    files.write_json(out / "evaluation.json", {**said, **asked, "left_out": left})
    checkpoint_evaluation.write(out, told, study.name, confused, measures)


def _show(told: Evaluated) -> None:
    from mer.report.pages import checkpoint_evaluation

    results = told.results[told.results["seed"].isna()]
    mean = results["metric"].isin(["UAR", "WA", "weighted_F1"]) | (results["test_corpus"] == checkpoint.MEAN)
    with pd.option_context("display.width", 200):
        print(results.loc[mean, SHOWN].round(3).to_string(index=False))
    for line in checkpoint_evaluation.overlap_lines(told):
        print(line)


def _outside_of_runs(out: Path) -> None:
    """Refuse to write into a run: what it holds is its own."""
    for folder in (out.resolve(), *out.resolve().parents):
        if (folder / "run.json").is_file() or (folder / "stamps").is_dir():
            raise ValueError(f"--out {files.to_root(out)} lies inside of the run {files.to_root(folder)}; take another")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mer.evaluation", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("checkpoint", type=Path, help="folder with model.json, such as outputs/demo/checkpoints/gated-seed0")
    add("--on", type=Path, help="run folder whose data is asked about; by default the checkpoint's own")
    add("--corpora", nargs="+", default=[], help="by default all of the study")
    parts = (
        "auto: the test part of corpora whose family the model has seen, all of the others. What it has seen is left "
    )
    parts += "out of auto and test, and marked in the others"
    add("--part", choices=checkpoint.PARTS, default="auto", help=parts)
    add("--modalities", metavar="audio,text", help="what the model gets; the rest is absent. By default all it takes")
    add("--out", type=Path, help="by default outputs/evaluations/<checkpoint>-on-<run>")
    add("--device", default="cpu", help="of networks: cpu, cuda, mps")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="threads of extraction; changes no answer")
    return parser


if __name__ == "__main__":
    sys.exit(main())
