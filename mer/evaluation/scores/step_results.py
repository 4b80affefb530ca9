"""How steps hand their results to the report, and how the report knows that they belong together."""

import pandas as pd

from mer import files
from mer.dataset.manifest import schema
from mer.params import Run
from mer.params.schema import Params

FOLDER = "tables/parts"
BY_CONTENT = {"data", "splits", "features", "transcripts"}
"""sections that results depend on by what they lead to: the manifest, and features.json with its specifications"""
IRRELEVANT = {"name", "study", "steps", "timeout_minutes", "predict"}
"""sections that no result depends on"""
SECTIONS = tuple(name for name in Params.model_fields if name not in BY_CONTENT | IRRELEVANT)


class Mismatch(ValueError):
    """Results that were made from other data or with other parameters than those of the study now."""


def identity(run: Run) -> str:
    """Return a digest of everything that results depend on: who is in which part, features, systems, training."""
    sections = {name: _plain(getattr(run.params, name)) for name in SECTIONS}
    features = files.read_json(run.read("data/features.json"))
    return files.digest([sections, features, files.digest_file(run.read("data/manifest.parquet"))])


def _plain(section: object) -> object:
    if isinstance(section, dict):
        return {name: _plain(inner) for name, inner in section.items()}
    return section.model_dump(mode="json")


def save(run: Run, step: str, results: pd.DataFrame, predictions: pd.DataFrame) -> None:
    """Write a step's results and predictions, then what they belong to."""
    schema.save(results, run.write(f"{FOLDER}/{step}_results.parquet"))
    schema.save(predictions, run.write(f"{FOLDER}/{step}_predictions.parquet"))
    files.write_json(run.write(f"{FOLDER}/{step}_identity.json"), {"identity": identity(run)})


def load(run: Run, steps: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return results and predictions of the steps that have run, one after the other.

    Raises:
        Mismatch: a step's results are not of this study as it is now.
        MissingInput: none of the steps has run.
    """
    there = [step for step in steps if run.has(f"{FOLDER}/{step}_identity.json")] or list(steps[:1])
    now = identity(run)
    for step in there:
        if files.read_json(run.read(f"{FOLDER}/{step}_identity.json"))["identity"] != now:
            raise Mismatch(
                f"{files.to_root(run.read(f'{FOLDER}/{step}_results.parquet'))} was made from other data or with other "
                f"parameters; run step {step} again"
            )
    tables = (
        [pd.read_parquet(run.read(f"{FOLDER}/{s}_{what}.parquet")) for s in there]
        for what in ("results", "predictions")
    )
    results, predictions = (pd.concat(parts, ignore_index=True) for parts in tables)
    return results, predictions
