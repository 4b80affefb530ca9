"""The landing notebook of JupyterLab runs in any state and is committed without outputs."""

import json

from mer import files

NOTEBOOK = files.ROOT / "start.ipynb"


def test_landing_notebook_runs_without_a_run_and_has_no_outputs(tmp_path, monkeypatch):
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    monkeypatch.chdir(tmp_path)  # there is no outputs/demo here
    names = {}
    for cell in code:
        exec("".join(cell["source"]), names)  # noqa: S102 - the repository's own notebook
    assert "run" in names
