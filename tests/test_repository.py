"""The files of the repository agree with one another."""

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mer import files
from mer.params.schema import Params
from mer.runner.steps import notebook as steps
from tests.conftest import LONGEST

NOTEBOOKS = sorted((files.ROOT / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((files.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def constraints():
    lines = (files.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): str(pin.specifier) for pin in pins}


def test_every_dependency_has_an_exact_version():
    pins = constraints()
    extras = PROJECT["optional-dependencies"].values()
    wanted = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    for requirement in (r for r in map(Requirement, wanted) if r.name != PROJECT["name"]):  # an extra of others
        pin = pins[canonicalize_name(requirement.name)]
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", pin), (requirement.name, pin)
        assert requirement.specifier.contains(pin.removeprefix("=="))


def test_conda_installs_what_pip_installs():
    environment = yaml.safe_load((files.ROOT / "environment.yml").read_text(encoding="utf-8"))
    [pip] = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert pip == ["-c constraints.txt", "-e .[dev]"]
    [python] = [item for item in environment["dependencies"] if str(item).startswith("python=")]
    assert PROJECT["requires-python"] == ">=" + python.removeprefix("python=")


def test_readme_has_the_commands_of_installation_and_demo():
    lines = (files.ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert "pip install -c constraints.txt -e . && python run_all.py" in lines
    assert 'pip install -c constraints.txt -e ".[dev]" && pytest' in lines
    torch = " ".join(f"{name}{constraints()[name]}" for name in ("torch", "torchvision", "torchaudio"))
    assert any(f"pip install {torch} --index-url" in line for line in lines)


def test_the_documentation_lists_every_corpus_and_step():
    from mer.corpora import CORPORA

    readme, corpora, running = (
        (files.ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/corpora.md", "docs/running.md")
    )
    for name in CORPORA:
        assert f"| `{name}` |" in corpora
    assert f"{len(CORPORA)} published corpora" in readme
    for notebook in NOTEBOOKS:
        assert f"`{notebook.stem}`" in running


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_house_style(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code), "outputs are not stripped"
    assert all(cell.get("id") for cell in cells)
    first = "".join(cells[0]["source"])
    assert first.startswith("# ")
    assert all(f"**{word}**" in first for word in ("Question", "Reads", "Writes", "Takes"))
    tags = [cell["metadata"].get("tags", []) for cell in cells[1:3]]
    assert tags == [["parameters"], ["setup"]]
    assert "".join(cells[1]["source"]).startswith('params_file = "params/demo.yaml"')
    assert len(code) <= 22
    for cell in code:
        lines = "".join(cell["source"]).splitlines()
        assert len(lines) <= 20, "a long cell belongs in mer"
        assert all(len(line) <= 88 for line in lines), "a line is wider than a page shows"
        assert not any(line.startswith(("def ", "class ")) for line in lines)
    assert any("assert" in "".join(cell["source"]) for cell in code) or "assert_frame_equal" in path.read_text()


def test_git_filter_strips_outputs_only(tmp_path):
    config = ["git", "config", "-f", str(files.ROOT / ".gitconfig"), "filter.nbstripout.clean"]
    command = shlex.split(subprocess.run(config, capture_output=True, text=True, check=True).stdout)

    line, cleaned = [sys.executable, "-m", *command], {}
    for path in NOTEBOOKS:
        text = path.read_text(encoding="utf-8")
        notebook = json.loads(text)
        cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
        notebook["metadata"]["language_info"] |= {"version": "3.11.0", "file_extension": ".py"}  # by JupyterLab
        cell |= {"execution_count": 3, "outputs": [{"output_type": "stream", "name": "stdout", "text": ["x"]}]}
        executed = json.dumps(notebook, indent=1, ensure_ascii=False)
        for name, before in ((path.name, text), (f"executed-{path.name}", executed)):
            (tmp_path / name).write_text(before, encoding="utf-8")
            cleaned[tmp_path / name] = text
    piped = subprocess.run([*line, "-t"], input=executed, capture_output=True, check=True, encoding="utf-8")
    assert piped.stdout == text  # as git calls it
    subprocess.run([*line, *map(str, cleaned)], check=True)
    assert [path.name for path, text in cleaned.items() if path.read_text(encoding="utf-8") != text] == []


def test_modules_that_run_first_exist():
    assert [name for name in LONGEST if not (files.ROOT / name).is_file()] == []


def test_importing_mer_is_light():
    program = "import sys, mer.params, mer.corpora, mer.dataset.manifest.parameter_checks; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "pandas", "papermill", "matplotlib", "sklearn"} & set(done.stdout.split())


def test_packages_import_only_from_those_above():
    text = (files.ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    order = re.findall(r"^\| `(\w+)` \|", text, re.M)
    assert {"files", "runner"} <= set(order)
    allowed = {name: set(order[: i + 1]) for i, name in enumerate(order)} | {
        "runner": {"files", "foreign", "html_pages", "temporary", "file_cache", "code_dependencies", "params", "runner",
                   "pools", "processors", "shared", "shared_folders"}
    }  # fmt: skip
    for path in (files.ROOT / "mer").rglob("*.py"):
        package = path.relative_to(files.ROOT / "mer").parts[0].removesuffix(".py")
        command = {"report"} if path.name == "__main__.py" else set()  # a command shows what its package has found
        if (package, path.name) == ("models", "__main__.py"):
            command |= {"training"}  # it writes a model folder
        if (package, path.name) == ("evaluation", "__main__.py"):
            command |= {"api"}  # it scores predictions that were made elsewhere
        text = path.read_text(encoding="utf-8")
        used = set(re.findall(r"^\s*from mer\.(\w+)", text, re.M)) | set(
            re.findall(r"^\s*import mer\.(\w+)", text, re.M)
        )
        for names in re.findall(r"^\s*from mer import ([\w, ]+)", text, re.M):
            used |= {name.strip() for name in names.split(",")}
        assert package == "__init__" or used <= allowed[package] | command, (path.name, used - allowed[package])


def undeclared(code, uses):
    """The sections of the parameters that a notebook touches without declaring them."""
    names = set(Params.model_fields) - {"name"}
    result = set()
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Attribute):
            continue
        below = getattr(node.value, "id", getattr(node.value, "attr", ""))
        if node.attr in names and below in ("p", "params"):
            result.add(node.attr)
        if node.attr == "load" and below == "params":
            result.add("all of them, by params.load")
    return result - set(uses)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_reads_only_the_parameters_that_it_declares(path):
    step = steps.read(path)
    assert undeclared("\n".join(step.code), step.uses) == set()
    assert undeclared("\n".join(step.code), step.uses[1:]) <= {step.uses[0]}


def test_reading_an_undeclared_parameter_is_found():
    assert undeclared("x = run.params.training.epochs + p.labels.policy", ("labels",)) == {"training"}
    assert undeclared("params.load(params_file).training", ()) == {"all of them, by params.load"}
