"""Results that a step stores for later steps, with a digest of what they were computed from."""

from pathlib import Path

import pandas as pd

from mer import files
from mer.dataset.manifest import schema
from mer.params import Run
from mer.params.schema import Params

FOLDER = "tables/steps"
"""The folder of these results, below the run folder."""
SECTIONS_BY_CONTENT = {"data", "splits", "features", "transcripts", "augmentation"}
"""The sections that affect results only through the manifest and features.json, whose digests are in the identity."""
IGNORED_SECTIONS = {"name", "study", "steps", "timeout_minutes", "resources", "dask", "shared", "on_finish", "predict",
                    "ablations"}  # fmt: skip
"""The sections on which no result of a system depends."""
SECTIONS = tuple(name for name in Params.model_fields if name not in SECTIONS_BY_CONTENT | IGNORED_SECTIONS)
"""The sections whose parameters are in the identity."""


class StaleResults(ValueError):
    """Results were computed from other data or with other parameters than the study has now."""


def identity(run: Run) -> str:
    """Return a digest of everything on which results depend: manifest, features, systems and training.

    Args:
        run: declares data/manifest.parquet, data/features.json and `SECTIONS`.
    """
    sections = {name: _to_json(getattr(run.params, name)) for name in SECTIONS}
    features = files.read_json(run.read("data/features.json"))
    return files.digest([sections, features, files.digest_file(run.read("data/manifest.parquet"))])


def _to_json(section: object) -> object:
    if isinstance(section, dict):
        return {name: _to_json(inner) for name, inner in section.items()}
    return section.model_dump(mode="json")


def save(run: Run, step: str, results: pd.DataFrame, predictions: pd.DataFrame) -> None:
    """Write the results and predictions of a step, then their identity.

    Args:
        run: the step that writes them.
        step: number of the step, such as "04".
        results: as from `scores.score`.
        predictions: as from `scores.predictions`.
    """
    schema.save(results, run.write(f"{FOLDER}/{step}_results.parquet"))
    schema.save(predictions, run.write(f"{FOLDER}/{step}_predictions.parquet"))
    files.write_json(run.write(f"{FOLDER}/{step}_identity.json"), {"identity": identity(run)})


def load(run: Run, steps: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the concatenated results and predictions of the steps that have run.

    Args:
        run: the step that reads them.
        steps: numbers of the steps, such as ("03", "04").

    Raises:
        StaleResults: the study has changed since a step has run.
        MissingInput: none of the steps has run.
    """
    present = [step for step in steps if run.has(f"{FOLDER}/{step}_identity.json")] or list(steps[:1])
    current = identity(run)
    for step in present:
        if files.read_json(run.read(f"{FOLDER}/{step}_identity.json"))["identity"] != current:
            raise _stale(run.read(f"{FOLDER}/{step}_results.parquet"), step)
    tables = (
        [pd.read_parquet(run.read(f"{FOLDER}/{s}_{kind}.parquet")) for s in present]
        for kind in ("results", "predictions")
    )
    results, predictions = (pd.concat(of_steps, ignore_index=True) for of_steps in tables)
    return results, predictions


def save_table(run: Run, name: str, table: pd.DataFrame) -> None:
    """Write a table as CSV, then its identity in a JSON file of the same name.

    Args:
        run: the step that writes it; as for `identity`.
        name: path below the run folder without its suffix, such as "tables/ablations".
    """
    files.write_text(run.write(f"{name}.csv"), table.to_csv(index=False))
    files.write_json(run.write(f"{name}.json"), {"identity": identity(run)})


def load_table(run: Run, name: str, step: str) -> pd.DataFrame | None:
    """Return a table of `save_table`; None if the step has not run.

    Args:
        run: the step that reads it.
        name: path below the run folder without its suffix.
        step: number of the step that writes it.

    Raises:
        StaleResults: the study has changed since the step has run.
    """
    if not run.has(f"{name}.json"):
        return None
    if files.read_json(run.read(f"{name}.json"))["identity"] != identity(run):
        raise _stale(run.read(f"{name}.csv"), step)
    return pd.read_csv(run.read(f"{name}.csv"))


def _stale(path: Path, step: str) -> StaleResults:
    return StaleResults(
        f"{files.to_root(path)} was computed from other data or with other parameters; run step {step} again"
    )
