"""Export a finished run for a paper: `python -m mer.report outputs/demo`; see `--help`.

Writes tables (CSV and LaTeX with booktabs), figures (SVG, PDF and PNG, with the data behind them), learning curves, a
datasheet, BibTeX of what the run used, and the manifest as Croissant, as the metadata of an AudioFolder and as an
audformat database. With `--models`, each model is a folder for the Hugging Face hub, with an ONNX file.

Exit codes: 0 everything was written, 2 the folder is no finished run.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mer import commands, files


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    run = options.run if options.run.is_dir() else files.from_root(options.run)
    out = options.out or files.ROOT / "outputs" / "exports" / run.resolve().name
    try:
        written = export(run, out)
        for line in _export_models(run, out / "models") if options.models else ():
            print(line)
        if options.mlflow is not None:
            print(_log_to_mlflow(run, out, options.mlflow))
    except BrokenPipeError:
        raise
    except (ImportError, OSError, ValueError) as error:  # all errors of run folders are of these
        print(f"report: {error}", file=sys.stderr)
        return 2
    print(f"{len(written)} tables and figures, a datasheet, citations and the manifest: {files.to_root(out)}")
    return 0


def export(run: Path, out: Path) -> list[Path]:
    """Write the tables, figures and datasheet of a run, and return the paths of tables and of figures' data.

    Args:
        run: the run folder; step 04 has run.
        out: the folder, which is created.

    Raises:
        ValueError: the folder is no run folder, or a file was changed after its step wrote it.
        FileNotFoundError: a step has not run.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from mer import corpora
    from mer.dataset.manifest import labels
    from mer.report.export import audformat, audiofolder, bibtex, croissant, datasheet, figures, tables

    study = _study(run)
    manifest = _read(run, "data/manifest.parquet")
    results, predictions = (_read(run, f"tables/{name}.parquet") for name in ("results", "predictions"))
    comparisons = _read(run, "tables/comparison.csv") if (run / "tables/comparison.csv").is_file() else None
    classes = list(labels.of_study(study.labels).classes)
    written = tables.write(out / "tables", results, predictions, comparisons)
    written += figures.write(out / "figures", results, predictions, comparisons, classes)
    written += tables.write_curves(out / "tables", _curves(run))
    own = corpora.of_study(study)
    present = [own[name] for name in sorted(set(manifest["corpus"])) if name in own]
    datasheet.write(out, study.name, manifest, own)
    bibtex.write(out, study, present)
    croissant.write(out, study.name, run / "data/manifest.parquet", own)
    audiofolder.write(out, manifest)
    audformat.write(out, study.name, manifest, classes, present)
    return written


def _export_models(run: Path, out: Path) -> Iterator[str]:
    """Write a folder per model, and yield a line about each.

    Args:
        run: the run folder; step 03 or 06 has run.
        out: the folder, in which a folder per model is created.
    """
    from mer import corpora
    from mer.report.export import models

    study = _study(run)
    manifest, results = _read(run, "data/manifest.parquet"), _read(run, "tables/results.parquet")
    yield from models.write(out, models.FinishedModels(run, study, manifest, results, corpora.of_study(study)))


def _log_to_mlflow(run: Path, out: Path, address: str) -> str:
    """Log a run and its export to MLflow, and return a sentence about it.

    Args:
        run: the run folder.
        out: the export.
        address: of the tracking server or folder; empty for MLflow's own default.

    Raises:
        MissingPackage: mlflow is not installed.
    """
    from mer.report.export import mlflow_run

    return mlflow_run.log(_study(run), _read(run, "tables/results.parquet"), files.read_json(run / "run.json"), out,
                          address)  # fmt: skip


def _study(run: Path):
    from mer import params

    if not (run / "params.yaml").is_file():
        raise ValueError(f"{files.to_root(run)}: is no run folder, because it has no params.yaml")
    return params.load(run / "params.yaml")


def _curves(run: Path) -> dict:
    """Name of a file -> the learning curves that a step has written."""
    names = ("training_curves", "finetuning_curves")
    return {name: _read(run, f"tables/{name}.csv") for name in names if (run / f"tables/{name}.csv").is_file()}


def _read(run: Path, name: str):
    import pandas as pd

    from mer.params import output_check

    path = run / name
    if not path.is_file():
        place = files.to_root(run)
        raise FileNotFoundError(f"{place}/{name} does not exist: python run_all.py {place}/params.yaml")
    output_check.check(run, name)
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mer.report", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("run", type=Path, help="a run folder, such as outputs/demo")
    add("--out", type=Path, help="the folder of the export (default: outputs/exports/<run>)")
    add("--models", action="store_true",
        help="also write each model as a folder for the Hugging Face hub, with an ONNX file (extra onnx)")  # fmt: skip
    add(
        "--mlflow",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="also log parameters, scores and the export to MLflow, if it is installed; by default to its own folder",
    )
    return parser


if __name__ == "__main__":
    sys.exit(commands.run(main))
