"""A full disk and a kill at every kind of write of a study's steps: the next run ends with the undisturbed tables."""

import os
import random
import signal

import pytest

from tests.faults.writes import full_disk, killed

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="copies of a process")]
RUN = "outputs/small"
OF_EVERY_STEP = (
    f"{RUN}/.runner.json",
    f"{RUN}/stamps/*",
    f"{RUN}/*.ipynb",
    f"{RUN}/*.html",
    f"{RUN}/run.json",
    f"{RUN}/.digests.json",
)
"""What the runner writes for any step: cells of the first one."""
KINDS = {
    "01": (
        *OF_EVERY_STEP, f"{RUN}/params.yaml", ".raw.*.partial/*.csv", ".raw.*.partial/*.txt", ".raw.*.partial/*.json",
        "raw", "store/scan-5-*.parquet", "store/samples-2.parquet", f"{RUN}/data/problems.csv",
        "store/measures-3.parquet", f"{RUN}/data/manifest.parquet", f"{RUN}/tables/listeners.csv",
        f"{RUN}/tables/leaks.csv", f"{RUN}/tables/duplicates.csv", f"{RUN}/tables/shortcuts.csv",
    ),
    "02": (
        f"{RUN}/data/transcripts.csv", f"{RUN}/tables/word_errors.csv", "store/recordings-*/.*.*-*.partial.npy",
        "store/recordings-*/*.npy", "store/recordings-*/spec.json", "store/recordings-*/*.parquet",
        "store/mfcc-*/*.npy", "store/mfcc-*/spec.json", "store/mfcc-*/*.parquet", "store/hashing-*/*.npy",
        "store/hashing-*/spec.json", "store/hashing-*/*.parquet", f"{RUN}/data/inputs.parquet",
        "store/mfcc-*/views/*.npy", "store/hashing-*/views/*.npy", f"{RUN}/data/features.json",
        f"{RUN}/data/failures.csv",
    ),
    "03": (
        f"{RUN}/checkpoints/*/model.safetensors", f"{RUN}/checkpoints/*/model.json", f"{RUN}/checkpoints/*/README.md",
        f"{RUN}/tables/training_curves.csv", f"{RUN}/tables/steps/03_results.parquet",
        f"{RUN}/tables/steps/03_predictions.parquet", f"{RUN}/tables/steps/03_identity.json",
    ),
    "04": (
        f"{RUN}/logs/*.notices.json", f"{RUN}/trainings/*.safetensors", f"{RUN}/trainings/*.unfinished",
        f"{RUN}/tables/selection.csv",
        "outputs/tried.csv", f"{RUN}/tables/shapley.csv", f"{RUN}/tables/steps/04_results.parquet",
        f"{RUN}/tables/steps/04_predictions.parquet", f"{RUN}/tables/steps/04_identity.json",
        f"{RUN}/tables/steps/04_validation.parquet",
    ),
    "07": (f"{RUN}/trainings_random/*.safetensors", f"{RUN}/tables/comparison.csv"),
    "09": (f"{RUN}/tables/results.parquet", f"{RUN}/tables/predictions.parquet", f"{RUN}/front_page.json"),
}  # fmt: skip
"""Step -> the kinds of files at which something happens: all of the first steps, some of those that only report."""
COMPLETE = ("01", "02", "03", "04")
"""The steps all of whose files have a cell."""
COSTS_ONLY_TIME = (f"{RUN}/.digests.json",)
"""The kinds of files without which a run has succeeded."""
CELLS = [(step, kind) for step, kinds in KINDS.items() for kind in kinds]


def stored(home):
    """Return the finished files of the store and of trainings, with their inodes, which a second writing changes."""
    paths = [path for path in (*home.glob("store/*/*.npy"), *home.glob(f"{RUN}/trainings*/*.safetensors"))
             if path.name[0] != "." and (path.suffix != ".npy" or path.with_suffix(".parquet").exists())]  # fmt: skip
    return {path: path.stat().st_ino for path in paths}


def ends_undisturbed(whole, step, finished):
    """Run a step that was disturbed again: it ends with the same tables, and computes nothing again that was stored."""
    again = whole.run(steps={step})
    assert again.code == 0, again.screen
    assert whole.differing(step) == []
    assert {path: inode for path, inode in stored(whole.home).items() if path in finished} == finished
    assert whole.run(steps={step}).screen.count("unchanged") >= 1


@pytest.mark.parametrize("step", KINDS)
def test_every_kind_of_file_has_its_cell(whole, step):
    written, own = set(whole.kinds[step]), set(KINDS[step])
    assert own - set(COSTS_ONLY_TIME) <= written  # values of young files are not stored
    assert step not in COMPLETE or written <= own | {*KINDS["01"], f"{RUN}/logs/*.notices.json"}


@pytest.mark.parametrize(("step", "kind"), CELLS)
def test_full_disk(whole, step, kind):
    whole.restore(step)
    ended = whole.run(full_disk(whole.home, kind), steps={step})
    assert ended.code in ((0, 1, 2) if kind in COSTS_ONLY_TIME else (1, 2)), ended.screen
    assert ended.code == 0 or "No space left on device" in ended.screen, ended.screen
    ends_undisturbed(whole, step, stored(whole.home))


@pytest.mark.parametrize(("step", "kind"), CELLS[::3])
def test_kill(whole, step, kind):
    whole.restore(step)
    rng = random.Random(f"{step}{kind}")  # noqa: S311
    ended = whole.run(killed(whole.home, kind, after=rng.random() < 0.5), steps={step})
    assert ended.code == -signal.SIGKILL, ended.screen
    ends_undisturbed(whole, step, stored(whole.home))
