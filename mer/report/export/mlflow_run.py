"""A finished run in MLflow: parameters, scores and the exported files. MLflow is used if it is installed."""

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from mer import files
from mer.params.schema import Params

MAX_LETTERS = 500
"""The length to which the value of a parameter is cut, in letters: the limit of MLflow's file store."""


def log(study: Params, results: pd.DataFrame, run: Mapping[str, Any], out: Path, address: str) -> str:
    """Log a run, and return a sentence about it.

    Args:
        study: the parameters of the run.
        results: every score, tidy (mer/evaluation/scores/scores.py).
        run: the content of `run.json`.
        out: the export, whose files become artifacts.
        address: of the tracking server or folder; empty for MLflow's own default.

    Raises:
        MissingPackage: mlflow is not installed.
        ValueError: MLflow refuses the address or a value.
    """
    if find_spec("mlflow") is None:
        raise files.MissingPackage("mlflow is not installed: pip install mlflow", name="mlflow")
    import mlflow

    try:
        if address:
            mlflow.set_tracking_uri(address)
        return _logged(mlflow, study, results, run, out)
    except mlflow.exceptions.MlflowException as error:
        raise ValueError(f"MLflow: {error}") from None


def _logged(mlflow: ModuleType, study: Params, results: pd.DataFrame, run: Mapping[str, Any], out: Path) -> str:
    mlflow.set_experiment(study.study or study.name)
    parameters = {name: str(value)[:MAX_LETTERS] for name, value in flat(study.model_dump(mode="json"))}
    with mlflow.start_run(run_name=study.name) as logged:
        mlflow.set_tags({"command": str(run.get("command", "")), "finished": str(run.get("finished", ""))})
        mlflow.log_params(parameters)
        mlflow.log_metrics(metrics(results))
        mlflow.log_artifacts(str(out))
    return f"logged to MLflow as {study.name}, run {logged.info.run_id}: {mlflow.get_tracking_uri()}"


def flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield the path and the value of every parameter.

    >>> dict(flat({"training": {"epochs": 3}, "corpora": ["a"]}))
    {'training.epochs': 3, 'corpora': ['a']}
    """
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}".removeprefix("."))
    else:
        yield path, value


def metrics(results: pd.DataFrame) -> dict[str, float]:
    """Return the means over seeds with their bounds, by protocol, kind of predictions, metric, system and corpus."""
    rows = results[results["seed"].isna()]
    named: dict[str, float] = {}
    for row in rows.itertuples():
        name = "/".join(_plain(part) for part in (row.protocol, row.answers, row.metric, row.system, row.test_corpus))
        if row.protocol == "cross_corpus":
            name += f"/from {_plain(row.train_corpora)}"
        bounds = {"": row.value, " low": row.low, " high": row.high}
        named |= {f"{name}{end}": float(value) for end, value in bounds.items() if pd.notna(value)}
    return named


def _plain(text: object) -> str:
    """A name with the letters that MLflow takes."""
    return re.sub(r"[^\w. -]", "-", str(text), flags=re.ASCII)
