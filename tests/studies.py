"""Running studies the way users do, from tests."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from mer import files


class Finished:
    """What a `run_all.py` process left behind."""

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
    """Run `run_all.py` in a process of its own; `data__raw=x` becomes `--set data.raw=x`."""
    pairs = [f"{key.replace('__', '.')}={value}" for key, value in sets.items()]
    command = [sys.executable, "run_all.py", *map(str, arguments), "--name", name, *(f"--set={pair}" for pair in pairs)]
    done = subprocess.run(command, cwd=files.ROOT, capture_output=True, text=True, timeout=900, check=False)
    return Finished(done, name)
