"""Ask a checkpoint about any corpus, part or study: `python -m mer.evaluation CHECKPOINT`; see `--help`."""

import argparse
import sys
from pathlib import Path

from mer import files
from mer.dataset import schema
from mer.evaluation import checkpoints
from mer.training.checkpoint import Unusable, read_card

SHOWN = ["test_corpus", "answers", "metric", "value", "low", "high", "n", "speakers", "classes"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    run = given.on or given.checkpoint.resolve().parents[1]
    out = given.out or files.from_root("outputs/evaluations") / f"{given.checkpoint.name}-on-{run.resolve().name}"
    try:
        _outside_of_runs(out)
        read_card(given.checkpoint)
        study = checkpoints.open_study(run)
        results, predictions, card = checkpoints.evaluate(given.checkpoint, study, tuple(given.corpora), given.part)
    except (checkpoints.Mismatch, Unusable, ValueError) as error:
        print(f"evaluation: {error}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    schema.save(results, out / "results.parquet")
    schema.save(predictions, out / "predictions.parquet")
    files.write_text(out / "results.csv", results.to_csv(index=False))
    told = {"checkpoint": card["name"], "tensors_sha256": card["tensors_sha256"], "run": study.name, "part": given.part}
    files.write_json(out / "evaluation.json", told)
    mean = results[results["seed"].isna() & results["metric"].isin(["UAR", "WA", "weighted_F1"])]
    print(mean[SHOWN].round(3).to_string(index=False))
    seen = {corpus for told in (card, *card.get("ancestors", ())) for corpus in told.get("corpora") or ()}
    for corpus in sorted(set(results["test_corpus"]) & seen):
        rows = "other parts of it" if given.part in ("auto", "test") else "it: some of these rows may be its own"
        print(f"{corpus}: the model was trained on {rows}")
    print(f"written to {files.to_root(out)}")
    return 0


def _outside_of_runs(out: Path) -> None:
    """Refuse to write into a run: what it holds is its own."""
    for folder in (out.resolve(), *out.resolve().parents):
        if (folder / "run.json").is_file() or (folder / "stamps").is_dir():
            raise ValueError(f"--out {files.to_root(out)} lies inside of the run {files.to_root(folder)}; take another")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mer.evaluation", description=__doc__.splitlines()[0])
    parser.add_argument(
        "checkpoint", type=Path, help="folder with model.json, such as outputs/demo/checkpoints/gated-seed0"
    )
    parser.add_argument("--on", type=Path, help="run folder whose data is asked about; by default the checkpoint's own")
    parser.add_argument("--corpora", nargs="+", default=[], help="by default all of the study")
    auto = "auto: the test part of corpora whose family the model has seen, all of the others"
    parser.add_argument("--part", choices=checkpoints.PARTS, default="auto", help=auto)
    parser.add_argument("--out", type=Path, help="by default outputs/evaluations/<checkpoint>-on-<run>")
    return parser


if __name__ == "__main__":
    sys.exit(main())
