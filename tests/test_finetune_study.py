"""A study with trained encoders runs from step 01 to the report, and its model folders predict and are evaluated."""

import os
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard

from mer import files, predict
from mer.corpora.synthetic import trees
from mer.evaluation import __main__ as evaluation_command
from mer.params.schema import Synthetic
from tests.features.pretrained import tiny
from tests.studies import run_cells

mpl.use("Agg")


def study(folder):
    """A small study: two frozen systems, one that trains two encoders, and an ensemble with it."""
    sound, words = tiny.sound(folder / "wavlm", kind="wavlm"), tiny.text(folder / "roberta")
    encoder = {"extractor": "encoder", "model": str(sound)}
    tree = {
        "corpora": ["cremad", "meld", "ravdess"],
        "data": {"raw": str(folder / "raw"), "store": str(folder / "store")},
        "features": {
            "frozen": {"modality": "audio", **encoder},
            "audio": {**encoder, "train": {"top": 1}, "crop_seconds": 1},
            "text": {"extractor": "encoder", "model": str(words), "max_tokens": 60, "context": 1, "train": "all",
                     "lexical_control": ["free", "parallel"]},
        },
        "systems": {
            "frozen": {"model": "logistic", "inputs": ["frozen"]},
            "tuned": {"model": "concat", "inputs": ["audio", "text"]},
            "both": {"model": "ensemble", "members": ["frozen", "tuned"]},
        },
        "training": {"epochs": 1, "hidden": 8, "batch_size": 32, "encoders": {"head_epochs": 1, "accumulation": 2}},
        "evaluation": {"seeds": [0], "min_clips": 20, "protocols": ["loco"]},
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    return folder / "study.yaml"


def with_torchrun(path, run):
    """Train with two processes what step 06 reads."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29517", "-m",
               "mer.evaluation.finetuning", str(path)]  # fmt: skip
    environment = {**os.environ, "MER_RUN_FOLDER": str(run), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=files.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "trainings are stored" in done.stdout


@pytest.mark.slow
def test_study_with_trained_encoders_ends_in_a_report(tmp_path, capsys):
    trees.write(tmp_path / "raw", Synthetic(speakers=4, clips=1))
    path, run = study(tmp_path), tmp_path / "run"
    try:
        run_cells(path, run, "01,02,03,04")
        with_torchrun(path, run)
        capsys.readouterr()
        run_cells(path, run, "06,07,09")
    finally:
        plt.close("all")
    printed = capsys.readouterr().out
    assert "trainings of encoders (3 held-out families × 1 seed) take at most about" in printed
    log = (run / "finetuning" / "log.txt").read_text(encoding="utf-8")
    assert "loco" not in log  # two processes had trained these cells before
    steps = {n: pd.read_parquet(run / "tables" / "steps" / f"{n}_results.parquet") for n in ("03", "04", "06")}
    assert {n: set(table["system"]) - {"selected"} for n, table in steps.items()} == {
        "03": {"frozen"}, "04": {"frozen"}, "06": {"tuned", "both"}}  # fmt: skip
    assert set(steps["06"]["protocol"]) == {"multi_corpus", "loco"}
    report = pd.read_parquet(run / "tables" / "results.parquet")
    assert {"frozen", "tuned", "both"} <= set(report["system"])
    folder = run / "finetuned" / "tuned-seed0"
    card = ModelCard((folder / "encoders" / "audio" / "README.md").read_text(encoding="utf-8"))
    assert {result.dataset_name for result in card.data.eval_results} == {"cremad", "meld", "ravdess"}
    first = next((tmp_path / "raw").rglob("03-01-*.wav"))
    [prediction] = predict.load(folder)(first)
    assert prediction.error is None
    (run / "params.yaml").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    words = [str(folder), "--on", str(run), "--part", "all", "--out", str(tmp_path / "out")]
    assert evaluation_command.main(words) == 0
