"""The settings that trainings have chosen inside their training corpora."""

from collections.abc import Iterable

import pandas as pd

from mer.report.style.numbers import short
from mer.training.choosing.choice import SETTING
from mer.training.job import JobResult

COLUMNS = ["system", "held out", "seed", "left out to choose", "settings", "inputs", "chosen", "score"]
"""The columns of `table`."""


def table(results: Iterable[JobResult]) -> pd.DataFrame:
    """Return how each training that had something to compare on folds has chosen: a row per system, family and seed.

    Args:
        results: results of jobs; those without a choice on folds, and those within a corpus, are left out.

    Returns:
        `COLUMNS`. settings: the number that were compared. score: of the chosen setting, the mean over the families
        that were left out of the chance-corrected UAR of restricted predictions.
    """
    rows = []
    for result in results:
        job, choice = result.job, result.choice
        if choice is None or choice.by != "corpora":
            continue
        chosen = ", ".join(f"{name} {choice.setting[name]:g}" for name in SETTING if name in choice.setting)
        seed = job.seed if result.depends_on_seed else ""
        inputs, held_out = "+".join(job.spec.inputs), job.cell.held_out
        left_out = len(set(choice.setting) - {"candidate", "mean", *SETTING})
        rows.append((job.system, held_out, seed, f"{left_out} families", len(choice.compared), inputs, chosen,
                     short(choice.setting["mean"])))  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)
