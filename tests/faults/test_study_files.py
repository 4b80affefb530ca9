"""Damage to every kind of file of a study: the next run ends with the undisturbed tables, or says what to do."""

import os
import random
import shutil

import pytest

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="copies of a process")]
RUN = "outputs/small"
FILES = {
    "manifest": f"{RUN}/data/manifest.parquet",
    "list of vectors": f"{RUN}/data/inputs.parquet",
    "specifications": f"{RUN}/data/features.json",
    "findings": f"{RUN}/tables/leaks.csv",
    "results of a step": f"{RUN}/tables/steps/04_results.parquet",
    "predictions of a step": f"{RUN}/tables/steps/04_predictions.parquet",
    "identity of results": f"{RUN}/tables/steps/03_identity.json",
    "selection": f"{RUN}/tables/selection.csv",
    "comparison": f"{RUN}/tables/comparison.csv",
    "report": f"{RUN}/tables/results.parquet",
    "front page": f"{RUN}/front_page.json",
    "training": f"{RUN}/trainings/*.safetensors",
    "random training": f"{RUN}/trainings_random/*.safetensors",
    "card": f"{RUN}/checkpoints/*/model.json",
    "tensors": f"{RUN}/checkpoints/*/model.safetensors",
    "stamp of step 01": f"{RUN}/stamps/01_*.json",
    "stamp of step 04": f"{RUN}/stamps/04_*.json",
    "stamp of step 09": f"{RUN}/stamps/09_*.json",
    "parameters": f"{RUN}/params.yaml",
    "summary of the run": f"{RUN}/run.json",
    "digests": f"{RUN}/.digests.json",
    "executed notebook": f"{RUN}/04_*.ipynb",
    "synthetic recording": "raw/**/*.wav",
    "synthetic texts": "raw/**/*.csv",
    "record of the synthetic corpora": "raw/truth.json",
}  # fmt: skip
STORES = {
    "headers": ("store/scan-*.parquet", "01"),
    "measures": ("store/measures-*.parquet", "01"),
    "decoded recordings": ("store/recordings-*/*.npy", "02"),
    "list of recordings": ("store/recordings-*/*.parquet", "02"),
    "vectors of audio": ("store/mfcc-*/*.npy", "02"),
    "list of vectors of audio": ("store/mfcc-*/*.parquet", "02"),
    "vectors of text": ("store/hashing-*/*.npy", "02"),
    "views": ("store/*/views/*", "03"),
}
REMOVED = (
    f"{RUN}/data", f"{RUN}/tables", f"{RUN}/tables/steps/04_identity.json", f"{RUN}/trainings", f"{RUN}/checkpoints",
    f"{RUN}/stamps", f"{RUN}/logs", f"{RUN}/params.yaml", f"{RUN}/run.json", f"{RUN}/index.html",
    f"{RUN}/.digests.json", "store", "raw", "raw/truth.json",
)  # fmt: skip


def chosen(home, pattern, seed):
    """Return one of the files of a kind."""
    paths = sorted(path for path in home.glob(pattern) if path.is_file() and path.stat().st_size)
    assert paths, pattern
    return random.Random(seed).choice(paths)  # noqa: S311


def flip(path, seed):
    """Change one bit of a file."""
    content, rng = bytearray(path.read_bytes()), random.Random(f"{path.name}{seed}")  # noqa: S311
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(7)
    path.write_bytes(content)


def undisturbed_or_said(whole, ended, path):
    """Check that a run had the undisturbed tables, or one message with the name of the file or of the corpora."""
    if ended.code == 0:
        assert whole.differing() == [], ended.screen
    else:
        assert path.name in ended.screen or f"{whole.home}/raw: " in ended.screen, ended.screen
        assert ended.code in (1, 2), ended.screen


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", FILES)
def test_flipped_bit(whole, kind, seed):
    whole.restore()
    path = chosen(whole.home, FILES[kind], seed)
    flip(path, seed)
    undisturbed_or_said(whole, whole.run(), path)


@pytest.mark.parametrize("kind", STORES)
def test_flipped_bit_in_what_a_step_reads_again(whole, kind):
    pattern, step = STORES[kind]
    whole.restore()
    path = chosen(whole.home, pattern, kind)
    flip(path, kind)
    ended = whole.run(steps={step}, force=True)
    assert ended.code == 0, ended.screen
    assert f"deleted: {path}: damaged" in ended.screen.replace("\n", "")
    assert whole.differing() == []


@pytest.mark.parametrize("kind", ["vectors of audio", "list of vectors of audio"])
def test_flipped_bit_in_vectors_that_are_only_read(whole, kind):
    whole.restore()
    for view in whole.home.glob("store/*/views"):
        shutil.rmtree(view)
    for path in whole.home.glob(STORES[kind][0]):
        flip(path, kind)
    ended = whole.run(steps={"03"}, force=True)
    assert ended.code == 1
    assert "run step 02 again, which recomputes it: --steps 02 --force" in ended.screen
    assert whole.run(steps={"02"}, force=True).code == 0
    assert whole.run().code == 0
    assert whole.differing() == []


@pytest.mark.parametrize("name", REMOVED)
def test_removed(whole, name):
    whole.restore()
    path = whole.home / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    undisturbed_or_said(whole, whole.run(), path)


def test_a_removed_store_is_said_by_the_step_that_reads_it(whole):
    whole.restore()
    shutil.rmtree(whole.home / "store")
    ended = whole.run(steps={"03"}, force=True)
    assert ended.code == 1
    assert "run step 02 again" in ended.screen
    assert whole.run(steps={"02"}, force=True).code == 0
    assert whole.run().code == 0
    assert whole.differing() == []


def test_a_source_notebook_that_is_none_is_named(whole):
    whole.restore()
    [path] = whole.home.glob("notebooks/04_*.ipynb")
    path.write_bytes(b"\xfb" + path.read_bytes()[1:])
    ended = whole.run()
    assert (ended.code, whole.differing()) == (2, [])
    assert f"{path}: not readable as a notebook" in ended.screen
