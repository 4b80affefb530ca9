"""JupyterLab in a real browser: what it opens, what *Run All* shows, and that git sees no change after saving."""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from mer import files, params
from tests import page_checks

SECONDS = 120
STEP = "01_build_dataset"
COPIED = ("mer", "start.ipynb", f"notebooks/{STEP}.ipynb", ".gitattributes", ".gitconfig")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A git repository like this one, whose filter of notebooks is turned on, with one executed step of a run."""
    folder = tmp_path_factory.mktemp("git") / "clone"
    (folder / "notebooks").mkdir(parents=True)
    for name in COPIED:
        copy = shutil.copytree if (files.ROOT / name).is_dir() else shutil.copy
        copy(files.ROOT / name, folder / name)
    (folder / ".gitignore").write_text("mer/\noutputs/\n.ipynb_checkpoints/\n", encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "config", "--local", "include.path", "../.gitconfig")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "all")
    run = folder / "outputs" / "demo"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"title": "demo (synthetic)", "state": "done", "steps": []}', encoding="utf-8")
    (run / "params.yaml").write_text(params.dump(params.load("params/demo.yaml")), encoding="utf-8")
    executed = (folder / "notebooks" / f"{STEP}.ipynb").read_text(encoding="utf-8")
    output = '"outputs": [{"name": "stdout", "output_type": "stream", "text": ["an output of the run\\n"]}]'
    (run / f"{STEP}.ipynb").write_text(executed.replace('"outputs": []', output, 1), encoding="utf-8")
    return folder


def git(folder, *words):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


@contextmanager
def lab(folder, home):
    """Start `jupyter lab` in a folder, with settings of its own, and yield its address with the token."""
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
              "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(folder)} | {name: str(home / name.lower()) for name in places}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.port=0",
               "--IdentityProvider.token=secret", "--LabApp.news_url=",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]  # fmt: skip
    home.mkdir()
    log = home / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=stream)
    try:
        until = time.monotonic() + SECONDS
        while not (match := re.search(r"http://127\S+?(?=\?token)", log.read_text(encoding="utf-8"))):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < until, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        yield f"{match[0]}?token=secret"
    finally:
        process.terminate()
        process.wait(SECONDS)


@pytest.fixture
def tab(clone, tmp_path):
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if page_checks.chromium() is None:
        pytest.skip("needs Chromium")
    with lab(clone, tmp_path / "home") as address, api.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=page_checks.chromium(), args=["--no-sandbox"])
        opened = browser.new_page()
        opened.set_default_timeout(SECONDS * 1000)
        opened.goto(address)
        yield opened
        opened.screenshot(path=tmp_path / "lab.png")
        browser.close()


def test_lab_opens_the_map_runs_it_and_shows_executed_steps_without_a_change_for_git(clone, tab):
    outputs = tab.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output")
    assert tab.url.partition("?")[0].endswith("/lab/tree/start.ipynb")  # `jupyter lab` without arguments opens it
    tab.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    tab.get_by_text("Python 3 (ipykernel) | Idle").first.wait_for()
    tab.get_by_role("menuitem", name="Run", exact=True).click()
    tab.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    outputs.get_by_text("Build the dataset").wait_for()
    tab.keyboard.press("Control+s")
    notebook = clone / "start.ipynb"
    until = time.monotonic() + SECONDS
    while "demo (synthetic)" not in notebook.read_text(encoding="utf-8"):
        assert time.monotonic() < until, "not saved"
        time.sleep(0.1)
    assert git(clone, "diff", "--no-ext-diff", "--no-textconv") == ""
    git(clone, "add", "-A")  # status compares sizes before contents, until then
    assert git(clone, "status", "--porcelain") == ""
    outputs.get_by_role("link", name="executed", exact=True).first.click()
    outputs.get_by_text("an output of the run").wait_for()


def test_mer_is_reloaded_after_an_edit(clone):
    """The lines of docs/running.md."""
    lines = re.search(r"```ipython\n(%load_ext autoreload\n%autoreload 2)\n```",
                      (files.ROOT / "docs" / "running.md").read_text(encoding="utf-8"))  # fmt: skip
    metrics = clone / "mer" / "stats" / "metrics.py"
    script = f"""
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def run(text):
    shell.run_cell(text).raise_error()
run({lines[1]!r})
run("import mer; from mer.api import metrics; from mer.stats import metrics as of_stats")
run("first = mer.uar(['a', 'b'], ['a', 'a']); recall = of_stats.uar")
path = Path({str(metrics)!r})
text = path.read_text(encoding="utf-8")
path.write_text(text + "\\n\\ndef added():\\n    return 'new'\\n", encoding="utf-8")
run("assert of_stats.added() == 'new'")
run("assert mer.uar(['a', 'b'], ['a', 'a']) == first")
"""
    environment = {**os.environ, "PYTHONPATH": str(clone), "IPYTHONDIR": str(clone.parent / "ipython")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
