"""Runs of studies as users start them."""

import ast
import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pandas as pd

import run_all as command
from mer import files


class Finished:
    """The output, exit code and run folder of a `run_all.py` process."""

    def __init__(self, process: subprocess.CompletedProcess, name: str) -> None:
        self.code, self.screen = process.returncode, process.stdout + process.stderr
        self.folder = files.ROOT / "outputs" / name

    def table(self, name: str) -> pd.DataFrame:
        path = self.folder / name
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)

    def uar(self, protocol: str, system: str, answers: str = "restricted") -> pd.Series:
        """Test corpus -> UAR, mean over seeds."""
        results = self.table("tables/results.parquet")
        keep = (results["protocol"] == protocol) & (results["system"] == system) & (results["answers"] == answers)
        rows = results[keep & (results["metric"] == "UAR") & results["seed"].isna()]
        return rows.set_index("test_corpus")["value"]

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def run_all(*arguments: str | Path, name: str, **sets: object) -> Finished:
    """Run `run_all.py` in a separate process; `data__raw=x` becomes `--set data.raw=x`."""
    name = f"{name}-{os.getpid()}"  # two test processes at once do not share a run folder
    words = [sys.executable, "run_all.py", *map(str, arguments), "--name", name, *_settings(sets)]
    done = subprocess.run(words, cwd=files.ROOT, capture_output=True, text=True, timeout=900, check=False)
    return Finished(done, name)


def _settings(sets: dict[str, object]) -> list[str]:
    return [f"--set={key.replace('__', '.')}={value}" for key, value in sets.items()]


def call_run_all(*arguments: str | Path) -> subprocess.CompletedProcess:
    """Call `run_all.py` in this process, which is enough for what it prints before anything is run."""
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            code = command.main(list(map(str, arguments)))
        except SystemExit as error:  # of the parser
            code = error.code
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


def refuse(*arguments: str | Path, name: str, **sets: object) -> Finished:
    """As `run_all`, in this process, for studies that are refused before anything is run."""
    name = f"{name}-{os.getpid()}"
    return Finished(call_run_all(*arguments, "--name", name, *_settings(sets)), name)


def run_cells(study: Path, folder: Path, steps: str) -> None:
    """Run the code cells of notebooks in this process, which needs no kernel and raises their errors."""
    os.environ.update(MER_RUN_FOLDER=str(folder), MER_JOBS="1")
    try:
        for step in steps.split(","):
            [path] = (files.ROOT / "notebooks").glob(f"{step}_*.ipynb")
            run_notebook(path, study)
    finally:
        del os.environ["MER_RUN_FOLDER"], os.environ["MER_JOBS"]


def run_notebook(path: Path, study: Path) -> None:
    """Run the code cells of one notebook in this process, as a step of the run that the environment names."""
    names = {"__name__": path.stem}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            _run_cell("".join(cell["source"]), names)
            if "matplotlib.pyplot" in sys.modules:  # Jupyter closes the figures of a cell, too
                sys.modules["matplotlib.pyplot"].close("all")
            names["params_file"] = str(study)


def _run_cell(source: str, names: dict) -> None:
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)  # noqa: S102
    shown = eval(compile(last, "cell", "eval"), names) if last else None  # noqa: S307
    if hasattr(shown, "_repr_html_"):
        shown._repr_html_()
