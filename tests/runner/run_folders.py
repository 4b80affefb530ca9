"""Small run folders, written as the runner leaves them, for tests that compare them."""

import json

from mer.runner.staleness import stamps
from tests.runner.notebook_cells import cell

STEPS = ("01_build", "05_ablate", "06_ablate")
SUMMARY = {
    "study": "demo",
    "python": "3.11.7",
    "packages": {"numpy": "2.3.1"},
    "git": {"commit": "abc", "dirty": False},
    "hardware": {"cpus": 2, "gpu": None},
}


class Folder:
    """A run folder with a few finished steps."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        (path / "params.yaml").write_text("name: demo\ntraining:\n  epochs: 3\n")
        self.write("run.json", SUMMARY)
        self.table("tables/results.csv", 0.5)
        self.table("tables/more/seed=0.csv", 0.5)
        inputs = {"raw": "1", "data/x/y.csv": "2", "lists": "3"}
        for step, outputs in zip(STEPS, (["data/x"], ["tables/more"], ["tables/results.csv"]), strict=True):
            self.stamp(step, inputs=inputs, modules={"mer.a": "1", "mer.b": "1"}, outputs=outputs)
            self.book(step, "import mer\n\nfit(1)")

    def write(self, name, value):
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        text = value if isinstance(value, str) else json.dumps(value)
        (self.path / name).write_text(text, encoding="utf-8")

    def table(self, name, value):
        self.write(name, f"system,UAR\nx,{value}\n")

    def stamp(self, step, state="done", outputs=(), **parts):
        outputs = dict.fromkeys(outputs, "sha")
        parts = {"study": "demo", "code": ["1"]} | parts
        self.write(
            f"stamps/{step}.json",
            {"format": stamps.FORMAT, "state": state, "name": step, "parts": parts, "outputs": outputs},
        )

    def change(self, name, **values):
        self.write(name, json.loads((self.path / name).read_text()) | values)

    def book(self, step, *sources, path=None):
        cells = [cell("markdown", "# Title"), cell("code", f"params = {str(path or self.path)!r}", 1)]
        cells[1]["metadata"] = {"tags": ["injected-parameters"]}
        cells += [cell("code", source, at) for at, source in enumerate(sources, 2)]
        for at, entry in enumerate(cells):
            if entry["cell_type"] == "code":
                entry |= {"execution_count": at, "outputs": [{"output_type": "stream", "text": str(self.path)}]}
        self.write(f"{step}.ipynb", {"cells": cells, "metadata": {"at": str(self.path)}, "nbformat": 4})
