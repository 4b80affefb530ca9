"""Export a finished run for a paper: `python -m mer.report outputs/demo`; see `--help`.

Writes tables (CSV and LaTeX with booktabs), figures (SVG, PDF and PNG, with the data behind them), a datasheet, and the
manifest as Croissant and as the metadata of an AudioFolder.

Exit codes: 0 everything was written, 2 the folder is no finished run.
"""

import argparse
import sys
from pathlib import Path

from mer import commands, files


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    run = options.run if options.run.is_dir() else files.from_root(options.run)
    out = options.out or files.ROOT / "outputs" / "exports" / run.resolve().name
    try:
        written = export(run, out)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # all errors of run folders are of these
        print(f"report: {error}", file=sys.stderr)
        return 2
    print(f"{len(written)} tables and figures, a datasheet and the manifest: {files.to_root(out)}")
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
    from mer import corpora, params
    from mer.dataset.manifest import labels
    from mer.report.export import audiofolder, croissant, datasheet, figures, tables

    if not (run / "params.yaml").is_file():
        raise ValueError(f"{files.to_root(run)}: is no run folder, because it has no params.yaml")
    study = params.load(run / "params.yaml")
    manifest = _read(run, "data/manifest.parquet")
    results, predictions = (_read(run, f"tables/{name}.parquet") for name in ("results", "predictions"))
    comparisons = _read(run, "tables/comparison.csv") if (run / "tables/comparison.csv").is_file() else None
    classes = list(labels.of_study(study.labels).classes)
    written = tables.write(out / "tables", results, predictions, comparisons)
    written += figures.write(out / "figures", results, predictions, comparisons, classes)
    own = corpora.of_study(study)
    datasheet.write(out, study.name, manifest, own)
    croissant.write(out, study.name, run / "data/manifest.parquet", own)
    audiofolder.write(out, manifest)
    return written


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
    return parser


if __name__ == "__main__":
    sys.exit(commands.run(main))
