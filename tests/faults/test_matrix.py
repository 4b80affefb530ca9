"""The table of the fault matrix in docs/development.md has the number of cells that are collected."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mer import files
from tests.faults.conftest import CELLS

ROW = re.compile(r"^\| `(test_\w+)` \|.*\| (\d+) \|$", re.MULTILINE)


MODULES = {path.stem for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).stem}


def collected(config):
    """Return the number of cells by module: of this run, or of a collection of its own if this run has only some."""
    if config.stash[CELLS].keys() >= MODULES:
        return config.stash[CELLS]
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n0", "-m", "faults", str(Path(__file__).parent)]
    output = subprocess.run(words, cwd=files.ROOT, capture_output=True, text=True, check=True).stdout
    return Counter(Path(line.partition("::")[0]).stem for line in output.splitlines() if "::" in line)


def test_the_table_of_the_matrix_counts_its_cells(request):
    text = (files.ROOT / "docs/development.md").read_text(encoding="utf-8")
    stated, counts = {name: int(count) for name, count in ROW.findall(text)}, collected(request.config)
    assert stated.keys() == MODULES
    assert {name: stated[name] for name in counts} == counts  # those whose packages are installed
    assert len(counts) >= len(MODULES) - 1
